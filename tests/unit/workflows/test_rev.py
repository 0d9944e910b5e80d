"""`pfsolid rev`: directories, resuming, mistakes; the same numbers as from Python."""

import csv
import json

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.parallel.session import Session
from pfsolid.workflows.run import read_result

OPTIONS = ("--voxel-nm", "10", "--names", "0=pore,1=SE", "--sigma", "pore=0,SE=1e-3", "--directions", "z", "--sizes", "10,6",
           "--most", "8", "--threads", "1")


@pytest.fixture
def image(tmp_path):
    labels = (np.random.default_rng(5).random((20, 20, 20)) < 0.7).astype(np.uint8)
    np.save(tmp_path / "image.npy", labels)
    return tmp_path / "image.npy"


def lasting(directory):
    data = json.loads((directory / "result.json").read_text())
    numbers = {name: data[name] for name in data if name not in ("provenance", "sha256")}
    return numbers, (directory / "subvolumes.csv").read_text()


def test_directory_and_python_have_the_same_numbers(image, tmp_path, run_cli):
    status, said, error = run_cli("rev", image, "-o", tmp_path / "out", *OPTIONS)
    assert not status, error
    found = pf.rev(np.load(image), {0: 0.0, 1: 1e-3}, 10, directions="z", sizes=[10, 6], most=8, names={0: "pore", 1: "SE"},
                   tolerance=1e-4, threads=1)
    stored = read_result(tmp_path / "out").representative
    assert stored.to_dict() == found.to_dict()
    assert all(line in said for line in found.lines)
    rows = list(csv.DictReader((tmp_path / "out" / "subvolumes.csv").open()))
    name = "sigma_zz_periodic_S_per_cm"
    assert [float(row[name]) for row in rows] == found.subvolumes[name].tolist()
    assert (tmp_path / "out" / "figures" / "representative.png").stat().st_size > 10_000
    assert not (tmp_path / "out" / "solved").exists()
    assert found.lines[-1] in run_cli("info", tmp_path / "out")[1]
    assert run_cli("rev", image, "-o", tmp_path / "out", *OPTIONS)[0] == 2  # it exists
    assert run_cli("plot", tmp_path / "out")[0] in (0, None)


def test_stopped_and_gone_on_with(image, tmp_path, run_cli, monkeypatch):
    quiet = (*OPTIONS, "--set", "output.figures=false")
    assert not run_cli("rev", image, "-o", tmp_path / "whole", *quiet)[0]
    attend, looks = Session.attend, []

    def stop(self, doing):
        looks.append(doing)
        if len(looks) == 6:
            self.stop_requested = "SIGUSR1"
        attend(self, doing)

    monkeypatch.setattr(Session, "attend", stop)
    status, _, error = run_cli("rev", image, "-o", tmp_path / "parts", *quiet)
    assert status == 85 and "pfsolid resume" in error
    known = json.loads((tmp_path / "parts" / "solved" / "subvolumes.json").read_text())["data"]["rows"]
    assert len(known) == 5 and not (tmp_path / "parts" / "result.json").exists()
    status, said, error = run_cli("resume", tmp_path / "parts")
    assert not status and "going on after 5 sub-volumes" in said, error
    assert lasting(tmp_path / "parts") == lasting(tmp_path / "whole")


def test_volume_fractions_alone(image, tmp_path, run_cli):
    status, said, _ = run_cli("rev", image, "--voxel-nm", "10", "--sizes", "10,5", "-o", tmp_path / "out")
    assert not status and "sigma" not in said
    assert [one.name for one in read_result(tmp_path / "out").representative.properties] == [
        "fraction of label 0", "fraction of label 1"]


def test_outside_the_field_of_view(tmp_path, run_cli):
    labels = np.random.default_rng(1).integers(0, 2, (24, 24, 24)).astype(np.uint8)
    labels[:, :, :3] = 9  # along x the first three voxels
    np.save(tmp_path / "image.npy", labels)
    status, said, error = run_cli("rev", tmp_path / "image.npy", "--voxel-nm", "1", "--sigma", "0=1,1=1", "--exclude", "9",
                                  "--directions", "z", "--boundary", "periodic", "--sizes", "8,6", "-o", tmp_path / "out",
                                  "--set", "output.figures=false")
    assert not status, error
    # a third and a quarter of the sub-volumes begin there; all that is left conducts alike
    assert f"{18 + 48} sub-volumes; {9 + 16} more lie partly outside" in said
    found = read_result(tmp_path / "out").representative.of("sigma_zz")
    assert found.value == pytest.approx(1.0) and found.low == pytest.approx(1.0) == found.high


@pytest.mark.parametrize("options, said", [
    (("--sizes", "30"), "rev.sizes = 30: sub-volumes of 30 x 30 x 30 voxels do not fit into the image of 20 x 20 x 20"),
    (("--sizes", "12"), "holds 1 such sub-volume side by side"),
    (("--sizes", "10,10"), "must be a list of different whole numbers"),
    (("--crop", "0:30,:,:"), "has the voxels 0:20 there"),
    (("--names", "1=SE", "--sigma", "CAM=1"), "no label is called 'CAM'; named are 1 SE"),
    (("--sigma", "1=1"), "label 0 has no conductivity"),
    (("--carrier", "ion:1=1", "--carrier", "electron:0=1"), "--carrier: sub-volumes are solved for one carrier at a time"),
    (("--error", "120"), "--error 120: must be per cent"),
    (("--sigma", "0=0,1=1", "--boundary", "open"), "a list of electrodes, periodic, mirror"),
    (("--boundary", "periodic"), "volume fractions only"),
    ((), "too small to be divided")])
def test_mistakes(image, tmp_path, run_cli, options, said):
    status, _, error = run_cli("rev", image, "--voxel-nm", "10", "-o", tmp_path / "out", *options)
    assert status == 2 and error.count("\n") == 1 and not (tmp_path / "out").exists()
    assert said in error


def test_the_section_is_for_rev_only(image, tmp_path, run_cli):
    study = tmp_path / "study.toml"
    study.write_text(f'[image]\nfile = "{image}"\nvoxel_size_nm = 10\n[phases]\nsigma_S_per_cm = {{ 0 = 0, 1 = 1 }}\n'
                     '[rev]\nsizes = [10, 6]\n')
    status, _, error = run_cli("conduct", study, "-o", tmp_path / "out")
    assert status == 2 and "the section [rev] is for pfsolid rev" in error
