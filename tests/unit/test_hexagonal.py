"""Tubules and columns: what they conduct along themselves, their geometry without a grid, and what cannot be."""

import math
import subprocess
import sys
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest

import pfsolid as pf
from pfsolid.config.image import read_study, study_from_text, study_to_toml
from pfsolid.errors import InputError
from pfsolid.hexagonal import LUMEN, ROOT, WALL, Tubules
from pfsolid.workflows.carriers import conduct_carriers
from pfsolid.workflows.console import open_session

CASES = sorted((Path(__file__).resolve().parents[2] / "inputs" / "mixed_conductors").glob("*.toml"))
SMALL = dict(shape=(40, 70, 6), pitch_nm=100.0, length_nm=60.0, diameter_nm=80.0, wall_nm=20.0)


def section_by_hand(shape, pitch, diameter, wall, circle):
    """Labels of a cross-section, point by point: the distance to every axis of the lattice nearby, hexagons by their six
    sides."""
    labels = np.zeros(shape, int)
    for i in range(shape[0]):
        for j in range(shape[1]):
            x, y = (i + 0.5) / shape[0] * pitch, (j + 0.5) / shape[1] * math.sqrt(3) * pitch
            for a in range(-2, 4):
                for b in range(-2, 4):
                    dx = x - pitch * (0.25 + a + 0.5 * (b % 2))
                    dy = y - pitch * math.sqrt(3) * (0.25 + 0.5 * b)
                    angles = [math.radians(60 * side) for side in range(6)]
                    far = math.hypot(dx, dy) if circle else max(dx * math.cos(t) + dy * math.sin(t) for t in angles)
                    if far <= diameter / 2 - (wall or math.inf):
                        labels[i, j] = LUMEN
                    elif far <= diameter / 2:
                        labels[i, j] = WALL
    return labels


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_shipped_cases_conduct_area_fraction_times_conductivity(path, tmp_path):
    """Both carriers, from shares counted in a cross-section that is drawn by hand; 1e-12: of rounding.  Nothing gets through
    insulated roots: exactly 0."""
    raw = tomllib.loads(path.read_text())
    made, names = raw["tubules"], raw["phases"]["names"]
    by_hand = section_by_hand(made["shape"][:2], made["pitch_nm"], made["diameter_nm"], made["wall_nm"],
                              made.get("section") == "circle")
    study = read_study(path)
    result = conduct_carriers(study, tmp_path / "out", open_session(threads=1))
    assert f"pfsolid conduct inputs/mixed_conductors/{path.name}" in path.read_text() and result.title == raw["title"]
    for carrier, sigma in raw["phases"]["carriers_S_per_cm"].items():
        label = {name: int(number) for number, name in names.items()}
        right = sum(np.mean(by_hand == label[name]) * value for name, value in sigma.items())
        found = result.carriers[carrier].sigma_eff_S_per_cm[2, 2]
        assert found == (0.0 if "root_nm" in made else pytest.approx(right, rel=1e-12))
    if "root_nm" in made:
        along = result.electrode.axes["z"]
        assert along.active_reached_by == {"ion": 0.0, "electron": 1.0}
    again = study_from_text(study_to_toml(study), "again")
    assert again == study


def test_the_five_cases_are_there():
    assert [path.stem for path in CASES] == ["coated_garnet", "coated_nanowires", "silver_carbon", "tubules",
                                             "tubules_insulated_roots"]


@pytest.mark.parametrize("section", ["hexagon", "circle"])
@pytest.mark.parametrize("diameter", [80.0, 100.0])
def test_shares_lead_to_those_without_voxels(section, diameter):
    """An edge of length s crosses about s/h voxels, each wrong by less than itself: differences fall as h at least.  Areas
    of a hexagon, sqrt(3)/2 D^2, and a circle, pi/4 D^2, over that of the lattice, sqrt(3)/2 P^2."""
    unit = math.sqrt(3) / 2 if section == "hexagon" else math.pi / 4
    right = unit * (diameter**2 - (diameter - 40) ** 2) / (math.sqrt(3) / 2 * 100**2)
    for n in (64, 512):
        made = Tubules((n, round(n * 1.75), 4), 100.0, 60.0, diameter, 20.0, section)
        assert made.drawn_fractions()["wall"] == pytest.approx(right, rel=1e-14)
        assert sum(made.drawn_fractions().values()) == pytest.approx(1, rel=1e-14)
        assert abs(made.area_fractions()["wall"] - right) < 0.6 / n


def test_hexagons_as_wide_as_the_pitch_leave_nothing_between():
    made = Tubules((64, 110, 4), 100.0, 60.0, 100.0, 10.0)
    assert made.area_fractions()["between"] == 0 and made.drawn_fractions()["between"] == 0


def test_two_cells_are_one_twice():
    one, two = Tubules(**SMALL), Tubules(**SMALL | {"shape": (80, 140, 6), "cells": (2, 2)})
    assert np.array_equal(two.labels(), np.tile(one.labels(), (2, 2, 1)))


def test_free_ends_and_roots():
    free = Tubules(**SMALL, ends="free", gap_nm=20.0)  # two of six planes
    assert not free.labels()[:, :, :2].any() and np.array_equal(free.labels()[:, :, 2], free.section_labels())
    rooted = Tubules(**SMALL, root_nm=10.0)
    section = rooted.section_labels()
    assert np.array_equal(rooted.labels()[:, :, 0] == ROOT, section == WALL)
    assert np.array_equal(rooted.labels()[:, :, 1], section)


@pytest.mark.parametrize("change", [{}, {"ends": "free", "gap_nm": 20.0}, {"root_nm": 10.0}])
def test_pages_are_those_of_the_whole(change):
    """What a study reads of them holds a section alone; parts along x, as ranks take them, are those of the whole."""
    made = Tubules(**SMALL | change)
    pages, whole = made.pages(), made.labels()
    assert pages.shape == whole.shape[::-1]
    for k in range(whole.shape[2]):
        assert np.array_equal(pages[k, slice(3, 60), slice(0, 17)], whole[:17, 3:60, k].T)
    assert np.array_equal(made.labels(slice(5, 19)), whole[5:19])


def test_free_ends_conduct_nothing_where_nothing_is_between_and_electrons_reach_all():
    made = pf.tubules((6, 70, 40), 100, 60, 80, 20, ends="free", gap_nm=20)
    found = pf.electrode(made.image, {"ion": {"wall": 1e-3}, "electron": {"wall": 1.0}}, directions="z")
    assert found["ion"].tensor[2, 2] == 0 and found.along("z").active_reached_by == {"ion": 0.0, "electron": 1.0}


def test_a_crop_and_a_coarser_image_of_tubules(tmp_path):
    """[image] still crops and bins: half the cell along x has one tubule of each row, the same shares."""
    text = ('[tubules]\nshape = [40, 70, 6]\npitch_nm = 100\nlength_nm = 60\ndiameter_nm = 80\nwall_nm = 20\n'
            '[image]\ndirections = "z"\ncrop = [[], [0, 35], [0, 3]]\n[phases.carriers_S_per_cm]\na = { "1" = 1.0 }\n')
    result = conduct_carriers(study_from_text(text, "text"), tmp_path / "out", open_session(threads=1))
    section = Tubules(**SMALL).section_labels()[:, :35]
    assert result.carriers["a"].sigma_eff_S_per_cm[2, 2] == pytest.approx(np.mean(section == WALL), rel=1e-12)


@pytest.mark.parametrize("change, words", [
    (dict(diameter_nm=101.0), "diameter_nm = 101: must be at most pitch_nm = 100"),
    (dict(wall_nm=40.0), "wall_nm = 40: must be below half of diameter_nm = 80"),
    (dict(ends="free"), "gap_nm = 0: is for ends"), (dict(gap_nm=10.0), "gap_nm = 10: is for ends"),
    (dict(ends="free", gap_nm=10.0, root_nm=10.0), "root_nm = 10: free ends have no root"),
    (dict(root_nm=60.0), "root_nm = 60: must be a plane of voxels or more (10 nm along z) and less than length_nm = 60"),
    (dict(root_nm=1.0), "root_nm = 1: must be a plane"), (dict(shape=(10, 17, 6), wall_nm=5.0), "the thinnest of"),
])
def test_what_cannot_be_is_refused(change, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(").replace(")", r"\)")):
        Tubules(**SMALL | change)


@pytest.mark.parametrize("more, words", [
    ('file = "a.tif"', "image.file = 'a.tif': the section [tubules] makes the image"),
    ("voxel_size_nm = 2.0", "image.voxel_size_nm: is for an image that is read"),
    ("thresholds = [1.0]", "image.thresholds: is for an image that is read"),
])
def test_nothing_is_said_of_a_file_beside_them(more, words):
    text = (f'[image]\n{more}\n[tubules]\nshape = [40, 70, 6]\npitch_nm = 100\nlength_nm = 60\ndiameter_nm = 80\n'
            '[phases.sigma_S_per_cm]\n1 = 1.0\n')
    with pytest.raises(InputError) as error:
        study_from_text(text, "text")
    assert words in str(error.value) and "\n" not in str(error.value)


def test_from_python_arguments_are_named():
    with pytest.raises(pf.InputError, match="pfsolid.tubules"):
        pf.tubules((6, 70, 40), 100, 60, 180)
    with pytest.raises(pf.InputError, match="axes = 'zz'"):
        pf.tubules((6, 70, 40), 100, 60, 80, axes="zz")


def test_more_than_there_is_memory_for_is_refused(monkeypatch):
    monkeypatch.setattr("pfsolid.api.tubules.available_bytes", lambda: 1000)
    with pytest.raises(pf.InputError, match="16,800 voxels are more bytes"):
        pf.tubules((6, 70, 40), 100, 60, 80)


def pfsolid(*arguments, folder):
    return subprocess.run([sys.executable, "-m", "pfsolid", *arguments], cwd=folder, capture_output=True, text=True,
                          timeout=120)


def test_command_writes_what_python_makes_and_refuses_in_one_line(tmp_path):
    options = ["--shape", "40,70,6", "--pitch-nm", "100", "--length-nm", "60", "--diameter-nm", "80", "--wall-nm", "20"]
    done = pfsolid("tubules", "-o", "t.h5", *options, folder=tmp_path)
    assert done.returncode == 0 and "wall 0.4" in done.stdout
    with h5py.File(tmp_path / "t.h5") as file:
        assert np.array_equal(file["labels"][...], pf.tubules((6, 70, 40), 100, 60, 80, 20).labels)
    said = pf.read_image(tmp_path / "t.h5")
    assert said.voxel_nm == pytest.approx((2.5, math.sqrt(3) * 100 / 70, 10.0), rel=1e-12)
    for arguments, words in [(options[:2], "missing key tubules.pitch_nm"),
                             ([*options, "--wall-nm", "50"], "tubules.wall_nm = 50"),
                             (options, "is there already"), ([], "give an INPUT")]:
        refused = pfsolid("tubules", "-o", "t.h5", *arguments, folder=tmp_path)
        assert refused.returncode == 2 and words in refused.stderr
