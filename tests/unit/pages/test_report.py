"""The page to hand on: it is whole in itself, says what the directory says, and its view shows the voxels that there are."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.pages import page as page_module

EVIL = "</script><script>alert('x')</script> & <b>\"bold\"</b>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(1).choice([0, 1, 2], (6, 7, 8), p=[0.3, 0.5, 0.2]).astype(np.uint8)  # z, y, x


@pytest.fixture
def study(labels, tmp_path, run_cli):
    np.save(tmp_path / "image.npy", labels)
    toml = (f'title = {json.dumps(EVIL)}\n[image]\nfile = "{tmp_path / "image.npy"}"\nvoxel_size_nm = [10, 10, 20]\n'
            f'[phases]\nsigma_S_per_cm = {{ 0 = 0.0, 1 = 1e-3, 2 = 0.0 }}\n'
            f'names = {{ 0 = "pore", 1 = {json.dumps(EVIL)} }}\n')
    (tmp_path / "study.toml").write_text(toml)
    assert not run_cli("conduct", tmp_path / "study.toml", "-o", tmp_path / "out")[0]
    return tmp_path / "out"


def scene_in(text):
    return json.loads(re.search(r'<script id="scene"[^>]*>(.*?)</script>', text, re.DOTALL)[1])


def faces_of(solid):
    """Faces of voxels that nothing solid touches, the outside being empty."""
    padded = np.pad(solid, 1)
    return sum(int(np.sum(padded & ~np.roll(padded, step, axis))) for axis in range(3) for step in (1, -1))


def test_page_of_a_study(study, labels, run_cli):
    status, said, error = run_cli("report", study)
    assert not status and "report.html" in said, error
    text = (study / "report.html").read_text()
    assert len(text) < 8_000_000 and "default-src 'none'" in text
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!data:)[a-z]*[:/]""", text)  # nothing from elsewhere
    assert EVIL not in text and "alert('x')</script>" not in text  # titles and names are text
    result = json.loads((study / "result.json").read_text())
    assert result["headline"] in text.replace("&quot;", '"')
    assert text.count("data:image/png;base64,") == len(list((study / "figures").glob("*.png"))) > 0
    scene = scene_in(text)
    assert scene["shape"] == [8, 7, 6] and scene["edges"] == [10, 10, 20]
    assert base64.b64decode(scene["labels"]) == labels.tobytes()  # x fastest, as the array has it
    assert [(one["label"], one["name"], one["shown"]) for one in scene["phases"]] == [
        (0, "pore", False), (1, EVIL, True), (2, "label 2", False)]
    current = np.frombuffer(base64.b64decode(scene["current"]["values"]), np.uint8).reshape(labels.shape)
    assert (current[labels != 1] == 0).all() and current.max() == 255
    assert run_cli("report", study)[0] == 2  # it is there
    assert not run_cli("report", study, "--force")[0]
    assert pf.report(study, force=True) == study / "report.html"


def test_without_webgl_the_empty_view_does_not_stand_there(study, tmp_path):
    """Where the script sets nothing the view has the class off, which must win against what its id says of display."""
    text = pf.report(study, tmp_path / "page.html").read_text()
    assert '<div id="view" class="off">' in text and "#view { display: grid" in text
    assert ".off { display: none !important; }" in text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_chromium_shows_every_face(study, labels, tmp_path):
    path = pf.report(study, tmp_path / "page.html")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader",
               "--enable-unsafe-swiftshader", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000",
               "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    found = re.search(r'<html[^>]*data-view="(\d+)"', done.stdout)
    if not found and 'id="view" class="off"' in done.stdout:
        pytest.skip("Chromium has no WebGL on this machine")
    assert int(found[1]) == faces_of(labels == 1), done.stderr[-500:]
    # Names stand as text in the panel; nothing of them has become an element.
    assert "&lt;/script&gt;&lt;script&gt;" in done.stdout and "<b>" not in done.stdout


def test_page_of_two_carriers(labels, tmp_path, run_cli):
    np.save(tmp_path / "image.npy", labels)
    assert not run_cli("conduct", tmp_path / "image.npy", "--voxel-nm", "10", "--carrier", "ion:1=1e-3", "--carrier",
                       "electron:1=1e-5,2=1e-2", "--directions", "z", "--boundary", "electrodes", "-o", tmp_path / "two",
                       "--set", "output.figures=false")[0]
    text = pf.report(tmp_path / "two").read_text()
    scene = scene_in(text)
    assert text.count("<h2>Effective conductivity of carrier ") == 2
    assert "<h2>Both carriers together</h2>" in text and "electrode tortuosity" in text
    assert ">ion: sigma_zz" in text and ">electron: sigma_zz" in text
    assert [one["shown"] for one in scene["phases"]] == [False, True, True]
    assert scene["current"]["name"] in ("current of ion, field along z", "current of electron, field along z")


def test_page_of_a_density(tmp_path):
    grown = pf.grow((12, 12, 12), 0.7, 0.4, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    text = pf.report(grown.save(tmp_path / "grown")).read_text()
    scene = scene_in(text)
    assert [one["name"] for one in scene["phases"]] == ["pore", "solid"] and scene["current"] is None
    density = np.frombuffer(base64.b64decode(scene["labels"]), np.uint8).reshape(12, 12, 12)
    assert np.array_equal(density, grown.density >= 0.5)


def test_page_of_a_survey(tmp_path, run_cli):
    np.save(tmp_path / "image.npy", np.random.default_rng(1).integers(0, 2, (16, 16, 16)).astype(np.uint8))
    assert not run_cli("rev", tmp_path / "image.npy", "--voxel-nm", "1", "--sizes", "8,4", "-o", tmp_path / "rev")[0]
    text = pf.report(tmp_path / "rev").read_text()
    assert "Is the sample large enough?" in text and scene_in(text) is None and "for 5 % take" in text


def test_page_of_a_sweep(tmp_path):
    base = {"grid": {"shape": [8, 8, 8], "voxel_size_nm": 1.4}, "material": {"name": "beta-Li3PS4"},
            "microstructure": {"porosity": 0.4}, "evolution": {"max_steps": 20}}
    pf.sweep(base, {"microstructure.porosity": [0.35, 0.45]}, directory=tmp_path / "sweep")
    text = pf.report(tmp_path / "sweep").read_text()
    assert "0 of 2 cases done" in text and "microstructure.porosity" in text


def test_what_is_refused(study, tmp_path, run_cli, monkeypatch):
    for place, said in ((tmp_path / "none", "does not exist"), (tmp_path, "is not the directory of a run or a sweep")):
        status, _, error = run_cli("report", place)
        assert status == 2 and said in error
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    status, _, error = run_cli("report", study, "-o", tmp_path / "mine.html", "--force")
    assert status == 2 and "is not what this command has written" in error
    assert (tmp_path / "mine.html").read_text() == "<p>mine</p>"
    assert run_cli("report", study, "-o", study / "result.json", "--force")[0] == 2
    monkeypatch.setattr(page_module, "MAX_BYTES", 1000)
    status, _, error = run_cli("report", study, "-o", tmp_path / "large.html")
    assert status == 2 and "MB, more than" in error and not (tmp_path / "large.html").exists()
    (study / "result.json").unlink()
    assert "is not finished" in run_cli("report", study)[2]
