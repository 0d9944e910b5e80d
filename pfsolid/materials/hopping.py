r"""Hopping conduction: Nernst-Einstein and the vacancy mechanism, eqs 9 to 11 of Hu 2017.

Equation numbers are those of J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292.
Particles are counted in 1/m^3 and energies in J, so F^2/R of the paper is e^2/k_B here.
"""

from __future__ import annotations

import math

from .arrhenius import BOLTZMANN, ELEMENTARY_CHARGE, checked_temperature


def nernst_einstein(number_density: float, diffusivity: float, temperature: float | None, charge_number: float = 1) -> float:
    r"""Conductivity (S/m) of ions that move independently, eq. 9.

    .. math:: \sigma = \frac{z^2 e^2 n D}{k_B T}

    Parameters
    ----------
    number_density : float
        n (1/m^3).
    diffusivity : float
        D (m^2/s).
    temperature : float
        K.
    charge_number : float
        z.

    Returns
    -------
    float
        S/m.

    Examples
    --------
    >>> round(nernst_einstein(1e28, 1e-14, 300.0), 6)                         # 1.602e-19^2 * 1e14 / (1.381e-23 * 300)
    0.00062
    """
    temperature = checked_temperature(temperature)
    return (charge_number * ELEMENTARY_CHARGE) ** 2 * number_density * diffusivity / (BOLTZMANN * temperature)


def vacancy_diffusivity(jump_length: float, frequency: float, temperature: float | None, migration_enthalpy: float,
                        formation_enthalpy: float = 0.0, migration_entropy: float = 0.0, formation_entropy: float = 0.0,
                        geometric_factor: float = 1 / 6) -> float:
    r"""Self-diffusion coefficient (m^2/s) by vacancies of Frenkel pairs, eq. 10.

    .. math:: D = \gamma a^2 \nu \exp\frac{\Delta S_m + \Delta S_f/2}{k_B}
              \exp\left(-\frac{\Delta H_m + \Delta H_f/2}{k_B T}\right)

    Parameters
    ----------
    jump_length : float
        a (m).
    frequency : float
        nu (1/s), about the Debye frequency.
    temperature : float
        K.
    migration_enthalpy, formation_enthalpy : float
        J; the formation is that of a pair.
    migration_entropy, formation_entropy : float
        J/K.
    geometric_factor : float
        gamma: 1/6 in three dimensions, 1/4 in two, 1/2 in one.

    Returns
    -------
    float
        m^2/s.
    """
    entropy = migration_entropy + formation_entropy / 2
    enthalpy = migration_enthalpy + formation_enthalpy / 2
    factor = geometric_factor * jump_length**2 * frequency
    return factor * _boltzmann_factor(entropy, enthalpy, checked_temperature(temperature))


def vacancy_fraction(temperature: float | None, formation_enthalpy: float, formation_entropy: float = 0.0) -> float:
    """Vacant sites per site, exp(dS_f/2k_B) exp(-dH_f/2k_B T), of Frenkel pairs.

    Parameters
    ----------
    temperature : float
        K.
    formation_enthalpy : float
        J, of a pair.
    formation_entropy : float
        J/K.

    Returns
    -------
    float
    """
    return _boltzmann_factor(formation_entropy / 2, formation_enthalpy / 2, checked_temperature(temperature))


def vacancy_conductivity(site_density: float, jump_length: float, frequency: float, temperature: float | None,
                         migration_enthalpy: float, formation_enthalpy: float = 0.0, migration_entropy: float = 0.0,
                         formation_entropy: float = 0.0, geometric_factor: float = 1 / 6, charge_number: float = 1) -> float:
    r"""Conductivity (S/m) by vacancies, eq. 11 with the temperature that its second exponent lacks in print.

    .. math:: \sigma_v = \frac{\gamma a^2 \nu z^2 e^2 n_s}{k_B T}
              \exp\frac{\Delta S_m + \Delta S_f}{k_B} \exp\left(-\frac{\Delta H_m + \Delta H_f}{k_B T}\right)

    Parameters
    ----------
    site_density : float
        n_s, sites that can be vacant (1/m^3).
    jump_length : float
        a (m).
    frequency : float
        nu, at which jumps are tried (1/s).
    temperature : float
        K.
    migration_enthalpy, formation_enthalpy : float
        Delta H_m and Delta H_f (J).
    migration_entropy, formation_entropy : float
        Delta S_m and Delta S_f (J/K).
    geometric_factor : float
        gamma.
    charge_number : float
        z.

    Returns
    -------
    float
        S/m.

    Notes
    -----
    It is eq. 9 with the vacancies' concentration and the diffusivity of eq. 10.  Both contain half of the formation
    enthalpy, so all of it is in the sum, as the paper has it.  Where D of eq. 10 is meant as the tracer's, n of eq. 9
    is that of all ions, and only half remains; for the surface, where dH_f is about 0, it makes no difference.

    Examples
    --------
    >>> from pfsolid.materials import vacancy_conductivity
    >>> sites, jump, attempts, barrier = 2e28, 3e-10, 1e13, 0.3 * 1.602176634e-19       # 1/m^3, m, 1/s, J
    >>> f"{vacancy_conductivity(sites, jump, attempts, 300.0, barrier) / 100:.2e} S/cm"
    '1.70e-03 S/cm'
    """
    vacancies = site_density * vacancy_fraction(temperature, formation_enthalpy, formation_entropy)
    diffusivity = vacancy_diffusivity(jump_length, frequency, temperature, migration_enthalpy, formation_enthalpy,
                                      migration_entropy, formation_entropy, geometric_factor)
    return nernst_einstein(vacancies, diffusivity, temperature, charge_number)


def _boltzmann_factor(entropy: float, enthalpy: float, temperature: float) -> float:
    return math.exp(entropy / BOLTZMANN - enthalpy / (BOLTZMANN * temperature))
