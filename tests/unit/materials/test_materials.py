"""Arrhenius laws, hopping, and the data of electrolytes: published values, limits, and what is refused."""

import math
import re
import tomllib

import numpy as np
import pytest

from pfsolid.errors import InputError
from pfsolid.materials.arrhenius import BOLTZMANN, ELEMENTARY_CHARGE, Branch, conductivity, fit_arrhenius, surface_from_bulk
from pfsolid.materials.electrolytes import DATA, electrolyte, load_electrolytes
from pfsolid.materials.hopping import nernst_einstein, vacancy_conductivity, vacancy_diffusivity, vacancy_fraction

EV = ELEMENTARY_CHARGE
ROOM = 298.15
# Of a few operations and an exponential of an argument near 20.
ROUND_OFF = 1e-12

BULK = Branch(8.93e-5, ROOM, 0.47 * EV)
TWO_SLOPES = (Branch(0.05, ROOM, 0.35 * EV, highest=423.15), Branch(1.0, 423.15, 0.21 * EV, lowest=423.15))


# --- Arrhenius ---


def test_a_branch_passes_through_its_value_and_has_its_slope():
    """d ln(sigma T) / d(1/k_B T) = -Q, and of sigma alone in the other form."""
    other = Branch(8.93e-5, ROOM, 0.47 * EV, times_temperature=False)
    assert BULK.at(ROOM) == other.at(ROOM) == 8.93e-5
    for branch, power in ((BULK, 1), (other, 0)):
        low, high = 300.0, 400.0
        drop = math.log(branch.at(high) * high**power / (branch.at(low) * low**power))
        assert drop == pytest.approx(0.47 * EV / BOLTZMANN * (1 / low - 1 / high), rel=ROUND_OFF)


def test_the_prefactor_gives_the_value_back():
    """sigma T = A exp(-Q/k_B T)."""
    assert BULK.prefactor * math.exp(-0.47 * EV / (BOLTZMANN * 350)) / 350 == pytest.approx(BULK.at(350), rel=ROUND_OFF)


def test_activation_energies_of_the_two_forms_differ_by_kt():
    """sigma = (sigma T)/T, so the slope of ln sigma is Q - k_B T at each temperature."""
    step = 1e-3
    slope = math.log(BULK.at(ROOM + step) / BULK.at(ROOM - step)) / (
        1 / (BOLTZMANN * (ROOM - step)) - 1 / (BOLTZMANN * (ROOM + step)))
    # 1e-8: the central difference is of second order, (1e-3/298)^2.
    assert slope == pytest.approx(0.47 * EV - BOLTZMANN * ROOM, rel=1e-8)


def test_the_branch_that_holds_is_taken():
    assert conductivity(TWO_SLOPES, 350) == TWO_SLOPES[0].at(350)
    assert conductivity(TWO_SLOPES, 500) == TWO_SLOPES[1].at(500)
    assert conductivity(TWO_SLOPES, 423.15) == TWO_SLOPES[0].at(423.15)


def test_extrapolation_must_be_asked_for():
    narrow = (Branch(1.0, ROOM, 0.3 * EV, lowest=290, highest=310),)
    with pytest.raises(InputError, match="from 290 to 310 K, not at 350 K"):
        conductivity(narrow, 350)
    assert conductivity(narrow, 350, extrapolate=True) == narrow[0].at(350)
    gap = (Branch(1.0, ROOM, 0.3 * EV, highest=300), Branch(2.0, 400, 0.3 * EV, lowest=400))
    with pytest.raises(InputError, match="below 300 K and above 400 K"):
        conductivity(gap, 340)
    assert conductivity(gap, 340, extrapolate=True) == gap[0].at(340)
    assert conductivity(gap, 360, extrapolate=True) == gap[1].at(360)


def test_a_point_without_an_activation_energy_stays_where_it_is():
    point = (Branch(1.2, ROOM, None),)
    assert conductivity(point, 298) == 1.2
    for extrapolate in (False, True):
        with pytest.raises(InputError, match="known at 298.15 K only"):
            conductivity(point, 320, extrapolate)


@pytest.mark.parametrize("temperature", [None, 0, -5, math.nan, math.inf])
def test_a_temperature_is_required(temperature):
    for function in (lambda t: conductivity([BULK], t), lambda t: surface_from_bulk(1, 1, 1, t),
                     lambda t: nernst_einstein(1, 1, t), lambda t: vacancy_diffusivity(1, 1, t, 0),
                     lambda t: vacancy_conductivity(1, 1, 1, t, 0)):
        with pytest.raises(InputError, match="temperature"):
            function(temperature)


def test_surface_from_bulk_of_hu2017():
    """Eq 12 with 0.47 and 0.26 eV at 298.15 K: 3.17e-3 S/cm; the paper prints 3.14e-3, 1 % less."""
    sigma = surface_from_bulk(8.93e-7, 0.47 * EV, 0.26 * EV, ROOM)
    assert sigma == pytest.approx(3.17e-3, rel=2e-3)  # half a unit of the last digit
    assert sigma == pytest.approx(3.14e-3, rel=0.015)
    assert surface_from_bulk(2.0, EV, EV, ROOM) == 2.0


def test_the_fit_recovers_a_law():
    temperatures = np.array([280.0, 300, 330, 370, 420])
    found = fit_arrhenius(temperatures, [BULK.at(t) for t in temperatures])
    # 1e-10: round-off through the sums of five points.
    assert found.activation_energy == pytest.approx(0.47 * EV, rel=1e-10)
    assert found.prefactor == pytest.approx(BULK.prefactor, rel=1e-9)
    assert found.largest_residual < 1e-10 and found.standard_error < 1e-9 * EV


def test_the_fit_says_how_far_it_can_be_trusted():
    """Noise of 1 % in sigma: the standard error covers the deviation in about two of three draws; 3 of them always here."""
    random = np.random.default_rng(3)
    temperatures = np.linspace(280, 420, 15)
    sigma = np.array([BULK.at(t) for t in temperatures]) * np.exp(random.normal(0, 0.01, 15))
    found = fit_arrhenius(temperatures, sigma)
    assert abs(found.activation_energy - 0.47 * EV) < 3 * found.standard_error
    assert fit_arrhenius([300, 400], [1, 2]).standard_error is None


@pytest.mark.parametrize("temperatures, sigma, says", [
    ([300], [1], "two different temperatures"), ([300, 300], [1, 2], "two different temperatures"),
    ([300, 400], [1], "two different temperatures"), ([300, 400], [0, 1], "above 0"), ([-300, 400], [1, 1], "above 0"),
])
def test_what_cannot_be_fitted(temperatures, sigma, says):
    with pytest.raises(InputError, match=says):
        fit_arrhenius(temperatures, sigma)


# --- hopping ---


def test_nernst_einstein_is_the_paper_s_molar_form():
    """Eq 9 in moles, z^2 F^2 c D/(R T), with F = e N_A and R = k_B N_A."""
    avogadro = 6.02214076e23
    faraday, gas = ELEMENTARY_CHARGE * avogadro, BOLTZMANN * avogadro
    molar, diffusivity = 3.0e4, 1e-12
    expected = 4 * faraday**2 * molar * diffusivity / (gas * ROOM)
    assert nernst_einstein(molar * avogadro, diffusivity, ROOM, 2) == pytest.approx(expected, rel=ROUND_OFF)


def test_nernst_einstein_of_llzo():
    """n = 3.17e21 /cm^3 and D = 1.33e-8 cm^2/s at room temperature, both published as a pair, are 2.63e-4 S/cm.

    M. M. Ahmad, RSC Adv. 5 (2015), doi:10.1039/C4RA15972A, abstract; D has three digits and follows from sigma there.
    """
    sigma = nernst_einstein(3.17e27, 1.33e-12, ROOM) / 100
    assert sigma == pytest.approx(2.63e-4, rel=5e-3)


def test_vacancy_diffusivity_without_barriers_is_a_random_walk():
    """gamma a^2 nu with gamma = 1/6, 1/4, 1/2 in three, two and one dimension."""
    for factor in (1 / 6, 1 / 4, 1 / 2):
        assert vacancy_diffusivity(3e-10, 1e13, ROOM, 0, geometric_factor=factor) == pytest.approx(factor * 9e-7,
                                                                                                   rel=ROUND_OFF)


def test_vacancy_conductivity_has_the_activation_energy_of_eq_11():
    """ln(sigma T) falls by (dH_m + dH_f)/k_B T: with the T that the printed eq 11 lacks."""
    def sigma(temperature):
        return vacancy_conductivity(2e28, 3e-10, 1e13, temperature, 0.26 * EV, 0.21 * EV, BOLTZMANN, 2 * BOLTZMANN)

    temperatures = [280, 320, 400]
    found = fit_arrhenius(temperatures, [sigma(t) for t in temperatures])
    assert found.activation_energy == pytest.approx(0.47 * EV, rel=1e-9)
    # Entropies enter as exp((dS_m + dS_f)/k_B) = e^3.
    plain = vacancy_conductivity(2e28, 3e-10, 1e13, ROOM, 0.26 * EV, 0.21 * EV)
    assert sigma(ROOM) / plain == pytest.approx(math.exp(3), rel=ROUND_OFF)


def test_the_ratio_of_two_vacancy_conductivities_is_eq_12():
    """Surface over bulk, same attempts and sites: exp((Q_bulk - Q_surf)/k_B T)."""
    bulk = vacancy_conductivity(2e28, 3e-10, 1e13, ROOM, 0.26 * EV, 0.21 * EV)
    surface = vacancy_conductivity(2e28, 3e-10, 1e13, ROOM, 0.26 * EV)
    assert surface == pytest.approx(surface_from_bulk(bulk, 0.47 * EV, 0.26 * EV, ROOM), rel=ROUND_OFF)


def test_without_formation_energy_every_site_is_vacant():
    assert vacancy_fraction(ROOM, 0.0) == 1
    assert vacancy_fraction(ROOM, 2 * BOLTZMANN * ROOM) == pytest.approx(math.exp(-1), rel=ROUND_OFF)


# --- the data ---


def test_beta_li3ps4_is_that_of_hu2017():
    data = electrolyte("beta-Li3PS4")
    assert data.sigma("bulk", ROOM) == pytest.approx(8.93e-5, rel=ROUND_OFF)  # S/m
    assert data.sigma("surface", ROOM) == pytest.approx(0.314, rel=ROUND_OFF)
    energies = [data.find("conductivity", kind).activation_energy_eV for kind in ("bulk", "surface")]
    assert energies == [0.47, 0.26]
    assert data.find("surface energy").value == 0.020
    assert [v.value for v in data.values if v.quantity == "surface depth"] == [1.4, 0.9]


def test_its_surface_value_is_eq_12():
    """To the per cent by which the paper's 3.14e-3 differs from its own formula."""
    data = electrolyte("beta-Li3PS4")
    expected = surface_from_bulk(data.sigma("bulk", ROOM), 0.47 * EV, 0.26 * EV, ROOM)
    assert data.sigma("surface", ROOM) == pytest.approx(expected, rel=0.015)


def test_every_value_has_its_source():
    for data in load_electrolytes().values():
        assert data.values and data.about
        for value in data.values:
            assert re.fullmatch(r"10\.\d{4,}/\S+", value.source.doi)
            assert value.where and value.source.citation
            assert all(part in value.provenance for part in (value.source.doi, value.where, value.method))


def test_no_source_stands_unused():
    raw = tomllib.loads(DATA.read_text())
    used = {value["source"] for entry in raw["electrolyte"] for value in entry["value"]}
    assert used == set(raw["source"])


def test_conductivities_are_of_the_size_they_should_be():
    """A slip of a unit or exponent: nothing known conducts ions better than 0.1 S/cm at room temperature."""
    for data in load_electrolytes().values():
        for value in data.values:
            if value.quantity == "conductivity":
                assert 1e-12 < value.value < 0.1 and 250 < value.at_K < 400
            elif value.quantity == "activation energy":
                assert 0.02 < value.value < 1.5


GOOD = """
[source.a]
doi = "10.1000/a"
citation = "A"
[[electrolyte]]
name = "X"
about = "x"
[[electrolyte.value]]
quantity = "conductivity"
kind = "bulk"
value = 1e-3
unit = "S/cm"
at_K = 300.0
temperature = "300 K"
method = "measured"
source = "a"
where = "abstract"
"""


def loaded(tmp_path, text):
    path = tmp_path / f"{abs(hash(text))}.toml"
    path.write_text(text)
    return load_electrolytes(path)


def test_a_complete_value_is_taken(tmp_path):
    assert loaded(tmp_path, GOOD)["X"].sigma("bulk", 300) == pytest.approx(0.1, rel=ROUND_OFF)


@pytest.mark.parametrize("line", ['quantity = "conductivity"', "value = 1e-3", 'unit = "S/cm"', 'method = "measured"',
                                  'source = "a"', 'where = "abstract"', 'kind = "bulk"', "at_K = 300.0",
                                  'temperature = "300 K"', 'doi = "10.1000/a"', 'citation = "A"'])
def test_no_value_without_its_source_unit_method_kind_and_temperature(tmp_path, line):
    with pytest.raises(InputError):
        loaded(tmp_path, GOOD.replace(line, ""))


@pytest.mark.parametrize("old, new", [
    ('doi = "10.1000/a"', 'doi = "www.example.org"'), ('source = "a"', 'source = "b"'), ('"S/cm"', '"S/m"'),
    ('"measured"', '"guessed"'), ('"bulk"', '"grain"'), ('where =', 'carrier = "holes"\nwhere ='),
    ('where =', 'extra = 1\nwhere ='),
])
def test_what_the_loader_refuses(tmp_path, old, new):
    with pytest.raises(InputError):
        loaded(tmp_path, GOOD.replace(old, new))


def test_a_name_stands_once(tmp_path):
    with pytest.raises(InputError, match="twice"):
        loaded(tmp_path, GOOD + '[[electrolyte]]\nname = "X"\nabout = "again"\n')


@pytest.mark.parametrize("name, offers", [("beta-Li3PS", "beta-Li3PS4"), ("LLZO", "c-LLZO"), ("LGPS", "Li10GeP2S12"),
                                          ("nasicon", "Na3.4Zr2Si2.4P0.6O12 or Na3Zr2Si2PO12"),
                                          ("xyzxyz", "materials list"), ("", "materials list")])
def test_an_unknown_material_gets_the_nearest_names(name, offers):
    with pytest.raises(InputError, match="unknown material") as caught:
        electrolyte(name)
    assert offers in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_not_known_of_a_material_is_said():
    with pytest.raises(InputError, match="no surface conductivity is known; there is total conductivity"):
        electrolyte("PEO").sigma("surface", ROOM)
    with pytest.raises(InputError, match="LLTO, apparent grain boundary conductivity: known at 298.15 K only"):
        electrolyte("LLTO").sigma("apparent grain boundary", 350)
