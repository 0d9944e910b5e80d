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
