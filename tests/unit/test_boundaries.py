"""What is refused where foreign bytes come in: input texts, words of the command line, stored results and densities."""

import json
import os
import shlex
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.builders import ALONE
from helpers.results import result_of
from helpers.sweeps import sweep_text

from pfsolid.config.sweep import read_sweep
from pfsolid.config.text import apply_overrides, parse_toml, read_text
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.records import write_json
from pfsolid.io.run_directory import MARKER, MARKER_TEXT, new_run
from pfsolid.io.series import Field, write_fields
from pfsolid.sweeps import launch
from pfsolid.sweeps.plan import make_plan
from pfsolid.text import on_screen, one_line

# --- texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, words", [
    ("a." * 100_000 + "b = 1", "a key of more than 100 parts"),
    ("[" + "a . " * 100_000 + "b]", "a key of more than 100 parts"),
    ("x = {" + "'a'." * 100_000 + "b = 1}", "a key of more than 100 parts"),
    ("a = " + "[" * 330 + "]" * 330, "deeper than 20"),
    ("a = " + "[" * 100_000, "not valid TOML"), ("a = " + "9" * 301, "a whole number of more than 300 digits"),
    ("a = [{ b = -" + "9" * 400 + " }]", "a whole number of more than 300 digits"), ("a = " + "9" * 5000, "4300 digits"),
    ("a = {" + "b = {" * 30 + "}" * 31, "deeper than 20")])
def test_texts_beyond_sense(text, words):
    started = time.process_time()
    with pytest.raises(InputError, match=words) as caught:
        parse_toml(text, "a.toml")
    assert str(caught.value).startswith("a.toml: ") and "\n" not in str(caught.value) and len(str(caught.value)) < 200
    assert time.process_time() - started < 5  # minutes, where the parser's time grows with the square


@pytest.mark.parametrize("text", ["a = [" + "0.1, " * 10_000 + "]", "title = '" + "i.e. a.b.c and so on. " * 300 + "'",
                                  "a." * 19 + "b = 1",
                                  "a = " + "[" * 19 + "]" * 19, "a = " + "9" * 300, 'a = """\n' + "x" * 1000 + '\n"""'])
def test_texts_that_are_long_only(text):
    assert len(parse_toml(text, "a.toml")) == 1


@pytest.mark.parametrize("override, words", [
    ("grid.shape=" + "[" * 100 + "]" * 100, "deeper than 20"), ("grid.shape=" + "9" * 301, "300 digits"),
    ("x" * 200 + "=1", "must be section.key=value"), ("a\nb=1", "must be section.key=value"),
    ("grid.shape={" + "a." * 200 + "b=1}", "100 parts")])
def test_overrides_beyond_sense(override, words):
    with pytest.raises(InputError, match=words) as caught:
        apply_overrides({}, [override])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_pipes_are_read_where_a_shell_passes_them(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(InputError, match="a.toml: cannot be read: it is a named pipe, not a file"):
        read_text(tmp_path / "a.toml")
    reading, writing = os.pipe()
    os.write(writing, b"title = 'x'")
    os.close(writing)
    assert read_text(f"/dev/fd/{reading}") == "title = 'x'"  # as in: pfsolid run <(sed ... case.toml)
    os.close(reading)


def test_foreign_text_on_a_screen():
    assert one_line("a\nb\x1b[31m\udcff") == "a\ufffdb\ufffd[31m\ufffd"
    assert one_line("x" * 100) == "x" * 56 + " ..."
    assert on_screen("a\nb\x1b[31m\udcff µ") == "a\nb\ufffd[31m\ufffd µ"


# --- sweeps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head, words", [
    ("keep = [1]", "keep = .1.: must be a list of rho"), ('keep = ["a\\nb"]', "must be rho or phase or history"),
    ("keep = [[1]]", "must be a list of"), ("keep = 5", "must be a list of"),
    ("'a\tb' = 1", "unknown key \"a.tb\": keys stand in"),
    ("replicas = [1]", "must be a whole number"), ("name = 5", "must be letters, digits")])
def test_sweeps_that_are_none(tmp_path, head, words):
    (tmp_path / "a.toml").write_text(sweep_text(head))
    with pytest.raises(InputError, match=words) as caught:
        make_plan(read_sweep(tmp_path / "a.toml"), "a.toml")
    assert not any("Error" in line for line in str(caught.value).splitlines())


@pytest.mark.parametrize("value", ["5", "[1]", '"x"', "true", "1979-05-27"])
def test_a_section_of_a_sweeps_base_that_is_none(tmp_path, value):
    base = f"microstructure = {value}\n[grid]\nshape = [8, 8, 8]\n"
    (tmp_path / "base.toml").write_text(base)
    (tmp_path / "a.toml").write_text('base = "base.toml"\n[[axis]]\nkey = "material.surface_depth_nm"\nvalues = [1.0]\n')
    with pytest.raises(InputError, match=r"microstructure = .*: must be a section, \[microstructure\]"):
        make_plan(read_sweep(tmp_path / "a.toml"), "a.toml")


def test_workers_are_started_in_a_directory_of_any_name(monkeypatch):
    """`pfsolid sweep run ./-x`: to a worker its directory must not look like an option."""
    started = []
    monkeypatch.setattr(launch.subprocess, "Popen", lambda command, **_: started.append(command))
    launch._start_worker(launch.Launch(Path("./-x"), (1, 2), threads=1), 0)
    assert started[0][-2:] == ["--", "-x"] and started[0][4:-2] == ["sweep", "run", "--slice", "1/2", "--threads", "1"]


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words, says", [
    (("info", "x" * 300), "is too long for the name of a file: 300 letters in one part"),
    (("run", "a/" * 3000), "is too long for the name of a file"), (("plot", "a\0b"), "is no name of a file"),
    (("conduct", ""), "is no name of a file"), (("conduct", ".", "--sigma", "0=1"), "fields.h5 does not exist"),
    (("measure", "x" * 300 + ".npy"), "is too long"), (("sweep", "run", "d", "--slice", "1/" + "5" * 5000), "must be I/N"),
    (("sweep", "run", "d", "--slice", "1/2/3"), "must be I/N"), (("sweep", "run", "./-x"), "-x does not exist"),
    (("sweep", "run", "d", "--workers", "9" * 5000), "a whole number from 1 to 1000000"),
    (("validate", "a.toml", "--ranks", "0"), "a whole number from 1"),
    (("run", "a.toml", "--threads", "two"), "a whole number from 1"),
    (("run",), "the following arguments are required: INPUT (see pfsolid run --help)"),
    (("frob",), "invalid choice: 'frob'"),
    (("info", "d", "x" * 5000), "unrecognized arguments: xxx")])
def test_words_of_the_command_line(run_cli, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    status, printed, error = run_cli(*words)
    assert (status, printed) == (2, "") and error.startswith("pfsolid: ") and says in error
    assert error.count("\n") == 1 and len(error) < 500 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("option, values", [
    ("--surface-depth-nm", ("1e300", "1e-300")), ("--pore-radius-nm", ("1e300", "1e-300")),
    ("--exponent", ("1e300", "1e-300")),
    ("--percolation-threshold", ("1e-300", "1")), ("--sigma-matrix-S-per-cm", ("1e300", "1e-300")),
    ("--porosity", ("1e300", "0:1e300:1e-300")),
    ("--sigma-surface-S-per-cm", ("1e300", "1e-300")), ("--sigma-pore-S-per-cm", ("1e300", "1e-300"))])
@pytest.mark.parametrize("model", ["gemt", "bruggeman", "maxwell-garnett", "brick"])
def test_theory_beyond_floating_point(run_cli, recwarn, option, values, model):
    usual = {"--porosity": "0.3", "--surface-depth-nm": "1", "--pore-radius-nm": "10", "--model": model}
    for value in values:
        status, printed, error = run_cli("emt", *(word for pair in (usual | {option: value}).items() for word in pair))
        assert (status, error.count("\n")) == (2, 1) or (status == 0 and "nan" not in printed and model != "gemt"), (value,
                                                                                                                     error)
    assert not recwarn.list  # NumPy's, which would stand on the screen


@pytest.mark.parametrize("option, value, key", [
    ("--tolerance", "2", "conduction.relative_tolerance = 2"), ("--temperature", "0", "conduction.temperature_K = [0]"),
    ("--directions", "w", "image.directions"), ("--threshold", "a", "image.thresholds"),
    ("--axes-order", "xx", "image.axes"), ("--plate-resistance", "1", "image.plate_resistance_ohm_cm2"),
    ("--raw-offset", "x", "image.raw_offset"), ("--layer", "2:1,0,-4", "layer.width_nm = -4"),
    ("--set", "image.axes=xx", "image.axes"), ("--set", "output.figures=5", "output.figures = 5")])
def test_a_wrong_value_is_named_by_its_option(run_cli, tmp_path, option, value, key):
    """As it was written, with the key that it stands for."""
    np.save(tmp_path / "a.npy", np.ones((2, 2, 2), "u1"))
    status, _, error = run_cli("conduct", tmp_path / "a.npy", "--sigma", "1=1", option, value)
    assert status == 2 and error.startswith(f"pfsolid: {option}: {key}") and error.count("\n") == 1, error


def test_what_stands_in_no_single_option(run_cli, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2, 2), "u1"))
    status, _, error = run_cli("conduct", tmp_path / "a.npy", "--sigma", "1=1", "--resistance", "1:9=1", "--voxel-nm", "1")
    assert status == 2 and error.startswith("pfsolid: command line: ") and "label 9 has no conductivity" in error


@pytest.mark.parametrize("words", [("measure", "nowhere"), ("conduct", "nowhere", "--sigma", "0=1"), ("conduct", "nowhere")])
def test_what_is_not_there_is_no_matter_of_formats(run_cli, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    status, _, error = run_cli(*words)
    assert (status, error) == (2, "pfsolid: nowhere does not exist\n")


# --- advice -------------------------------------------------------------------------------------------------------


def advised(text: str, command: str) -> list[str]:
    """The words of the command that a message advises, as a shell takes them."""
    return shlex.split(text[text.index(command):].split("\n")[0].split(", give")[0])[1:]


@pytest.mark.parametrize("name", ["my runs", "it's", "-x", "$(touch a)", "a;b"])
def test_advice_can_be_pasted_whatever_a_folder_is_called(run_cli, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(sweep_text(steps=2))
    status, printed, error = run_cli("sweep", "plan", "a.toml", "-o", f"./{name}")
    assert status == 0, error
    for command in ("pfsolid sweep run", "sbatch --array=1-1 jobs/sweep_array.sbatch"):
        assert name in [word.removeprefix("./") for word in advised(printed, command)]
    directory = f"./{name}"
    status, printed, _ = run_cli("sweep", "status", directory)
    assert run_cli(*advised(printed, "pfsolid sweep run"), "--slice", "1/0")[2].startswith("pfsolid: --slice")
    with new_run(f"run{name}", "[grid]", False, ALONE):
        (Path(f"run{name}") / "input.toml").write_text("x = 1")
    status, _, error = run_cli("run", _case(tmp_path), "-o", f"run{name}")
    assert status == 2 and "not finished" in error, error
    assert run_cli(*advised(error, "pfsolid resume"))[2].startswith(f"pfsolid: run{name}/input.toml: ")


def _case(folder: Path) -> Path:
    (folder / "case.toml").write_text('[grid]\nshape = [8, 8, 8]\nvoxel_size_nm = 0.5\n[material]\nsurface_depth_nm = 1.4\n'
                                      'surface_energy_eV_per_A2 = 0.02\n[microstructure]\nporosity = 0.4\n[evolution]\n'
                                      'max_steps = 2\n')
    return folder / "case.toml"


def test_each_command_says_whose_input_it_is_given(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, error = run_cli("conduct", _case(tmp_path))
    assert status == 2 and "case.toml: is the input of a run: pfsolid run " in error and error.count("\n") == 1
    np.save("a.npy", np.ones((4, 4, 4), "u1"))
    quick = ("--set", "output.figures=false", "-o", "s")
    assert run_cli("conduct", "a.npy", "--sigma", "1=1", "--voxel-nm", "1", *quick)[0] == 0
    status, _, error = run_cli("run", "s/input.toml")
    assert status == 2 and "is a study of an image: pfsolid conduct s/input.toml" in error
    status, _, error = run_cli("conduct", "s")
    assert status == 2 and "s is a study of an image and holds no density" in error
    words = advised(error, "pfsolid conduct")
    words[words.index("SECTION.KEY=VALUE")] = "conduction.relative_tolerance=1e-3"
    assert run_cli(*words)[0] == 0 and (tmp_path / "OTHER" / "result.json").exists()


# --- stored results -----------------------------------------------------------------------------------------------


GOOD = result_of().to_dict()


@pytest.mark.parametrize("text, says", [
    ("{}", "it has no title"), ("[]", "no table of keys"), ("5", "no table of keys"), ("null", "no table of keys"),
    ("{", "is damaged"),
    ("[" * 100_000, "is damaged"), (json.dumps(GOOD | {"title": 5}), "title is int"),
    (json.dumps(GOOD | {"sigma_eff_S_per_cm": [[1]]}), "sigma_eff_S_per_cm is no array of 3 x 3 numbers"),
    (json.dumps(GOOD | {"growth": {}}), "growth has no reason")])
@pytest.mark.parametrize("command", ["info", "plot"])
def test_odd_results(run_cli, tmp_path, command, text, says):
    (tmp_path / MARKER).write_text(MARKER_TEXT)
    (tmp_path / "result.json").write_text(text)
    status, _, error = run_cli(command, tmp_path)
    assert status == 2 and error.count("\n") == 1
    assert "result.json" in error and says in error


@pytest.mark.parametrize("content, info", [(b"\xff\n", 2), (b"a,b\n1,2\n", 0), (b'"' + b"x" * 200_000 + b"\n", 0)])
def test_odd_histories(run_cli, tmp_path, content, info):
    (tmp_path / MARKER).write_text(MARKER_TEXT)
    (tmp_path / "history.csv").write_bytes(content)
    for command, expected in (("info", info), ("plot", 2)):
        status, _, error = run_cli(command, tmp_path)
        assert status == expected and error.count("\n") == (expected == 2) and (not error or "history.csv" in error)


@pytest.fixture
def stored(tmp_path):
    """A fields file with a density and an input, as a run leaves it; ``rho`` with one value changed."""
    text = ('[grid]\nshape = [8, 8, 8]\nvoxel_size_nm = 0.5\n[material]\nsurface_energy_eV_per_A2 = 0.02\n'
            'surface_depth_nm = 1.4\n'
            '[microstructure]\nporosity = 0.4\n[evolution]\nmax_steps = 2\n[conduction]\nsigma_bulk_S_per_cm = 1e-6\n'
            'sigma_surf_S_per_cm = 1e-3\nrelative_tolerance = 1e-2\n[output]\nfigures = false\n')

    def make(value=0.5, spacing=(0.5,) * 3):
        rho = np.random.default_rng(1).random((8, 8, 8))
        rho[2, 3, 4] = value
        array = DistributedArray(rho, rho.shape, (slice(0, 8),) * 3)
        write_fields(tmp_path / "fields.h5", {"rho": Field(array, "1")}, PeriodicGrid(rho.shape, spacing), {"input": text},
                     ALONE)
        return tmp_path / "fields.h5"

    return make


@pytest.mark.parametrize("value, says", [(1e300, "the value 1e+300 at voxel (2, 3, 4) is no density"),
                                         (np.nan, "must be a finite number"),
                                         (-np.inf, "must be a finite number"), (1.3, "is no density"),
                                         (-0.3, "is no density")])
def test_densities_that_are_none(run_cli, stored, tmp_path, value, says):
    """Refused before an old result is replaced."""
    path, out = stored(value), tmp_path / "out"
    out.mkdir()
    (out / "input.toml").write_text("old")
    write_json(out / "result.json", {"old": 1})
    status, _, error = run_cli("conduct", path, "-o", out, "--force")
    assert status == 2 and error.count("\n") == 1 and says in error
    assert json.loads((out / "result.json").read_text()) == {"old": 1}


def test_a_density_is_solved_all_the_same(run_cli, stored, tmp_path):
    status, _, error = run_cli("conduct", stored(1.1), "-o", tmp_path / "out")
    assert status == 0, error
    assert (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize("spoil, says", [
    (lambda file: file["rho"].attrs.modify("spacing_nm", (1e300,) * 3), "and not three lengths from"),
    (lambda file: file["rho"].attrs.create("spacing_nm", (1.0, 2.0)), "and not three lengths from"),
    (lambda file: file["rho"].attrs.create("spacing_nm", "x"), "and not three lengths from"),
    (lambda file: file["rho"].attrs.create("axes", "x y z"), "is not a field of pfsolid"),
    (lambda file: file.move("rho", "tau"), "has no field rho"),
    (lambda file: (file.move("rho", "tau"), file.__setitem__("rho", h5py.ExternalLink("/etc/a.h5", "rho"))),
     "stand in another place"),
    (lambda file: (file.move("rho", "tau"), file.__setitem__("rho", h5py.SoftLink("tau"))), "stand in another place")])
def test_fields_that_say_something_else(run_cli, stored, tmp_path, spoil, says):
    path = stored()
    with h5py.File(path, "r+") as file:
        spoil(file)
    status, _, error = run_cli("conduct", path, "-o", tmp_path / "out")
    assert status == 2 and error.count("\n") == 1 and says in error and not (tmp_path / "out").exists()
