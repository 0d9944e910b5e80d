"""Into battery models: what is handed over leads back to sigma_eff, under the names that these models use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.homogenization.battery import to_pybamm, transport_along

# Straight pores along z and y, five eighths of the volume, and a poor conductor: sigma is the arithmetic mean along them.
WALLS = np.repeat([0, 1], [5, 3]) * np.ones((4, 4, 1), int)
SCRIPT = Path(__file__).parents[3] / "scripts/docs/check_battery_models.py"
MEAN = 0.625 * 1e-2 + 0.375 * 1e-3


@pytest.fixture(scope="module")
def found():
    image = pf.Image(WALLS, voxel_nm=100, names={0: "electrolyte", 1: "solid"})
    return pf.conductivity(image, {0: 1e-2, 1: 1e-3}, fields=False)


def test_the_submodel_of_pybamm_comes_back_to_the_conductivity(found):
    for phase, sigma in (("electrolyte", 1.0), ("solid", 0.1)):  # S/m
        values = found.to_pybamm("separator", direction="z", phase=phase)
        efficiency = values["Separator porosity"] / values["Separator tortuosity factor (electrolyte)"]
        assert efficiency * sigma == pytest.approx(100 * MEAN, rel=1e-4)  # to the tolerance
        electrode = found.to_pybamm("positive electrode", "electrode", "z", phase)
        efficiency = (1 - electrode["Positive electrode porosity"]) / electrode[
            "Positive electrode tortuosity factor (electrode)"]
        assert efficiency * electrode["Positive electrode conductivity [S.m-1]"] == pytest.approx(100 * MEAN, rel=1e-4)
    assert found.to_pybamm("separator", direction="z", phase="electrolyte")["Separator porosity"] == 0.625


def test_the_cell_models_own_porosity_changes_tau_and_not_the_conductivity(found):
    values = found.to_pybamm("separator", direction="z", porosity=0.5)
    assert values["Separator porosity"] == 0.5
    assert 0.5 / values["Separator tortuosity factor (electrolyte)"] == pytest.approx(MEAN / 1e-2, rel=1e-4)


def test_an_electrode_of_two_carriers_comes_back_to_both_conductivities(tmp_path, run_cli):
    """Layers along the field: area fraction x conductivity of each, both counted with the electrolyte's porosity, 5/8."""
    found = pf.electrode(pf.Image(WALLS, voxel_nm=100), {"ion": {0: 1e-2}, "electron": {1: 4e-2}}, directions="z")
    values = found.to_pybamm("positive electrode")
    assert values["Positive electrode porosity"] == 0.625
    assert values["Positive electrode tortuosity factor (electrolyte)"] == pytest.approx(1, rel=1e-6)
    solid = (1 - 0.625) / values["Positive electrode tortuosity factor (electrode)"]
    assert solid * values["Positive electrode conductivity [S.m-1]"] == pytest.approx(100 * 0.375 * 4e-2, rel=1e-6)
    np.save(tmp_path / "walls.npy", WALLS)
    command = ("conduct", tmp_path / "walls.npy", "--voxel-nm", "100", "--carrier", "ion:0=1e-2", "--carrier",
               "electron:1=4e-2", "--directions", "z", "--set", "output.figures=false", "--domain", "positive-electrode",
               "-o", tmp_path / "out")
    for kind, name in (("pybamm", "pybamm.json"), ("bpx", "bpx.json")):
        status, _, error = run_cli(*command, "--force", "--export", kind)
        assert status == 0, error
        written = json.loads((tmp_path / "out" / name).read_text())
        if kind == "pybamm":
            assert written == pytest.approx(values, rel=1e-12)
        else:
            part = written["Parameterisation"]["Positive electrode"]
            assert part == pytest.approx({"Porosity": 0.625, "Transport efficiency": 0.625, "Conductivity [S.m-1]": 1.5},
                                         rel=1e-6)


def test_two_carriers_are_needed():
    alone = pf.electrode(pf.Image(WALLS, voxel_nm=100), {"ion": {0: 1e-2}}, directions="z")
    with pytest.raises(pf.InputError, match="takes two carriers, and there are 1"):
        alone.to_pybamm("positive electrode")


def test_bpx_has_the_efficiency_of_the_electrolyte_and_the_effective_conductivity_of_an_electrode(found):
    part = found.to_bpx("negative electrode", direction="y")["Parameterisation"]["Negative electrode"]
    assert part == {"Porosity": 0.625, "Transport efficiency": pytest.approx(1 / found.macmullin[1])}
    part = found.to_bpx("negative electrode", "electrode", "y")["Parameterisation"]["Negative electrode"]
    assert part == {"Conductivity [S.m-1]": pytest.approx(100 * MEAN, rel=1e-4)}


def test_a_tensor_is_taken_along_the_direction(found):
    tensors = {0: np.diag([1e-2, 1e-2, 2e-2]), 1: 1e-3}
    along_z = pf.conductivity(WALLS, tensors, voxel_nm=100, directions="z", fields=False)
    assert transport_along(along_z.result).phase_S_per_m == pytest.approx(2.0)
    axes = pf.conductivity(WALLS, {0: [1e-2, 1e-2, 2e-2], 1: 1e-3}, voxel_nm=100, directions="z", fields=False)
    assert axes.to_pybamm("separator") == pytest.approx(along_z.to_pybamm("separator"), rel=2e-4)  # two solvers' tolerance


@pytest.mark.parametrize("arguments, says", [
    (("anode",), "domain 'anode': must be one of"),
    (("separator", "electrode"), "a separator has no component 'electrode'"),
    (("separator", "ions"), "component 'ions'"),
    (("separator",), "along which of x, y, z"),
    (("separator", "electrolyte", "w"), "direction 'w'"),
    (("separator", "electrolyte", "z", "pore"), "phase 'pore': there are electrolyte, solid"),
    (("separator", "electrolyte", "z", None, 1.5), "porosity = 1.5"),
])
def test_likely_mistakes(found, arguments, says):
    with pytest.raises(pf.InputError, match=says):
        found.to_pybamm(*arguments)


def test_what_does_not_percolate_has_no_tortuosity_factor():
    blocked = pf.conductivity(WALLS, {0: 1e-2, 1: 0}, voxel_nm=100, directions="x", fields=False)
    with pytest.raises(pf.InputError, match="nothing that conducts percolates along x"):
        blocked.to_bpx("separator")
    with pytest.raises(pf.InputError, match="does not conduct along x|percolates"):
        blocked.to_pybamm("separator", phase="label 1")


def test_the_command_line_writes_the_same(tmp_path, run_cli, found):
    np.save(tmp_path / "walls.npy", WALLS.astype(np.uint8))
    command = ["conduct", tmp_path / "walls.npy", "--sigma", "0=1e-2,1=1e-3", "--voxel-nm", "100", "--set",
               "output.figures=false", "--export"]
    for name, options in (("pybamm", ["--domain", "separator", "--along", "z"]),
                          ("bpx", ["--domain", "negative-electrode", "--along", "z", "--component", "electrode"]),
                          ("json", [])):
        status, _, error = run_cli(*command, name, *options, "-o", tmp_path / name)
        assert status == 0, error
    result = found.result
    assert json.loads((tmp_path / "pybamm/pybamm.json").read_text()) == to_pybamm(result, "separator", direction="z")
    assert json.loads((tmp_path / "bpx/bpx.json").read_text()) == found.to_bpx("negative electrode", "electrode", "z")
    plain = json.loads((tmp_path / "json/transport.json").read_text())
    assert set(plain["directions"]) == {"x", "y", "z"}
    assert plain["directions"]["z"]["transport_efficiency"] == pytest.approx(MEAN / 1e-2, rel=1e-4)
    status, _, error = run_cli(*command, "json", "-o", tmp_path / "json", "--force")  # its file goes with the old results
    assert status == 0, error


@pytest.mark.parametrize("options, says", [
    (["--export", "pybamm"], "needs --domain"), (["--export", "bpx", "--domain", "separator"], "needs --along"),
    (["--domain", "separator"], "--domain is for --export"),
    (["--export", "bpx", "--domain", "separator", "--directions", "xy", "--along", "z"], "--along z: no field"),
    (["--export", "bpx", "--domain", "separator", "--component", "electrode", "--along", "z"], "--component electrode"),
])
def test_the_command_line_refuses_before_it_computes(options, says, tmp_path, run_cli):
    np.save(tmp_path / "walls.npy", WALLS.astype(np.uint8))
    status, _, error = run_cli("conduct", tmp_path / "walls.npy", "--sigma", "0=1e-2,1=0", "--voxel-nm", "100", *options)
    assert status == 2 and says in error and not (tmp_path / "walls_conduct").exists()


def pybamm_python() -> str | None:
    """An interpreter that has PyBaMM and BPX: the one named in PFSOLID_BATTERY_PYTHON, or this one."""
    for candidate in filter(None, (os.environ.get("PFSOLID_BATTERY_PYTHON"), sys.executable)):
        if subprocess.run([candidate, "-c", "import pybamm, bpx"], capture_output=True).returncode == 0:
            return candidate
    return None


def test_pybamm_and_bpx_themselves_have_our_conductivity(tmp_path, run_cli):
    python = pybamm_python()
    if python is None:
        pytest.skip("PyBaMM and BPX are not installed; name an interpreter that has them in PFSOLID_BATTERY_PYTHON")
    np.save(tmp_path / "walls.npy", WALLS.astype(np.uint8))
    folders = []
    for kind, domain, component in (("pybamm", "separator", "electrolyte"), ("pybamm", "positive-electrode", "electrode"),
                                    ("bpx", "separator", "electrolyte"), ("bpx", "negative-electrode", "electrode")):
        folders.append(str(tmp_path / f"{kind}_{component}"))
        assert run_cli("conduct", tmp_path / "walls.npy", "--sigma", "0=1e-2,1=1e-3", "--voxel-nm", "100", "--directions",
                       "z", "--export", kind, "--domain", domain, "--component", component, "-o", folders[-1])[0] == 0
    done = subprocess.run([python, SCRIPT, *folders], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 4
    for one in found:
        assert one["relative difference"] == pytest.approx(0, abs=1e-12)  # rounding of a few operations
