"""`pfsolid materials surface` and `materials hopping`: conductivities from activation energies, eqs 9 to 12 of Hu 2017."""

from __future__ import annotations

import math

from ..errors import InputError
from ..units import NM, S_PER_M
from .options import print_on_root

# Far outside anything physical: they keep exponentials from overflowing.
_LARGEST_EV, _LARGEST_KB, _LARGEST_CHARGE = 10.0, 100.0, 10.0


def add_actions(actions) -> None:
    """Hang both into the actions of `materials`."""
    text = "conductivity of a surface from that of the bulk and both activation energies: eq 12 of Hu 2017"
    surface = actions.add_parser("surface", help=text, description=text)
    surface.set_defaults(command=_surface)
    _add(surface, "--sigma-bulk-S-per-cm", "S", "conductivity of the bulk", default=None)
    _add(surface, "--Q-bulk-eV", "Q", "activation energy of the bulk", default=None)
    _add(surface, "--Q-surface-eV", "Q", "activation energy of the surface", default=None)
    _add(surface, "--temperature-K", "T", "temperature in K", default=None)
    _add(surface, "--scale", "K", "factor on the surface's energy, for calculations that find energies too low", default=1.0)

    text = "diffusivity and conductivity by vacancies from jumps and energies: eqs 9, 10 and 11 of Hu 2017"
    hopping = actions.add_parser("hopping", help=text, description=text)
    hopping.set_defaults(command=_hopping)
    _add(hopping, "--jump-length-nm", "A", "length of a jump", default=None)
    _add(hopping, "--frequency-Hz", "NU", "frequency at which jumps are tried, about Debye's", default=None)
    _add(hopping, "--temperature-K", "T", "temperature in K", default=None)
    _add(hopping, "--site-density-per-nm3", "N", "sites that can be vacant", default=None)
    _add(hopping, "--migration-enthalpy-eV", "H", "of a vacancy", default=None)
    _add(hopping, "--formation-enthalpy-eV", "H", "of a pair of vacancy and interstitial (default 0)", default=0.0)
    _add(hopping, "--migration-entropy-kB", "S", "in k_B (default 0)", default=0.0)
    _add(hopping, "--formation-entropy-kB", "S", "of the pair, in k_B (default 0)", default=0.0)
    _add(hopping, "--geometric-factor", "G", "1/6 in three dimensions (default), 1/4 in two, 1/2 in one", default=1 / 6)
    _add(hopping, "--charge-number", "Z", "of the ions (default 1)", default=1.0)


def _add(parser, option: str, metavar: str, text: str, default: float | None) -> None:
    parser.add_argument(option, type=float, metavar=metavar, help=text, required=default is None, default=default,
                        dest=option.lstrip("-").replace("-", "_"))


def _check(options, names, lowest: float = 0.0, highest: float = math.inf, open_below: bool = False) -> None:
    for name in names:
        value = getattr(options, name)
        if not (math.isfinite(value) and lowest <= value <= highest) or (open_below and value == lowest):
            allowed = f"above {lowest:g}" if open_below else f"from {lowest:g}"
            allowed += f" to {highest:g}" if highest < math.inf else "" if open_below else " up"
            raise InputError(f"--{name.replace('_', '-')} = {value:g}: must be {allowed}")


def _surface(options) -> None:
    from ..materials.arrhenius import ELEMENTARY_CHARGE, surface_from_bulk

    _check(options, ("sigma_bulk_S_per_cm", "temperature_K", "scale"), open_below=True)
    _check(options, ("Q_bulk_eV", "Q_surface_eV"), highest=_LARGEST_EV)
    energy = options.scale * options.Q_surface_eV
    sigma = surface_from_bulk(options.sigma_bulk_S_per_cm, ELEMENTARY_CHARGE * options.Q_bulk_eV, ELEMENTARY_CHARGE * energy,
                              options.temperature_K)
    lines = ["sigma_surf = sigma_bulk exp[(Q_bulk - Q_surf) / k_B T]: eq 12 of Hu et al. 2017, doi:10.1021/acsami.7b11292"]
    if options.scale != 1:
        lines.append(f"Q_surf {energy:.4g} eV, {options.scale:g} x {options.Q_surface_eV:g} eV")
    ratio = sigma / options.sigma_bulk_S_per_cm
    lines.append(f"sigma of the surface {sigma:.4g} S/cm, {ratio:.4g} times the bulk, at {options.temperature_K:g} K")
    print_on_root(lines)


def _hopping(options) -> None:
    from ..materials.arrhenius import BOLTZMANN, ELEMENTARY_CHARGE
    from ..materials.hopping import nernst_einstein, vacancy_diffusivity, vacancy_fraction

    _check(options, ("jump_length_nm", "frequency_Hz", "temperature_K", "site_density_per_nm3", "geometric_factor"),
           open_below=True)
    _check(options, ("migration_enthalpy_eV", "formation_enthalpy_eV"), highest=_LARGEST_EV)
    _check(options, ("migration_entropy_kB", "formation_entropy_kB"), -_LARGEST_KB, _LARGEST_KB)
    _check(options, ("charge_number",), -_LARGEST_CHARGE, _LARGEST_CHARGE)
    enthalpies = [ELEMENTARY_CHARGE * value for value in (options.migration_enthalpy_eV, options.formation_enthalpy_eV)]
    entropies = [BOLTZMANN * value for value in (options.migration_entropy_kB, options.formation_entropy_kB)]
    temperature = options.temperature_K
    diffusivity = vacancy_diffusivity(NM * options.jump_length_nm, options.frequency_Hz, temperature, *enthalpies,
                                      *entropies, options.geometric_factor)
    fraction = vacancy_fraction(temperature, enthalpies[1], entropies[1])
    vacancies = fraction * options.site_density_per_nm3 / NM**3
    sigma = nernst_einstein(vacancies, diffusivity, temperature, options.charge_number)
    print_on_root([
        "Hu et al. 2017, doi:10.1021/acsami.7b11292; eq 11 with the temperature that its second exponent lacks in print",
        f"D of a vacancy       {diffusivity:.4g} m^2/s (eq 10)",
        f"vacant sites         {fraction:.4g} of all, {vacancies:.4g} per m^3",
        f"sigma by vacancies   {sigma / S_PER_M:.4g} S/cm (eqs 9 and 11) at {temperature:g} K"])
