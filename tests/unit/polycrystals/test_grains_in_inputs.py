"""[grains] in the place of an image: the same as the image that `pfsolid grains` writes, in studies and sweeps."""

import csv

import numpy as np
import pytest
from helpers.builders import ALONE
from helpers.faults import ROOT

import pfsolid as pf
from pfsolid.config.image import read_study, study_from_text, study_to_toml
from pfsolid.config.sweep import read_sweep
from pfsolid.errors import InputError
from pfsolid.io.images.slab import describe_image, read_label_slab
from pfsolid.parallel.quiet import quiet_session
from pfsolid.sweeps.collect import collect
from pfsolid.sweeps.launch import Launch, run_sweep
from pfsolid.sweeps.plan import make_plan, store_plan
from pfsolid.workflows.grain_images import image_of_grains
from pfsolid.workflows.image import check_image, conduct_image

STUDY = """
[grains]
shape = [40, 20, 24]
voxel_size_nm = 20.0
number = 24
seed = 3
film_nm = 40.0
porosity = 0.1
pore_nm = 80.0
[image]
directions = "x"
[phases.sigma_S_per_cm]
grain = 1e-3
second_phase = 1e-5
pore = 0.0
[output]
figures = false
save_current = false
"""


def test_pages_are_those_of_the_whole():
    config = study_from_text(STUDY, "study").grains
    source = image_of_grains(config)
    info = describe_image(source)
    assert info.shape == (40, 20, 24) and info.spacing_nm == (20.0,) * 3
    made = pf.grains((40, 20, 24), 20, 24, seed=3, film_nm=40, porosity=0.1, pore_nm=80, axes="xyz")
    for planes in (slice(0, 40), slice(30, 37)):
        labels = read_label_slab(source, (planes, slice(0, 20), slice(3, 24)), ALONE)
        assert np.array_equal(labels, made.labels[planes, :, 3:])


def conducted(text, tmp_path, name="out"):
    """The tensor of a study, S/cm, and its directory."""
    with quiet_session(None, 1) as session:
        result = conduct_image(study_from_text(text, "study"), tmp_path / name, session)
    return np.array(result.conduction.sigma_eff_S_per_cm, float), tmp_path / name


def test_conducts_as_the_image_does(tmp_path):
    made = pf.grains((40, 20, 24), 20, 24, seed=3, film_nm=40, porosity=0.1, pore_nm=80, axes="xyz")
    found = pf.conductivity(made.image, {"grain": 1e-3, "second_phase": 1e-5, "pore": 0.0}, classes=made.classes,
                            directions="x", fields=False)
    tensor, directory = conducted(STUDY, tmp_path)
    assert np.allclose(tensor, found.tensor, rtol=1e-12, equal_nan=True)
    study = study_from_text(STUDY, "study")
    assert study_from_text(study_to_toml(study), "again") == study
    assert study_from_text((directory / "input.toml").read_text(), "stored") == study


def test_crystals_are_turned_as_those_of_the_table(tmp_path):
    text = STUDY.replace("grain = 1e-3", "grain = [1e-3, 1e-3, 1e-4]").replace("film_nm = 40.0\n", "") \
        .replace("second_phase = 1e-5\n", "")
    made = pf.grains((40, 20, 24), 20, 24, seed=3, porosity=0.1, pore_nm=80, axes="xyz")
    found = pf.conductivity(made.image, dict(enumerate(made.tensors([1e-3, 1e-3, 1e-4]))) | {25: 0.0}, directions="x",
                            fields=False)
    # Angles in an input have six digits behind the point.
    assert np.allclose(conducted(text, tmp_path)[0], found.tensor, rtol=1e-6, equal_nan=True)


def test_angles_are_only_written_where_they_count():
    assert not study_from_text(STUDY, "study").phases.euler_deg
    text = STUDY.replace("[phases.sigma", '[phases]\ncrystal_symmetry = "cubic"\n[phases.interface_resistance_ohm_cm2]\n'
                         '"grain:grain" = { misorientation_deg = [15], ohm_cm2 = [1, 30] }\n[phases.sigma')
    assert len(study_from_text(text, "study").phases.euler_deg) == 24


def test_samples_of_a_sweep(tmp_path):
    """Seeds as an axis: other grains, each those of its seed."""
    base = STUDY.replace("[", "[base.").replace("[base.40, 20, 24]", "[40, 20, 24]").replace("film_nm = 40.0\n", "") \
        .replace("second_phase = 1e-5\n", "")
    path = tmp_path / "sweep.toml"
    path.write_text(base + '[[axis]]\nkey = "grains.seed"\nvalues = [3, 4]\n')
    store_plan(make_plan(read_sweep(path), str(path)), tmp_path / "out")
    assert run_sweep(Launch(tmp_path / "out", None, 1, 1, 1), ALONE) == 0
    collect(tmp_path / "out")
    with open(tmp_path / "out" / "dataset.csv", newline="") as file:
        rows = {int(row["grains.seed"]): float(row["sigma_xx_S_per_cm"]) for row in csv.DictReader(file)}
    for seed, sigma in rows.items():
        made = pf.grains((40, 20, 24), 20, 24, seed=seed, porosity=0.1, pore_nm=80, axes="xyz")
        found = pf.conductivity(made.image, {"grain": 1e-3, "pore": 0.0}, classes=made.classes, directions="x", fields=False)
        assert sigma == pytest.approx(found.tensor[0, 0], rel=1e-4)  # the solver's tolerance
    assert len(set(rows.values())) == 2


@pytest.mark.parametrize("change, says", [
    ({"number = 24": "number = 1"}, "number = 1: "), ({"number = 24": "number = 9999"}, "number = 9999: must be from 2"),
    ({"[image]": '[image]\nfile = "a.tif"'}, r"image.file = 'a.tif': the section \[grains\]"),
    ({"[image]": "[image]\nvoxel_size_nm = 3"}, "image.voxel_size_nm: is for an image that is read"),
    ({"grain = 1e-3": "grian = 1e-3"}, "grian"), ({"film_nm = 40.0": "film_nm = 4.0"}, "film_nm = 4: must be at least"),
    ({"[image]": "[tubules]\n[image]"}, "both make the image"), ({"film_nm": "film"}, "grains.film"),
    ({"porosity = 0.1\npore_nm = 80.0": 'pores_from = "a.tif"'}, "is for pfsolid grains"),
])
def test_what_cannot_be_is_refused(change, says):
    text = STUDY
    for old, new in change.items():
        text = text.replace(old, new)
    with pytest.raises(InputError, match=says) as caught:
        check_image(study_from_text(text, "study"))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("path", sorted((ROOT / "inputs" / "ceramics").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_ceramics(path, tmp_path):
    """Valid as they stand, and a small version runs."""
    assert f"pfsolid conduct inputs/ceramics/{path.name}" in path.read_text()
    study = read_study(path, ["grains.shape=24", "grains.number=30", "grains.voxel_size_nm=120", "output.figures=false"])
    with quiet_session(None, 1) as session:
        tensor = np.array(conduct_image(study, tmp_path / "out", session).conduction.sigma_eff_S_per_cm)
    assert (np.linalg.eigvalsh(tensor) > 0).all()
