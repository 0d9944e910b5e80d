"""Labels by name, a table of conductivities, one for the rest, and labels outside the field of view."""

import re

import numpy as np
import pytest
from test_conduct_image import CLOSE, TIGHT, conduct, laminate  # noqa: F401


def test_names_stand_wherever_labels_do(conduct, tmp_path):  # noqa: F811
    image = laminate((12, 6, 4))
    image[8:] = 2
    sigma = "{}=1e-3,{}=4e-3,{}=[2e-3,1e-3,1e-3],{}=1e-2"
    usual = ("--voxel-nm", "20", "--names", "0=pore,1=solid SE,2=CAM,3=skin", *TIGHT)
    found = [conduct(image, *usual, "--sigma", sigma.format(*labels), "--resistance", f"{labels[0]}:{labels[1]}=1e-3",
                     "--layer", f"{labels[3]}:{labels[1]},{labels[2]},30", output=f"out{labels[0]}")
             for labels in ("0123", ("pore", "solid SE", "CAM", "skin"))]
    assert found[0]["sigma_eff_S_per_cm"] == found[1]["sigma_eff_S_per_cm"]
    assert set(found[1]["phases"]) == {"pore", "solid SE", "CAM", "skin"}


def test_a_table_and_one_for_the_rest(conduct, tmp_path):  # noqa: F811
    image = laminate()
    image[10:] = 7
    table = tmp_path / "sigma.csv"
    table.write_text("# measured\nlabel,sigma_S_per_cm,name\n0,1e-3,pore\n")
    found = conduct(image, "--voxel-nm", "20", "--sigma-table", table, "--sigma", "*=4e-3", *TIGHT)
    assert found["sigma_eff_S_per_cm"][0][0] == pytest.approx(1 / (1 / 3 / 1e-3 + 2 / 3 / 4e-3), **CLOSE)
    assert set(found["phases"]) == {"pore", "label 1", "label 7"}
    again = conduct(None, name="out/input.toml", output="again")
    assert again["sigma_eff_S_per_cm"] == found["sigma_eff_S_per_cm"]


@pytest.mark.parametrize("text, options, says", [
    ("label,sigma\n0,1\n", (), "must have a header label,sigma_S_per_cm"), ("", (), "must have a header"),
    ("label,sigma_S_per_cm\n0,much\n", (), "0,much: a label .* and S/cm"),
    ("label,sigma_S_per_cm\n0,1\n", ("--sigma", "0=1"), "--sigma 0=1 and --sigma-table .*both give label 0"),
    ("label,sigma_S_per_cm,name\n1,1,solid\n", ("--sigma", "solid=1"), "--sigma solid=1 and .*both give label 1"),
    ("label,sigma_S_per_cm\n0,1\n1,1\n", ("--resistance", "0:water=1", "--names", "0=pore"), "no label is called 'water'"),
    ("label,sigma_S_per_cm,name\n0,1,pore\n", ("--names", "0=void"), "label 0 is called pore there and void"),
])
def test_tables_and_names_that_cannot_be(conduct, tmp_path, text, options, says):  # noqa: F811
    (tmp_path / "sigma.csv").write_text(text)
    error = conduct(laminate(), "--voxel-nm", "20", "--sigma-table", tmp_path / "sigma.csv", *options, fails=True)
    assert re.search(says, error), error


def cylinder(n=12, radius=5.0):
    x, y, _ = np.indices((n, n, 4)) + 0.5 - n / 2
    inside = x**2 + y**2 < radius**2
    return np.where(inside, np.where(x > 0, 1, 2), 9).astype(np.uint8), inside.mean()


@pytest.mark.parametrize("boundary", ["periodic", "electrodes"])
def test_what_lies_outside_is_neither_conductor_nor_volume(conduct, boundary):  # noqa: F811
    """Two halves of a cylinder in parallel along it: the mean of the two, whatever stands round it."""
    image, share = cylinder()
    options = ("--voxel-nm", "20", "--directions", "z", "--boundary", boundary, *TIGHT)
    found = conduct(image, *options, "--sigma", "CAM=1e-3,SE=4e-3", "--names", "1=CAM,2=SE,9=air", "--exclude", "air")
    assert found["sigma_eff_S_per_cm"][2][2] == pytest.approx(2.5e-3, **CLOSE)
    assert found["phases"]["SE"]["fraction"] == pytest.approx(0.5) and "air" not in found["phases"]
    assert found["transport"]["z"]["tortuosity_factor"] == pytest.approx(1, **CLOSE)
    assert found["currents"]["z"]["current_over_mean"]["maximum"] == pytest.approx(1.6, rel=1e-5)
    assert found["currents"]["z"]["current_over_mean"].get("percentile_50") is None
    box = conduct(image, *options, "--sigma", "1=1e-3,2=4e-3,9=0", output="box")
    assert box["sigma_eff_S_per_cm"][2][2] == pytest.approx(2.5e-3 * share, **CLOSE)


@pytest.mark.parametrize("options, says", [
    (("--exclude", "9"), "not the same all along x.*directions. z"), (("--exclude", "8,9"), "label 8 does not occur"),
    (("--exclude", "1"), "label 1 has a conductivity"),
])
def test_fields_of_view_that_cannot_be(conduct, options, says):  # noqa: F811
    error = conduct(cylinder()[0], "--voxel-nm", "20", "--sigma", "1=1e-3,2=4e-3", *options, fails=True)
    assert re.search(says, error), error
