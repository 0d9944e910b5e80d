"""Whatever is given to the program: one line and status 2, or a result; no traceback, no hang, nothing touched elsewhere.

Seeded, so that a case that fails fails again.  Each kind of input is a good one, changed: bytes of images, values and text
of input files, words of command lines, and the files of a finished run.
"""

import json
import math
import os
import random
import shutil
import struct
import time
import zlib

import h5py
import numpy as np
import pytest
import tifffile
from helpers.builders import ALONE
from PIL import Image

from pfsolid.errors import InputError
from pfsolid.io.images.formats import ArrayLayout, RawLayout
from pfsolid.io.images.slab import Labelling, describe_image, read_label_slab

SHAPE = (6, 5, 4)
# Processor time of one case; the slowest takes a tenth, and what would hang takes for ever.
MOST_SECONDS = 5.0
VALUES = ["9" * 301, "-" + "9" * 200, "9" * 5000, "1e300", "-1e300", "1e-300", "nan", "inf", "-inf", "-1", "0", "1", "2.5",
          "true",
          '""', '"a\\nb"', '"\\u0000"', '"x"', "[]", "[[]]", "[1]", "[1, 2, 3]", '["a"]', "[1.5, nan, 3]", "[true]", "{}",
          "{a = 1}",
          "{a.b = [1]}", "1979-05-27", "07:32:00", "[" * 330 + "]" * 330, "a." * 3000 + "b", '"' + "x" * 3000 + '"',
          "{0 = 1, 00 = 2}",
          "[[1, 2], [3]]", "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", "0x10", "\u0663", "'''\nx'''"]
RUN = """title = "small"
[grid]
shape = [8, 8, 8]
voxel_size_nm = 0.5
[material]
surface_energy_eV_per_A2 = 0.020
surface_depth_nm = 1.4
[microstructure]
porosity = 0.4
[evolution]
max_steps = 2
[conduction]
sigma_bulk_S_per_cm = 8.93e-7
sigma_surf_S_per_cm = 3.14e-3
temperature_K = 300
[output]
figures = false
"""
STUDY = """title = "small"
[image]
file = "image.npy"
voxel_size_nm = 5.0
crop = [[0, 6], [], []]
boundary = "periodic"
field_axes = "x"
[phases]
sigma_S_per_cm = { 0 = 1e-3, 1 = 1.0, 2 = [1.0, 2.0, 3.0] }
names = { 0 = "pore", 1 = "wall" }
interface_resistance_ohm_cm2 = { "0:1" = 1e-9 }
[conduction]
relative_tolerance = 1e-2
grid_error = "none"
[output]
figures = false
save_current = false
"""
SWEEP = """base = "run.toml"
replicas = 2
keep = ["phase"]
[[axis]]
key = "microstructure.porosity"
linspace = [0.3, 0.4, 2]
"""


def labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 3, SHAPE).astype("u1")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with one of everything, and ``changed()``: what there is that was not, or is not as it was."""
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", labels())
    for name, text in (("run.toml", RUN), ("study.toml", STUDY), ("sweep.toml", SWEEP)):
        (tmp_path / name).write_text(text)

    def state():
        return {str(path.relative_to(tmp_path)): path.read_bytes() if path.is_file() else None
                for path in tmp_path.rglob("*") if path.relative_to(tmp_path).parts[0] not in ("out", "case.toml")}

    before = state()
    return lambda: {name for name, content in (state().items() ^ before.items())}


@pytest.fixture
def attempt(run_cli, recwarn, place):
    """Run a command; it must end with a result, or with status 2 and lines that are not a traceback."""

    def run(*words, lines=1):
        shutil.rmtree("out", ignore_errors=True)
        started = time.process_time()
        status, _, error = run_cli(*words)
        seconds = time.process_time() - started
        told = [word if len(word) < 200 else f"{word[:200]}..." for word in words]
        assert seconds < MOST_SECONDS, (told, seconds)
        assert status in (0, 2), (told, status, error)
        assert not place(), (told, place())
        if status == 2:
            assert error.startswith("pfsolid: ") and error.count("\n") <= lines, (told, error)
            assert len(error) < 1000 * lines, (told, error[:2000])
        return status

    return run


# --- images -------------------------------------------------------------------------------------------------------


def npy(path):
    np.save(path, labels())


def tiff(path, **options):
    tifffile.imwrite(path, labels().transpose(2, 1, 0), photometric="minisblack", **options)


def hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("rho", data=labels()).attrs["spacing_nm"] = (5.0, 5.0, 5.0)


def png(path):
    Image.fromarray(labels()[:, :, 0]).save(path)


def vti(path, packed: bool):
    data = labels().tobytes(order="F")
    stored = zlib.compress(data)
    head = struct.pack("<IIII", 1, len(data), 0, len(stored)) if packed else struct.pack("<I", len(data))
    extent = " ".join(f"0 {n}" for n in SHAPE)
    path.write_bytes(f'<?xml version="1.0"?>\n<VTKFile type="ImageData" byte_order="LittleEndian"'
                     f'{" compressor=" + chr(34) + "vtkZLibDataCompressor" + chr(34) if packed else ""}>'
                     f'<ImageData WholeExtent="{extent}" Spacing="1 1 1"><Piece Extent="{extent}"><CellData>'
                     '<DataArray type="UInt8" Name="a" format="appended" offset="0"/></CellData></Piece></ImageData>'
                     '<AppendedData encoding="raw">_'.encode() + head + (stored if packed else data)
                     + b"</AppendedData></VTKFile>")


KINDS = {
    "npy": npy, "tif": tiff, "deflate.tif": lambda path: tiff(path, compression="zlib"),
    "imagej.tif": lambda path: tifffile.imwrite(path, labels().transpose(2, 1, 0), imagej=True, resolution=(1, 1),
                                                metadata={"unit": "um", "spacing": 1}),
    "png": png, "h5": hdf5, "vti": lambda path: vti(path, False), "zlib.vti": lambda path: vti(path, True),
    "raw": lambda path: path.write_bytes(labels().tobytes(order="F")),
}


def changed(data: bytes, random_: random.Random) -> bytes:
    """A few bytes of a file other than they were, or gone, or more; mostly near its beginning, where it says what it is."""
    data = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 5))):
        at = random_.randrange(min(len(data), random_.choice((16, 200, len(data)))))
        how = random_.randrange(6)
        if how == 0:
            data[at] ^= 1 << random_.randrange(8)
        elif how == 1:
            data[at] = random_.choice((0, 255, 127, 128, 10, 32, 40, 57))
        elif how == 2:
            del data[at:at + random_.randint(1, 40)]
        elif how == 3:
            data[at:at] = bytes(random_.randrange(256) for _ in range(random_.randint(1, 40)))
        elif how == 4:
            del data[max(1, at):]
        else:
            data += bytes(random_.randint(1, 40))
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "h5"])
def test_images_with_other_bytes(tmp_path, recwarn, kind):
    random_, path = random.Random(kind), tmp_path / f"a.{kind}"
    KINDS[kind](path)
    good = path.read_bytes()
    layout = RawLayout(SHAPE, "u1") if kind == "raw" else ArrayLayout()
    refused = 0
    for _ in range(40):
        path.write_bytes(changed(good, random_))
        started = time.process_time()
        try:
            shape = describe_image(path, layout).shape
            if math.prod(shape) > 1e7:
                continue  # it says so; what that takes is asked before it is read
            read = read_label_slab(path, tuple(slice(0, n) for n in shape), ALONE, layout=layout)
            assert read.shape == shape and read.dtype == np.uint8
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600, error
        assert time.process_time() - started < MOST_SECONDS
    assert refused > 10  # or nothing was tried


def test_hdf5_files_that_say_something_else(tmp_path, recwarn):
    """HDF5 itself ends the process on some damage, as nothing above it can prevent; what a file says is another matter."""
    random_ = random.Random(5)
    spacings = [5.0, "5", (1.0, 2.0), (1e300,) * 3, (np.nan,) * 3, (0.0, 1, 1), (-1.0, 1, 1), (1, 2, 3), b"abc",
                ((1.0,) * 3,) * 3]
    arrays = [labels(), labels().astype("f4"), labels().astype("c8"), labels()[0], labels()[0, 0], np.uint8(1), labels()[:0],
              labels()[None], np.array([b"a", b"b"]), labels().astype("i8") - 9, labels() / np.inf, labels() * np.nan]
    axes = ["z y x", "zyx", "", 5, (1, 2), "z y x component", "q", "{}", '{"axes": [{}]}']
    for number in range(40):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w") as file:
            dataset = file.create_dataset("rho", data=random_.choice(arrays))
            dataset.attrs["spacing_nm"] = random_.choice(spacings)
            dataset.attrs[random_.choice(("axes", "axistags", "DIMENSION_LABELS"))] = random_.choice(axes)
        try:
            shape = describe_image(path).shape
            read_label_slab(path, tuple(slice(0, n) for n in shape), ALONE, labelling=Labelling((0.5,)))
        except InputError as error:
            assert "\n" not in str(error), error


# --- input files and command lines --------------------------------------------------------------------------------


def with_other_values(text: str, random_: random.Random) -> str:
    """One or two lines with another value, or a line more or less."""
    lines = text.splitlines()
    for _ in range(random_.choice((1, 1, 2))):
        at = random_.randrange(len(lines))
        how = random_.randrange(8)
        if how < 5 and "=" in lines[at]:
            lines[at] = f"{lines[at].partition('=')[0]}= {random_.choice(VALUES)}"
        elif how == 5:
            lines[at] = random_.choice(["[x]", "x = 1", "[grid]", "=", "\x00", "[[axis]]", "[a.b.c]", "\"a\\nb\" = 1",
                                        "material = 5",
                                        "microstructure = 5", "[grid.shape]", "a" * 2000 + " = 1", "base = 5", "keep = [1]"])
        elif how == 6:
            del lines[at]
        else:
            lines.insert(at, lines[random_.randrange(len(lines))])
        if not lines:
            break
    return "\n".join(lines)


@pytest.mark.parametrize("name, text, words, number", [
    ("run.toml", RUN, ("validate", "case.toml"), 120),
    ("study.toml", STUDY, ("conduct", "case.toml", "-o", "out/result", "--threads", "1"), 60),
    ("sweep.toml", SWEEP, ("sweep", "plan", "case.toml", "-o", "out/sweep"), 60)])
def test_input_files_with_other_values(attempt, tmp_path, name, text, words, number):
    random_ = random.Random(name)
    statuses = []
    for _ in range(number):
        path = tmp_path / "case.toml"
        path.write_text(with_other_values(text, random_), encoding="utf-8")
        statuses.append(attempt(*words, lines=8))
    assert statuses.count(2) > number / 4


WORDS = {
    "conduct": (["image.npy"], ["--sigma", "0=1e-3,1=1,2=2"], ["--voxel-nm", "5"], ["--axes", "x"], ["--crop", ":,:,0:2"],
                ["--threshold", "0.5,1.5"], ["--boundary", "mirror"], ["--layer", "1:2,0,5"], ["--resistance", "0:1=1e-9"],
                ["--temperature", "300"], ["--tolerance", "1e-2"], ["--set", "output.figures=false"],
                ["--set", "phases.names={0=\"a\"}"], ["-o", "out/result"], ["--threads", "1"]),
    "emt": (["--porosity", "0.1,0.3"], ["--surface-depth-nm", "1"], ["--pore-radius-nm", "10"], ["--exponent", "0.85"],
            ["--model", "gemt"], ["--sigma-matrix-S-per-cm", "1e-6"], ["--percolation-threshold", "0.3"],
            ["--csv", "out/table.csv"]),
    "validate": (["run.toml"], ["--ranks", "2"], ["--threads", "1"], ["--set", "grid.shape=[8, 8, 8]"]),
    "materials": (["show"], ["beta-Li3PS4"], ["--temperature-K", "300"]),
    "sweep": (["plan"], ["sweep.toml"], ["-o", "out/sweep"], ["--set", "microstructure.seed=3"]),
    "measure": (["image.npy"], ["--voxel-nm", "5"], ["-o", "out/m.json"], ["--threads", "1"], ["--filler", "0"]),
}
NASTY = ["", " ", "-", "--", "x" * 300, "x" * 5000, "1" * 400, "9" * 5000, "1e300", "-1e300", "1e-300", "nan", "inf", "-1",
         "0", "1:2:3",
         "0:1", "1,2", "1,2,3", "a=b", "0=1,0=2", "0=[1", "0={value=1}", "[" * 330, "a\nb", "\x00", ".", "/", "..",
         "image.npy",
         "missing.npy", "pipe.npy", "image.npy:rho", "run.toml", "1/2", "\u0663", "\udcff", "xyz", "xx", "=", "a.b=1",
         "a.b.c=1", "grid=5",
         "title=\udcff", "image.file=5", "conduction.temperature_K=[[1]]", "8,8,8,f4,(", "1" * 100 + ":5", "0.1:0.2:1e-300"]


@pytest.mark.parametrize("command, number", [("conduct", 90), ("emt", 60), ("validate", 40), ("materials", 20),
                                             ("sweep", 30),
                                             ("measure", 40)])
def test_command_lines_with_other_words(attempt, tmp_path, command, number):
    random_ = random.Random(command)
    statuses = []
    for _ in range(number):
        options = [list(option) for option in WORDS[command]]
        for _ in range(random_.choice((1, 1, 2))):
            option = random_.choice([one for one in options if one[0] not in ("-o", "--csv")])
            option[random_.choice((-1, -1, 0))] = random_.choice(NASTY)
        if command == "measure" or random_.random() < 0.5:
            options = [option for option in options if option[0] == "-o" or random_.random() < 0.9]
        words = [word for option in options for word in option]
        if "out/result" not in words and command == "conduct" or "out/m.json" not in words and command == "measure":
            words += ["-o", "out/other"]  # what goes beside the image by default is no mischief
        statuses.append(attempt(command, *words, lines=4))
    assert statuses.count(2) > number / 4


@pytest.fixture
def study(run_cli, place, tmp_path):
    """The files of a solved image, to be damaged."""
    status, _, error = run_cli("conduct", "study.toml", "-o", "out/study", "--threads", "1")
    assert not status, error
    return tmp_path / "out" / "study"


def other_json(data, random_: random.Random):
    """The same with one value, anywhere in it, another or gone."""
    if isinstance(data, (dict, list)) and data and random_.random() < 0.8:
        key = random_.choice(list(data) if isinstance(data, dict) else range(len(data)))
        if random_.random() < 0.2:
            del data[key]
        else:
            data[key] = other_json(data[key], random_)
        return data
    return random_.choice([None, 5, -1, 1e300, "x", "a\nb", [], {}, [[]], [None], {"a": 1}, True, ""])


@pytest.mark.parametrize("command, number", [("info", 60), ("plot", 12)])
def test_files_of_a_run_that_say_something_else(run_cli, place, study, command, number):
    random_ = random.Random(command)
    good = (study / "result.json").read_text()
    for turn in range(number):
        data = json.loads(good)
        data.pop("sha256", None)
        text = json.dumps(other_json(data, random_))
        if turn % 6 == 5:
            text = random_.choice(["{}", "[]", "5", "null", "", "{", "\x00", "[" * 5000, '{"title": "' + "x" * 10**5, "NaN"])
        (study / "result.json").write_text(text)
        (study / "history.csv").write_bytes(random_.choice([b"", b"step\n1\n", b"\xff", b"\0\n", b'"\n', b"a,b\n" * 9]))
        status, _, error = run_cli(command, study)
        assert status in (0, 2) and not place(), error
        assert error.count("\n") == (status == 2), error


def test_what_waits_for_ever_is_not_waited_for(run_cli, place, study, tmp_path):
    """A named pipe in the place of a file: opened for reading it would wait for somebody to write."""
    for name in ("result.json", "fields.h5", "input.toml", "history.csv"):
        path = study / name
        kept = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        for words in (("info", study), ("plot", study), ("resume", study), ("conduct", study, "-o", "out/c"),
                      ("measure", study, "-o", "out/m.json")):
            if name == "fields.h5" or words[0] in ("info", "plot", "resume"):
                status, _, error = run_cli(*words)
                assert status in (0, 1, 2) and error.count("\n") <= 2, (name, words, error)
        path.unlink()
        if kept is not None:
            path.write_bytes(kept)
    for kind in KINDS:
        os.mkfifo(tmp_path / "out" / f"pipe.{kind}")
        with pytest.raises(InputError, match="named pipe"):
            describe_image(tmp_path / "out" / f"pipe.{kind}", RawLayout(SHAPE, "u1") if kind == "raw" else ArrayLayout())
