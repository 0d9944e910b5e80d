"""`pfsolid impedance`: directories, tables, resuming, figures, mistakes; the same numbers as from Python; exact spectra."""

import json

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.parallel.session import Session
from pfsolid.theory.circuits import arcs, kramers_kronig_residual, series_impedance
from pfsolid.workflows.run import read_result

EPS_0 = 8.8541878128e-12
SIGMA, PERMITTIVITY, R, C, EDGE_CM = 1e-4, 50.0, 2.0, 1e-7, 1e-4
OPTIONS = ("--voxel-nm", "250", "--sigma", "*=1e-4", "--permittivity", "*=50", "--resistance", "*:*=2",
           "--boundary-capacitance", "*:*=1e-7", "--directions", "z", "--threads", "1",
           "--set", "phases.interface_normals=faces")
FEW = (*OPTIONS, "--frequencies", "1,1e4,1e7", "--set", "output.figures=false")


@pytest.fixture
def image(tmp_path):
    """Eight cubes of four voxels along each edge, that is 1 um."""
    cubes = np.indices((8, 8, 8)) // 4
    np.save(tmp_path / "image.npy", (4 * cubes[0] + 2 * cubes[1] + cubes[2]).astype(np.uint8))
    return tmp_path / "image.npy"


def bricks(frequencies):
    """ohm cm, of cubes with R and C on all faces."""
    omega = 2 * np.pi * np.asarray(frequencies)
    y = SIGMA + 1j * omega * EPS_0 / 100 * PERMITTIVITY
    return 1 / y + 1 / (1 / R + 1j * omega * C) / EDGE_CM


def test_directory_tables_figures_and_python(image, tmp_path, run_cli):
    status, said, error = run_cli("impedance", image, "-o", tmp_path / "out", *OPTIONS, "--frequencies", "1:1e8:2",
                                  "--temperature", "300", "--fit", "rc", "--maps", "1,1e8")
    assert not status, error
    found = pf.impedance(np.load(image), {"*": SIGMA}, "1:1e8:2", {"*": PERMITTIVITY}, 250, directions="z", fit="rc",
                         temperature_K=300, resistance={"*:*": R}, boundary_capacitance={"*:*": C}, maps=[1, 1e8],
                         interface_normals="faces", threads=1)
    stored = read_result(tmp_path / "out").impedance
    assert stored.to_dict() == found.to_dict()
    # Each point is solved to 1e-4 of a claim that leaves room.
    assert found.Z == pytest.approx(bricks(found.frequencies), rel=1e-4)
    assert all(line in said for line in repr(found).splitlines())
    text = (tmp_path / "out" / "spectrum.csv").read_text()
    assert text.startswith("# f_Hz,Z_real_ohm_cm,Z_imag_ohm_cm,")
    table = np.genfromtxt(tmp_path / "out" / "spectrum.csv", delimiter=",")  # as impedance.py reads it
    assert np.array_equal(table[:, 0], found.frequencies)
    assert np.array_equal(table[:, 1] + 1j * table[:, 2], found.Z)
    for figure in ("impedance", "impedance_maps"):
        assert (tmp_path / "out" / "figures" / f"{figure}.png").stat().st_size > 10_000
    assert not (tmp_path / "out" / "solved").exists()
    assert "Z along z at 300 K" in run_cli("info", tmp_path / "out")[1]
    # Uniform, so 1 of its mean; a current is off by the root of what the value is.
    assert found.maps[1.0].array == pytest.approx(np.ones((8, 8, 8)), rel=1e-2)


def test_an_experiment_on_bricks_infers_what_was_put_in(image):
    found = pf.impedance(np.load(image), {"*": SIGMA}, "1:1e8:3", {"*": PERMITTIVITY}, 250, directions="z", fit="rc",
                         resistance={"*:*": R}, boundary_capacitance={"*:*": {"delta_nm": 1, "permittivity": 1.1294}},
                         interface_normals="faces", threads=1)
    # Two arcs are what bricks are: nothing but the solver's 1e-4 is left.
    assert {row.name for row in found.fit.inferred} >= {"boundary resistance", "grain size by capacitance"}
    assert all(abs(row.bias) < 1e-3 for row in found.fit.inferred)
    assert found.result.spectra[0].kramers_kronig_residual < 1e-3


def test_a_sample_of_known_size_with_elements_in_series(image, tmp_path, run_cli):
    status, _, error = run_cli("impedance", image, "-o", tmp_path / "out", *FEW, "--thickness-um", "100", "--area-cm2",
                               "0.5", "--double-layer", "1e-6", "--cpe", "1e-5,0.8", "--warburg", "3")
    assert not status, error
    found = read_result(tmp_path / "out").impedance
    f = np.array([1, 1e4, 1e7])
    expected = (bricks(f) * 1e-2 + series_impedance(f, 1e-6, (1e-5, 0.8), 3.0)) / 0.5
    one = found.spectra[0]
    assert found.impedance_unit == "ohm"
    assert np.array(one.Z_real) + 1j * np.array(one.Z_imag) == pytest.approx(expected, rel=1e-4)


def test_stopped_and_gone_on_with(image, tmp_path, run_cli, monkeypatch):
    assert not run_cli("impedance", image, "-o", tmp_path / "whole", *FEW)[0]
    attend, looks = Session.attend, []

    def stop(self, doing):
        looks.append(doing)
        if len(looks) == 3:
            self.stop_requested = "SIGUSR1"
        attend(self, doing)

    monkeypatch.setattr(Session, "attend", stop)
    status, _, error = run_cli("impedance", image, "-o", tmp_path / "parts", *FEW)
    assert status == 85 and "pfsolid resume" in error
    assert len(json.loads((tmp_path / "parts" / "solved" / "points.json").read_text())["data"]["points"]) == 2
    status, said, error = run_cli("resume", tmp_path / "parts")
    assert not status and "going on after 2 solved points" in said, error
    whole, parts = (read_result(tmp_path / name).impedance.spectra[0] for name in ("whole", "parts"))
    assert parts.Z_real[:2] == whole.Z_real[:2]
    assert parts.Z_real[2] == pytest.approx(whole.Z_real[2], rel=1e-4)  # begun from nothing instead of two others


@pytest.mark.parametrize("options, says", [
    (("--frequencies", "0:1e6:5"), "rising frequencies"),
    (("--frequencies", "1e6,1e3"), "rising frequencies"),
    (("--frequencies", "0,10"), "rising frequencies"),
    (("--permittivity", "0=50"), "label 1 has none"),
    (("--permittivity", "*=-3"), "from 1 to"),
    (("--permittivity", "9=50,*=2,grain=4"), "no class or name 'grain'"),
    (("--fit", "rc"), "needs four frequencies at least, and there are 3"),
    (("--boundary-capacitance", "0:1=1e-6"), "has no resistance"),
    (("--boundary-capacitance", "*:*=-1"), "a capacitance from 0"),
    (("--area-cm2", "1"), "--thickness-um"),
    (("--double-layer", "1e-6"), "--thickness-um"),
    (("--maps", "7"), "the nearest is 1"),
    (("--noise", "0.01"), "give impedance.fit"),
    (("--set", "conduction.solver=fft"), "solved by \"multigrid\""),
    (("--plate-resistance", "inf,0", "--boundary", "electrodes"), "--double-layer"),
    (("--resistance", "*:*=inf", "--boundary-capacitance", "*:*=0"), "no current passes along z"),
    (("--sigma", "*=1,0=[[1,0.1,0],[0.1,1,0],[0,0,1]]"), "full tensor"),
])
def test_mistakes(image, tmp_path, run_cli, options, says):
    given = list(FEW)
    for option, value in zip(options[::2], options[1::2]):
        if option in given:
            given[given.index(option) + 1] = value
        else:
            given += [option, value]
    status, _, error = run_cli("impedance", image, "-o", tmp_path / "out", *given)
    assert status == 2 and says in error, error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "result.json").exists()


def test_conduct_refuses_a_section_impedance(image, tmp_path, run_cli):
    assert not run_cli("impedance", image, "-o", tmp_path / "out", *FEW)[0]
    status, _, error = run_cli("conduct", tmp_path / "out" / "input.toml", "-o", tmp_path / "other")
    assert status == 2 and "pfsolid impedance" in error


def test_spectra_that_break_the_relations_are_seen():
    f = np.logspace(0, 6, 61)
    z = arcs(f, [100.0, 50.0], [1e-3, 1e-5], [0.9, 0.8]) + 1 / (2j * np.pi * f * 1e-3)
    assert np.abs(kramers_kronig_residual(f, z)).max() < 1e-3
    assert np.abs(kramers_kronig_residual(f, z * (1 + 0.1 * (f > 1e3)))).max() > 1e-2
