"""`pfsolid materials`: what it prints, and how it refuses."""

import pytest

from pfsolid.materials.electrolytes import load_electrolytes


def test_list_names_every_value_on_one_screen(run_cli):
    status, out, _ = run_cli("materials", "list")
    lines = out.splitlines()
    assert status == 0
    assert all(name in out for name in load_electrolytes())
    assert len(lines) == 2 + sum(len(data.values) for data in load_electrolytes().values())
    assert len(lines) <= 40 and max(map(len, lines)) <= 120


def test_show_gives_each_value_with_its_source(run_cli):
    status, out, _ = run_cli("materials", "show", "beta-Li3PS4")
    assert status == 0
    assert "8.93e-07 S/cm, at 298.15 K, Ea 0.47 eV, measured" in out
    assert out.count("doi:10.1021/acsami.7b11292") == len(load_electrolytes()["beta-Li3PS4"].values)


def test_show_at_a_temperature(run_cli):
    status, out, _ = run_cli("materials", "show", "beta-Li3PS4", "--temperature-K", "298.15")
    assert status == 0 and "bulk conductivity  8.93e-07 S/cm" in out and "beyond" not in out
    status, out, _ = run_cli("materials", "show", "beta-Li3PS4", "--temperature-K", "320", "--extrapolate")
    assert status == 0 and "2.901e-06 S/cm  (beyond the range of its source)" in out


def test_show_says_which_kinds_are_not_known_there(run_cli):
    status, out, _ = run_cli("materials", "show", "LLTO", "--temperature-K", "320", "--extrapolate")
    assert status == 0 and "bulk conductivity" in out
    assert "not apparent grain boundary: known at 298.15 K only" in out


@pytest.mark.parametrize("arguments, says", [
    (["LLZO"], "unknown material 'LLZO': did you mean c-LLZO?"),
    (["beta-Li3PS4", "--temperature-K", "320"], "its source gives it at 298.15 K, not at 320 K"),
    (["beta-Li3PS4", "--temperature-K", "0"], "--temperature-K: temperature = 0.0: must be above 0 K"),
    (["beta-Li3PS4", "--temperature-K", "nan"], "must be above 0 K"),
    (["Na3Zr2Si2PO12", "--temperature-K", "300"], "no conductivity is known"),
    (["Li10GeP2S12", "--temperature-K", "320", "--extrapolate"], "without an activation energy"),
])
def test_mistakes_cost_one_line(run_cli, arguments, says):
    status, out, error = run_cli("materials", "show", *arguments)
    assert status == 2 and out == ""
    assert says in error and len(error.splitlines()) == 1


def test_an_action_is_needed(run_cli):
    status, _, error = run_cli("materials")
    assert status == 2 and "ACTION" in error


# --- from activation energies ---------------------------------------------------------------------------------------


def test_surface_from_bulk(run_cli):
    """Eq 12 of Hu 2017 by hand: 8.93e-7 exp(0.21 eV / (8.617333e-5 eV/K 298.15 K)) = 3.167e-3 S/cm."""
    hu = ("--sigma-bulk-S-per-cm", "8.93e-7", "--Q-bulk-eV", "0.47", "--temperature-K", "298.15", "--Q-surface-eV")
    status, out, _ = run_cli("materials", "surface", *hu, "0.26")
    assert status == 0 and "0.003167 S/cm, 3546 times the bulk" in out
    assert "0.003167 S/cm" in run_cli("materials", "surface", *hu, "0.1", "--scale", "2.6")[1]


def test_hopping(run_cli):
    """By hand: D = (1/6) (3e-10)^2 1e13 exp(-0.3/0.0256926), exp(-0.1/0.0256926) of sites vacant, sigma = n e^2 D/k_B T."""
    status, out, _ = run_cli("materials", "hopping", "--jump-length-nm", "0.3", "--frequency-Hz", "1e13", "--temperature-K",
                             "298.15", "--site-density-per-nm3", "20", "--migration-enthalpy-eV", "0.2",
                             "--formation-enthalpy-eV", "0.2")
    assert status == 0 and "1.274e-12 m^2/s" in out and "0.0204 of all" in out and "3.241e-05 S/cm" in out


@pytest.mark.parametrize("option, value, says", [
    ("--temperature-K", "0", "--temperature-K = 0: must be above 0"),
    ("--Q-surface-eV", "-1", "--Q-surface-eV = -1: must be from 0 to 10"),
    ("--sigma-bulk-S-per-cm", "nan", "--sigma-bulk-S-per-cm = nan: must be above 0"),
])
def test_impossible_energies(run_cli, option, value, says):
    given = {"--sigma-bulk-S-per-cm": "1e-6", "--Q-bulk-eV": "0.5", "--Q-surface-eV": "0.3", "--temperature-K": "300"}
    arguments = [f"{name}={text}" for name, text in (given | {option: value}).items()]
    status, out, err = run_cli("materials", "surface", *arguments)
    assert status == 2 and not out and says in err and err.count("\n") == 1
