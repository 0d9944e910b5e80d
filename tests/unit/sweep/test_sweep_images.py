"""Sweeps over images: files, crops and made structures as axes, what is collected, and what is refused when planned."""

import csv

import numpy as np
import pytest
from helpers.builders import ALONE

import pfsolid as pf
from pfsolid.config.sweep import read_sweep
from pfsolid.errors import InputError
from pfsolid.sweeps.collect import collect
from pfsolid.sweeps.launch import Launch, run_sweep
from pfsolid.sweeps.plan import make_plan, plan_lines, store_plan
from pfsolid.sweeps.state import look

STUDY = """
[base.image]
file = "{folder}/thick.npy"
voxel_size_nm = 10
directions = "xz"
[base.phases]
names = {{ 0 = "poor", 1 = "good" }}
[base.phases.sigma_S_per_cm]
poor = 1e-4
good = 1e-3
[base.conduction]
grid_error = "none"
relative_tolerance = 1e-10
"""


@pytest.fixture
def folder(tmp_path):
    """Layers across z, 2 of 8 good ones in one file and 6 in the other."""
    for name, good in (("thin", 2), ("thick", 6)):
        layers = np.zeros((8, 4, 6), np.uint8)
        layers[:good] = 1
        np.save(tmp_path / f"{name}.npy", layers)
    return tmp_path


def planned(folder, axes, study=STUDY, head=""):
    path = folder / "sweep.toml"
    path.write_text(head + study.format(folder=folder) + axes.format(folder=folder))
    return make_plan(read_sweep(path), str(path))


def rows_of(folder, plan):
    store_plan(plan, folder / "out")
    assert run_sweep(Launch(folder / "out", None, 1, 1, 1), ALONE) == 0
    collect(folder / "out")
    with open(folder / "out" / "dataset.csv", newline="") as file:
        return list(csv.DictReader(file))


AXES = """
[[axis]]
key = "image.file"
values = ["{folder}/thin.npy", "{folder}/thick.npy"]
[[axis]]
key = "image.crop"
values = [[[], [], []], [[0, 4], [], [1, 7]]]
"""


def test_files_and_crops_conduct_as_layers_do(folder):
    """Along x the mean of the layers left by the crop, along z the mean of their resistances; 1e-8: a solve to 1e-10, in
    single-precision faces."""
    rows = rows_of(folder, planned(folder, AXES))
    good = {("thin", 8): 2 / 8, ("thin", 6): 1 / 6, ("thick", 8): 6 / 8, ("thick", 6): 5 / 6}
    assert len(rows) == 4
    for row in rows:
        share = good["thin" if "thin" in row["image.file"] else "thick", int(row["voxels_z"])]
        assert float(row["fraction_good"]) == pytest.approx(share, rel=1e-12)
        assert float(row["sigma_xx_S_per_cm"]) == pytest.approx(1e-3 * share + 1e-4 * (1 - share), rel=1e-8)
        assert float(row["sigma_zz_S_per_cm"]) == pytest.approx(1 / (share / 1e-3 + (1 - share) / 1e-4), rel=1e-8)
        assert row["sigma_yy_S_per_cm"] == "" and row["percolates_y"] == "" and row["percolates_z"] == "1"
    assert {row["voxels_x"] for row in rows} == {"6", "4"} and "seed" not in rows[0]
    assert not look(folder / "out").work  # nothing but the results is left


def test_plan_says_memory_and_no_seeds(folder):
    plan = planned(folder, AXES)
    text = "\n".join(plan_lines(plan, folder / "out", 4, 0, 0))
    assert "seed" not in text and "core-hours" in text and "4 cases" in text


def test_made_structures_of_two_carriers(folder):
    """Walls that grow: each carrier conducts their area fraction along z (`pf.tubules` counts it)."""
    study = ('[base.tubules]\nshape = [24, 42, 4]\npitch_nm = 100\nlength_nm = 60\ndiameter_nm = 90\nwall_nm = 10\n'
             '[base.image]\ndirections = "z"\n[base.phases.carriers_S_per_cm]\nion = {{ "1" = 1e-5 }}\n'
             'electron = {{ "1" = 2.0 }}\n')
    rows = rows_of(folder, planned(folder, '[[axis]]\nkey = "tubules.wall_nm"\nvalues = [10, 20]\n', study))
    for row in rows:
        share = pf.tubules((4, 42, 24), 100, 60, 90, float(row["tubules.wall_nm"])).area_fractions["wall"]
        assert float(row["ion_sigma_zz_S_per_cm"]) == pytest.approx(1e-5 * share, rel=1e-12)
        assert float(row["electron_sigma_zz_S_per_cm"]) == pytest.approx(2.0 * share, rel=1e-12)
        assert float(row["ambipolar_z_S_per_cm"]) == pytest.approx(2e-5 / 2.00001 * share, rel=1e-9)


def axis(key, values):
    return f'[[axis]]\nkey = "{key}"\nvalues = {values}\n'


@pytest.mark.parametrize("axes, head, words", [
    (axis("image.file", '["{folder}/none.npy"]'), "", "none.npy does not exist"),
    (axis("image.file", "[3]"), "", "image.file = 3: must be a text in quotes"),
    (axis("image.crop", "[[[0, 7], [], []]]"), "", "crop 0:7 along x: "),
    (axis("image.crop", "[[0, 4]]"), "", "image.crop = [0, 4]: must be three pairs"),
    (axis("image.crop", "[[[4, 4], [], []]]"), "", "each pair rising"),
    (axis("image.corp", "[1]"), "", "did you mean image.crop?"),
    (axis("qqqq.zzzz", "[3]"), "", 'keys are written as "image.crop"'),
    (axis("image.bin", "[1, 2]"), "replicas = 2\n", "replicas = 2: is for runs"),
    (axis("image.bin", "[1, 2]"), 'keep = ["phase"]\n', 'keep = ["phase"]: is for runs'),
    (axis("image.bin", "[9]"), "", "bin 9: more than the"),
    (axis("rev.sizes", "[[4, 2]]"), "", "is for pfsolid rev"),
    (axis("image.bin", "[2, 2]"), "", "the same case as bin = 2"),
    (axis("impedance.frequencies_Hz", "[[1.0]]"), "", "impedance"),
])
def test_what_cannot_be_is_refused_in_one_line_when_it_is_planned(folder, axes, head, words):
    with pytest.raises(InputError) as error:
        planned(folder, axes, head=head)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_base_that_is_not_there_is_the_only_mistake(folder):
    with pytest.raises(InputError) as error:
        planned(folder, axis("image.bin", "[1, 2]"), study="", head='base = "none.toml"\n')
    assert str(error.value).endswith("none.toml: no such file") and "\n" not in str(error.value)


def test_from_python(folder, monkeypatch):
    monkeypatch.chdir(folder)
    base = {"image": {"file": "thick.npy", "voxel_size_nm": 10, "directions": "x"},
            "phases": {"sigma_S_per_cm": {"0": 1e-4, "1": 1e-3}}}
    sweep = pf.sweep(base, {"image.crop": [[[], [], [0, 4]], [[], [], [4, 8]]]}, directory="crops")
    assert sweep.status.missing and "2 to do" in repr(sweep)
    with pytest.raises(pf.InputError, match="crop 0:9 along z"):
        pf.sweep(base, {"image.crop": [[[], [], [0, 9]]]}, directory="other")


def test_an_image_that_has_gone_ends_the_launch_in_one_line(folder):
    plan = planned(folder, axis("image.bin", "[1]"))
    store_plan(plan, folder / "out")
    (folder / "thick.npy").unlink()
    with pytest.raises(InputError, match="thick.npy does not exist"):
        run_sweep(Launch(folder / "out", None, 1, 1, 1), ALONE)
