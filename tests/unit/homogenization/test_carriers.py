"""Two carriers against formulas: electrode tortuosity of slits, bodies that are reached, profiles, reaction front."""

import json
import re

import numpy as np
import pytest
from helpers.builders import ALONE
from scipy.integrate import solve_bvp

import pfsolid as pf
from pfsolid.config.image import study_from_text
from pfsolid.errors import Interrupted
from pfsolid.workflows.carriers import conduct_carriers
from pfsolid.workflows.console import open_session
from pfsolid.workflows.resume import resume
from pfsolid.workflows.solved import OneTensor

NAMES = {0: "pore", 1: "SE", 2: "CAM"}
TIGHT = {"tolerance": 1e-8, "voxel_nm": 100}


def slits(length, width, wall, depth=None):
    """Layers of electrolyte between insulating walls, along the first axis as deep as asked for."""
    array = np.zeros((length, 3, width + wall), int)
    array[:depth, :, :width] = 1
    return array


def of_ions(array, **options):
    """Along z; the other carrier conducts everywhere."""
    return pf.electrode(array, {"ion": {1: 1e-3}, "electron": {"*": 1.0}}, directions="z", names={0: "pore", 1: "SE"},
                        **TIGHT | options)


@pytest.mark.parametrize("width", [1, 4, 5])
def test_tortuosity_of_a_straight_slit(width):
    """1 for a slender one: 1 + 1/2N^2 of the links' ends, and w^2/4L^2 (n - 1)(n - 2)/n^2 of what flows across n voxels."""
    length = 24
    # The walls of the slit beside the end of the image are not seen: the structure is turned so that both are inside.
    array = np.roll(slits(length, width, 3), 2, axis=2)
    across = width**2 / (4 * length**2) * (width - 1) * (width - 2) / width**2
    found = of_ions(array).along("z")
    # Solved to 1e-8; at the plate, whose potential is one, less flows across: a part of w/L of it.
    expected = 1 + 1 / (2 * length**2) + across
    assert found.electrode_tortuosity == pytest.approx(expected, rel=1e-6, abs=width / length * across)
    assert found.electrolyte_fraction == pytest.approx(width / (width + 3), rel=1e-12)


def test_tortuosity_of_a_dead_end():
    """d (a^3 - w^3) / (2 a^2 L^2), a = 2 d + w, of a slit that ends at the depth d, its end reacting too."""
    length, depth, width = 40, 30, 2
    found = of_ions(np.roll(slits(length, width, 3, depth), 2, axis=2)).along("z")
    a = 2 * depth + width
    # The end's corners are rounded off by the normals over two voxels of 30: the farthest walls have too small an area.
    assert found.electrode_tortuosity == pytest.approx(depth * (a**3 - width**3) / (2 * a**2 * length**2), rel=0.05)


def test_what_cannot_be_reached_takes_no_part():
    """A closed pore changes the fraction and with it the tortuosity, not the resistance (but for normals nearby, 0.3 %)."""
    array = np.roll(slits(24, 4, 8), 2, axis=2)
    alone = of_ions(array).along("z")
    array[10:14, :, 9:11] = 1
    found = of_ions(array).along("z")
    ratio = found.electrode_tortuosity / alone.electrode_tortuosity
    assert ratio == pytest.approx(found.electrolyte_fraction / alone.electrolyte_fraction, rel=3e-3)


def test_bodies_that_both_carriers_reach():
    """Active material: one body through, one that touches nothing, one that ions reach and electrons do not."""
    array = np.zeros((12, 4, 12), int)
    array[:, :, 5] = 1                   # electrolyte from plate to plate
    array[2:, :, 6] = 2                  # beside it, to the collector
    array[3:9, :, 8:10] = 2              # touches nothing
    array[3:9, :, 4] = 2                 # beside the electrolyte, alone
    found = pf.electrode(array, {"ion": {"SE": 1e-3}, "electron": {"CAM": 5e-3}}, directions="z", names=NAMES, active="CAM",
                         **TIGHT)
    one, voxels = found.along("z"), (array == 2).sum()
    assert one.active_reached_by == pytest.approx({"ion": (40 + 24) / voxels, "electron": 40 / voxels})
    assert one.active_reached_by_both == pytest.approx(40 / voxels)
    # Forty faces in 12 x 4 x 12 voxels; over two of ten from the edge where they end normals round the area off by a half.
    assert one.active_area_per_nm * 100 == pytest.approx(40 / 576, rel=0.12)
    assert found["electron"].tensor[2, 2] == 0 and one.ambipolar_S_per_cm == 0 and one.front is None
    mixed = pf.electrode(array, {"ion": {"SE": 1e-3, "CAM": 1e-6}, "electron": {"CAM": 5e-3}}, directions="z", names=NAMES,
                         **TIGHT)
    assert mixed.result.active == ("CAM",) and mixed.along("z").active_reached_by == one.active_reached_by


@pytest.fixture(scope="module")
def composite():
    array = np.random.default_rng(1).choice(3, (12, 10, 9), p=(0.1, 0.45, 0.45))
    return pf.electrode(array, {"ion": {"SE": 1e-3, "CAM": 1e-6}, "electron": {"CAM": 5e-3}}, names=NAMES,
                        exchange_current=3.0, **TIGHT)


def test_each_carrier_is_conduction_by_itself(composite):
    array = np.random.default_rng(1).choice(3, (12, 10, 9), p=(0.1, 0.45, 0.45))
    alone = pf.conductivity(array, {0: 0, 1: 1e-3, 2: 1e-6}, boundary="electrodes", names=NAMES, fields=False, **TIGHT)
    assert np.array_equal(composite["ion"].tensor, alone.tensor, equal_nan=True)
    assert composite["ion"].current_share == alone.current_share
    for axis, name in enumerate("xyz"):
        ion, electron = (composite[one].tensor[axis, axis] for one in ("ion", "electron"))
        one = composite.along(name)
        assert one.ambipolar_S_per_cm == pytest.approx(ion * electron / (ion + electron), rel=1e-12)
        assert one.transport_number == pytest.approx(ion / (ion + electron), rel=1e-12)
        low, high = one.ambipolar_interval_S_per_cm
        assert low <= one.ambipolar_S_per_cm <= high and low < high


def test_profiles_add_up(composite):
    """Planes are in series: the mean of tortuosity over mean sigma is 1 / sigma_eff, and areas are volume fractions."""
    columns = {name: np.array(values) for name, values in composite.profiles.items()}
    for carrier, phases in (("ion", (1, 2)), ("electron", (2,))):
        for axis, name in enumerate("xyz"):
            own = (columns["along"] == name) & (columns["carrier"] == carrier)
            series = np.mean(columns["tortuosity"][own] / columns["mean_sigma_S_per_cm"][own])
            # Current densities are in single precision.
            assert 1 / series == pytest.approx(composite[carrier].tensor[axis, axis], rel=1e-6)
            fractions = composite[carrier].result.phases
            assert columns["area_fraction"][own].mean() == pytest.approx(sum(fractions[NAMES[n]].fraction for n in phases))


def test_the_front_solves_the_equations(composite):
    """Against a boundary-value solver for kappa phi'' = k eta, sigma psi'' = -k eta, to 1e-6."""
    one = composite.along("z")
    kappa, sigma = (100 * composite[name].tensor[2, 2] for name in ("ion", "electron"))  # S/m
    length = 12 * 100e-9
    k = one.active_area_per_nm * 1e9 * 3.0 * 96485.33212 / (8.314462618 * 298.15)
    # In shares of L: eta'' = nu^2 eta, eta' = -I L / kappa at the separator, +I L / sigma at the collector.
    nu = length * np.sqrt(k * (1 / kappa + 1 / sigma))
    assert one.front.nu == pytest.approx(nu, rel=1e-9)
    found = solve_bvp(lambda x, y: (y[1], nu**2 * y[0]), lambda a, b: (a[1] + 1 / kappa, b[1] - 1 / sigma),
                      np.linspace(0, 1, 101), np.ones((2, 101)), tol=1e-9)
    rate = found.sol(np.array([0, 1]))[0] * k * length**2
    assert (one.front.reaction_at_separator, one.front.reaction_at_collector) == pytest.approx(rate, rel=1e-6)
    columns = {name: np.array(values) for name, values in composite.profiles.items()}
    own = (columns["along"] == "z") & (columns["carrier"] == "ion")
    places = columns["position_nm"][own] / 1200
    assert columns["reaction"][own] == pytest.approx(found.sol(places)[0] * k * length**2, rel=1e-6)


def test_the_command_line_leaves_both_in_one_directory(tmp_path, monkeypatch, run_cli, composite):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.random.default_rng(1).choice(3, (12, 10, 9), p=(0.1, 0.45, 0.45)).astype(np.uint8))
    given = ["--voxel-nm", "100", "--names", "0=pore,1=SE,2=CAM", "--tolerance", "1e-8", "--exchange-current", "3"]
    status, said, _ = run_cli("conduct", "a.npy", *given, "--carrier", "ion:SE=1e-3,CAM=1e-6", "--carrier",
                              "electron:CAM=5e-3", "-o", "out")
    assert status == 0 and "of CAM reached by ion" in said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["boundary"] == "electrodes" and set(result["carriers"]) == {"ion", "electron"}
    for name in ("ion", "electron"):
        assert np.array_equal(np.array(result["carriers"][name]["sigma_eff_S_per_cm"], float), composite[name].tensor,
                              equal_nan=True)
        assert result["carriers"][name]["error_bar"]["grid_relative_xyz"][0] > 0
    electrode = composite.result.to_dict()
    assert result["electrode"]["axes"]["z"]["front"] == electrode["axes"]["z"]["front"]
    assert (tmp_path / "out" / "profiles.csv").read_text().count("\n") == 1 + 2 * (12 + 10 + 9)
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"electrode.png", "conduction_ion.png", "conduction_electron.png"}
    again = run_cli("conduct", "out/input.toml", "-o", "again", "--set", "output.figures=false")
    assert again[0] == 0
    assert json.loads((tmp_path / "again" / "result.json").read_text())["electrode"] == result["electrode"]
    assert run_cli("info", "out")[0] == 0


def test_an_interrupted_study_goes_on(tmp_path, monkeypatch):
    """Stopped within the second carrier: the same numbers, profiles included, as in one go."""
    np.save(tmp_path / "a.npy", np.random.default_rng(1).choice(3, (8, 7, 9), p=(0.1, 0.45, 0.45)).astype(np.uint8))
    study = study_from_text(f"""[image]
        file = {str(tmp_path / "a.npy")!r}
        voxel_size_nm = 100
        [phases]
        carriers_S_per_cm = {{ ion = {{ 1 = 1e-3, 2 = 1e-6 }}, electron = {{ 2 = 5e-3 }} }}""", "the test")
    whole = conduct_carriers(study, tmp_path / "whole", open_session(1, ALONE)).to_dict()
    keep, kept = OneTensor.keep, []

    def counted(self, axis, solved):
        keep(self, axis, solved)
        kept.append(self.name)
        if len(kept) == 5:
            raise Interrupted("enough")

    monkeypatch.setattr(OneTensor, "keep", counted)
    with pytest.raises(Interrupted, match="go on with: pfsolid resume"):
        conduct_carriers(study, tmp_path / "parts", open_session(1, ALONE))
    found = resume(study, tmp_path / "parts", open_session(1, ALONE)).to_dict()
    assert kept == [f"{carrier} part {n} 0" for carrier in ("ion", "electron") for n in range(3)]
    assert found["electrode"] == whole["electrode"]
    for name, one in found["carriers"].items():
        assert one | {"conduction_seconds": 0} == whole["carriers"][name] | {"conduction_seconds": 0}
    texts = [(tmp_path / folder / "profiles.csv").read_text() for folder in ("whole", "parts")]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("options, words", [
    (["--carrier", "ion:SE=1e-3", "--carrier", "electron:CAM=0"], "carrier electron: .*at least one label must conduct"),
    (["--carrier", "ion:SE=1e-3", "--carrier", "electron:7=1"], "carrier electron: no label of the image conducts it"),
    (["--carrier", "ion:SE=1e-3", "--carrier", "electron:LCO=1"], "carrier electron: no label is called 'LCO'"),
    (["--carrier", "ion:SE=1e-3", "--carrier", "ion:CAM=1"], "--carrier: ion stands there twice"),
    (["--carrier", "SE=1e-3"], "must be NAME:LABEL=S"), (["--carrier", "1:SE=1e-3"], "must be NAME:LABEL=S"),
    (["--carrier", "ion:SE=1e-3", "--sigma", "1=1"], "two ways to say what conducts"),
    (["--carrier", "ion:SE=1e-3", "--exchange-current", "1"], "electrode: is for two carriers"),
    (["--carrier", "ion:SE=1", "--carrier", "e:CAM=1", "--exchange-current", "-1"], "exchange_current_A_per_m2 = -1"),
    (["--carrier", "ion:SE=1", "--carrier", "e:CAM=1", "--active-material", "9"], "label 9 does not occur"),
    (["--carrier", "ion:SE=1", "--resistance", "1:2=3"], "does not go with phases.carriers_S_per_cm"),
    (["--carrier", "ion:SE=1", "--export", "bpx", "--domain", "separator"], "--export bpx takes two carriers"),
    (["--carrier", "ion:SE=1", "--carrier", "e:CAM=1", "--export", "pybamm", "--domain", "separator", "--along", "z"],
     "--domain separator: only one carrier"),
    (["--carrier", "ion:SE=1", "--carrier", "e:CAM=1", "--export", "pybamm", "--domain", "positive-electrode", "--along",
      "z", "--component", "electrode"], "--component: of two carriers")])
def test_bad_input(tmp_path, monkeypatch, run_cli, options, words):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.arange(27).reshape(3, 3, 3) % 3)
    status, _, error = run_cli("conduct", "a.npy", "--voxel-nm", "1", "--names", "0=pore,1=SE,2=CAM", *options)

    assert status == 2 and re.search(words, error) and error.count("\n") <= 2, error
    assert not (tmp_path / "a_conduct").exists()
