"""The API's conductivity: exact values, the command line's own numbers, orders of axes, likely mistakes, a quiet process."""

import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest

import pfsolid as pf

# Layers across z, the first axis of an array: sigma is the arithmetic mean along them, the harmonic across.
LAYERS = np.repeat([0, 1, 0, 1], 2)[:, None, None] * np.ones((8, 4, 6), int)
SIGMA = {0: 1e-3, 1: 3e-3}


def test_array_to_tensor_in_three_lines():
    image = pf.Image(LAYERS, voxel_nm=20)
    found = pf.conductivity(image, sigma=SIGMA)
    assert np.diag(found.tensor) == pytest.approx([2e-3, 2e-3, 1.5e-3], rel=1e-4)  # to the tolerance
    assert found.tortuosity_factor == pytest.approx([1, 1, 4 / 3], rel=1e-4)
    assert found.macmullin == pytest.approx([1.5, 1.5, 2.0], rel=1e-4)
    assert found.percolates == (True, True, True)
    assert found.current_share["x"] == pytest.approx({"label 0": 0.25, "label 1": 0.75}, rel=1e-3)
    assert np.all(found.interval[0] <= np.diag(found.tensor)) and np.all(np.diag(found.tensor) <= found.interval[1])


def test_fields_come_back_in_the_order_of_the_array_with_components_by_name():
    for axes in ("zyx", "xyz", "yzx"):
        array = LAYERS.transpose(["zyx".index(name) for name in axes])
        found = pf.conductivity(array, SIGMA, voxel_nm=20, axes=axes)
        assert np.diag(found.tensor) == pytest.approx([2e-3, 2e-3, 1.5e-3], rel=1e-4)
        current = found.current_density("x")
        assert current.shape == (*array.shape, 3)
        # A/m^2 in 1 V/m: S/m of each voxel, along the layers; nothing across.
        assert current[..., 0] == pytest.approx(np.where(array == 1, 0.3, 0.1), rel=1e-3)
        assert current[..., 1:] == pytest.approx(0, abs=1e-4)
        assert found.current_density("z")[..., 2] == pytest.approx(0.15, rel=1e-3)


@pytest.mark.parametrize("boundary", ["mirror", "electrodes"])
def test_fields_have_the_voxels_of_the_image_and_not_those_of_its_mirror_images(boundary):
    tilted = [[1e-3, 2e-4, 0], [2e-4, 1e-3, 0], [0, 0, 1e-3]]
    for sigma in (SIGMA, {0: tilted, 1: tilted}):
        assert pf.conductivity(LAYERS, sigma, voxel_nm=20, boundary=boundary).current_density("y").shape == (8, 4, 6, 3)


def test_pictures():
    found = pf.conductivity(LAYERS[:, :, 0], SIGMA, voxel_nm=20)  # y, x: layers across y
    assert np.diag(found.tensor)[:2] == pytest.approx([2e-3, 1.5e-3], rel=1e-4)
    assert np.isnan(found.tensor[2, 2])
    assert found.current_density("x").shape == (8, 4, 3)


@pytest.mark.parametrize("options, arguments", [
    ({}, []),
    ({"boundary": "electrodes", "directions": "xz"}, ["--boundary", "electrodes", "--directions", "xz"]),
    ({"boundary": "mirror", "error": "refinement"}, ["--boundary", "mirror", "--set", "conduction.grid_error=refinement"]),
    ({"layer": {"label": 2, "on": 1, "facing": (0,), "width_nm": 40}, "resistance": {(0, 2): 1e-3}},
     ["--layer", "2:1,0,40", "--resistance", "0:2=1e-3"]),
])
def test_numbers_are_those_of_the_command_line_bit_for_bit(options, arguments, tmp_path, run_cli):
    array = np.random.default_rng(1).integers(0, 2, (6, 8, 10)).astype(np.uint8)
    np.save(tmp_path / "image.npy", array)
    status, _, error = run_cli("conduct", tmp_path / "image.npy", "--sigma", "0=1e-5,1=1e-3,2=5e-3", "--voxel-nm",
                               "20,20,25", "-o", tmp_path / "out", "--set", "output.figures=false", *arguments)
    assert status == 0, error
    stored = json.loads((tmp_path / "out/result.json").read_text())
    sigma = {0: 1e-5, 1: 1e-3, 2: 5e-3}
    for image in (array, pf.read_image(tmp_path / "image.npy")):
        found = pf.conductivity(image, sigma, voxel_nm=(20, 20, 25), **options).to_dict()
        for name, value in found.items():
            if name != "conduction_seconds":
                assert value == stored[name], name


def test_temperatures_and_laws():
    law = {"value": 1e-3, "at_K": 300, "activation_energy_eV": 0.3}
    found = pf.conductivity(LAYERS, {0: law, 1: law}, voxel_nm=20, temperature_K=[300, 350], directions="x")
    assert found.temperatures == (300, 350) and found.tensors.shape == (2, 3, 3)
    assert found.to_dict()["activation_energy_eV"] == pytest.approx(0.3, rel=1e-6)
    assert repr(found) == found.to_dict()["headline"] and "\n" not in repr(found)


def test_names_thresholds_crop_and_what_does_not_percolate():
    grey = np.where(LAYERS == 1, 200.0, 10.0)
    image = pf.Image(grey, voxel_nm=20, names={0: "pore", 1: "solid"}, thresholds=[100], crop=[(0, 2), [], []])
    assert image.shape == (8, 4, 2) and image.to_array().max() == 1
    found = pf.conductivity(image, {"pore": 0, "solid": 1e-3})
    assert found.tensor[2, 2] == 0 and found.percolates == (True, True, False)
    assert np.isinf(found.tortuosity_factor[2]) and found.current_share["x"]["solid"] == pytest.approx(1)
    assert "sigma_zz = 0" in repr(found) and "solid 100 %" in found._repr_html_()
    with pytest.raises(pf.InputError, match="current along x, y"):
        found.current_density("z")


def test_keys_of_numpy_and_bool():
    expected = pf.conductivity(LAYERS, SIGMA, voxel_nm=20).tensor
    for sigma in ({False: SIGMA[0], True: SIGMA[1]}, {np.int64(label): value for label, value in SIGMA.items()},
                  {np.False_: SIGMA[0], "*": SIGMA[1]}, {"pore": SIGMA[0], 1: SIGMA[1]}):
        found = pf.conductivity(LAYERS == 1, sigma, voxel_nm=20, names={np.uint8(0): "pore", True: "solid"})
        assert np.array_equal(found.tensor, expected) and set(found.result.phases) == {"pore", "solid"}


def test_a_table_of_conductivities(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "sigma.csv"
    path.write_text(f"label,sigma_S_per_cm,name\n0,{SIGMA[0]},pore\n1,{SIGMA[1]},\n")
    expected = pf.conductivity(LAYERS, SIGMA, voxel_nm=20, names={0: "pore"}).to_dict()
    table = pandas.read_csv(path)
    for sigma in (path, str(path), table, table.set_index("label").sigma_S_per_cm):
        names = {0: "pore"} if isinstance(sigma, pandas.Series) else None
        found = pf.conductivity(LAYERS, sigma, voxel_nm=20, names=names).to_dict()
        assert found | {"conduction_seconds": 0} == expected | {"conduction_seconds": 0}
    with pytest.raises(pf.InputError, match="label 0 is called 'pore' in the table and 'void' in names"):
        pf.conductivity(LAYERS, table, voxel_nm=20, names={0: "void"})
    with pytest.raises(pf.InputError, match="sigma: must have a header label,sigma_S_per_cm"):
        pf.conductivity(LAYERS, table.rename(columns={"label": "phase"}), voxel_nm=20)


def test_labels_outside_the_field_of_view():
    """A frame that is excluded, by number or name: what is left is the array without it."""
    framed = np.full((8, 6, 6), 9)
    framed[:, 1:-1, 1:-1] = LAYERS[:8, :4, :4]
    inner = pf.conductivity(LAYERS[:8, :4, :4], SIGMA, voxel_nm=20, directions="z", boundary="electrodes")
    for exclude, names in (([9], None), (np.uint8(9), None), ("outside", {9: "outside"})):
        found = pf.conductivity(framed, SIGMA, voxel_nm=20, exclude=exclude, names=names, directions="z",
                                boundary="electrodes")
        assert found.tensor[2, 2] == pytest.approx(inner.tensor[2, 2], rel=1e-4)  # the solver's tolerance
    with pytest.raises(pf.InputError, match="exclude: the field of view is not the same all along x, .* give directions z"):
        pf.conductivity(framed, SIGMA, voxel_nm=20, exclude=9, boundary="electrodes")


@pytest.mark.parametrize("options, arguments, says", [
    ({"layer": {"label": 2, "on": 7, "facing": (0,), "width_nm": 40}}, ["--layer", "2:7,0,40"], "on.*: label 7 does"),
    ({"layer": {"label": 2, "on": 1, "facing": (7,), "width_nm": 40}}, ["--layer", "2:1,7,40"], "facing.*: label 7 does"),
    ({"resistance": {(1, 7): 3}}, ["--resistance", "1:7=3"], "'1:7': label 7 does not occur; the image has 0, 1"),
])
def test_layers_and_resistances_of_labels_that_do_not_occur(options, arguments, says, tmp_path, run_cli):
    sigma = SIGMA | {2: 1e-2, 7: 1.0}
    with pytest.raises(pf.InputError, match=says):
        pf.conductivity(LAYERS, sigma, voxel_nm=20, **options)
    np.save(tmp_path / "image.npy", LAYERS.astype(np.uint8))
    given = ",".join(f"{label}={value}" for label, value in sigma.items())
    status, _, error = run_cli("conduct", tmp_path / "image.npy", "--sigma", given, "--voxel-nm", "20", "-o",
                               tmp_path / "out", *arguments)
    assert status == 2 and re.search(says, error) and not (tmp_path / "out").exists()


def test_a_conductivity_of_a_label_that_does_not_occur_is_warned_of():
    with pytest.warns(pf.PfsolidWarning, match="the image has no label 7, which a conductivity is given for; it has 0, 1"):
        pf.conductivity(LAYERS, SIGMA | {7: 1.0}, voxel_nm=20)


def test_results_can_be_pickled_and_carry_no_fields_if_told_so():
    found = pf.conductivity(LAYERS, SIGMA, voxel_nm=20, fields=False, directions="z")
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)
    with pytest.raises(pf.InputError, match="fields=False"):
        again.current_density("z")


@pytest.mark.parametrize("image, arguments, says", [
    (LAYERS, {"sigma": SIGMA}, "give voxel_nm"),
    (LAYERS, {"sigma": {0: 1e-3}, "voxel_nm": 20}, "label 1 has no conductivity"),
    (LAYERS, {"sigma": [1e-3, 3e-3], "voxel_nm": 20}, "sigma = .*must be S/cm of each label"),
    (LAYERS, {"sigma": {0: -1.0, 1: 1.0}, "voxel_nm": 20}, "sigma .*from 0 to"),
    (LAYERS, {"sigma": {"solid": 1.0}, "voxel_nm": 20}, "no label is called 'solid'"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": -1.0}, "voxel_nm = "),
    (LAYERS * 0.5, {"sigma": SIGMA, "voxel_nm": 20}, "0.5, which is no label.*give thresholds"),
    (LAYERS[0, 0], {"sigma": SIGMA, "voxel_nm": 20}, "two or three dimensions"),
    (LAYERS * 300, {"sigma": SIGMA, "voxel_nm": 20}, "label 300 has no conductivity"),
    (LAYERS * 2**24, {"sigma": SIGMA, "voxel_nm": 20}, "the value at voxel .* is 16777216"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "boundary": "open"}, "boundary = \"open\": must be"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "directions": "a"}, "directions = \"a\": must be"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "solver": "cg"}, "solver = \"cg\": must be"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "tolerance": 2.0}, "tolerance = 2.0: must be"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "error": "halved"}, "error = \"halved\": must be"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "comm": 3}, "comm = 3: must be a communicator"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "threads": 0}, "threads = 0"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "progress": "yes"}, "progress = 'yes'"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "resistance": {1: 3}}, "resistance = .*by pairs"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "axes": "abc"}, "axes = \"abc\": must be"),
    (LAYERS.astype(complex), {"sigma": SIGMA, "voxel_nm": 20}, "not real numbers"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": (20, 30)}, "voxel_nm = .*one edge, or three"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "names": ["pore", "solid"]}, "names = .*a text for each label"),
    (LAYERS, {"sigma": SIGMA, "voxel_nm": 20, "names": {0: "pore", 1: "pore"}}, "names = .*must differ"),
    (np.ma.masked_equal(LAYERS, 1), {"sigma": SIGMA, "voxel_nm": 20}, "voxels that are masked"),
    ("scan.tif", {"sigma": SIGMA, "voxel_nm": 20}, "no array; pfsolid.read_image"),
])
def test_likely_mistakes_are_value_errors_of_one_line_in_words_of_the_arguments(image, arguments, says):
    with pytest.raises(ValueError, match=says) as caught:
        pf.conductivity(image, **arguments)
    assert isinstance(caught.value, pf.InputError)
    text = str(caught.value)
    assert "\n" not in text and "--" not in text and "phases." not in text and "image." not in text


def test_what_does_not_converge_is_a_runtime_error():
    array = np.random.default_rng(1).integers(0, 2, (8, 8, 8))
    with pytest.raises(RuntimeError) as caught:
        pf.conductivity(array, {0: 1e-9, 1: 1.0}, voxel_nm=1, tolerance=1e-12, solver="perturbation")
    assert isinstance(caught.value, pf.ConvergenceError)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(pf.InputError, match="does not exist"):
        pf.read_image(tmp_path / "none.tif", voxel_nm=20)


# --- nothing else happens -------------------------------------------------------------------------------------


def run_python(code: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, **options)


def test_import_loads_and_changes_nothing():
    code = ("import os, sys; before = dict(os.environ); import pfsolid as pf; pf.InputError; dir(pf);"
            "loaded = {'mpi4py', 'numba', 'h5py', 'matplotlib', 'pydantic', 'scipy', 'numpy'} & set(sys.modules);"
            "assert not loaded, loaded; assert dict(os.environ) == before")
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = run_python(code, env=environment)
    assert done.returncode == 0, done.stderr


def test_every_name_is_there_and_known_to_type_checkers():
    stub = Path(pf.__file__).with_suffix(".pyi").read_text()
    for name in pf.__all__:
        assert getattr(pf, name) is not None
        assert f" as {name}\n" in stub or f"{name}: " in stub
    with pytest.raises(AttributeError, match="no attribute 'conduct'"):
        _ = pf.conduct


def test_no_handlers_prints_files_or_threads_are_left(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("pfsolid")
    monkeypatch.setattr(logger, "handlers", [])

    def state():
        return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)], list(
            logger.handlers), logger.level, numba.get_num_threads(), dict(os.environ)

    before = state()
    pf.conductivity(LAYERS, SIGMA, voxel_nm=20, threads=1)
    assert state() == before and not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_works_in_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(pf.conductivity(LAYERS, SIGMA, voxel_nm=20)))
    thread.start()
    thread.join()
    assert np.array_equal(found[0].tensor, pf.conductivity(LAYERS, SIGMA, voxel_nm=20).tensor)


def test_the_interrupt_key_stops_and_the_process_goes_on():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a command of another test may have left its own
    array = np.random.default_rng(1).integers(0, 2, (12, 12, 12))
    try:
        with pytest.raises(KeyboardInterrupt):
            pf.conductivity(array, {0: 1e-6, 1: 1.0}, voxel_nm=1,
                            progress=lambda _text: os.kill(os.getpid(), signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert pf.conductivity(LAYERS, SIGMA, voxel_nm=20).tensor[0, 0] == pytest.approx(2e-3, rel=1e-4)


def test_progress_is_shown_where_it_is_asked_for(capsys):
    shown = []
    array = np.random.default_rng(1).integers(0, 2, (12, 12, 12))
    pf.conductivity(array, {0: 1e-6, 1: 1.0}, voxel_nm=1, progress=shown.append)
    assert shown and "so far" in shown[0]
    pf.conductivity(array, {0: 1e-6, 1: 1.0}, voxel_nm=1, progress=True)
    printed = capsys.readouterr()
    assert printed.out == "" and "so far" in printed.err


def test_warnings_point_at_the_line_that_called():
    with pytest.warns(pf.PfsolidWarning, match="voxels wide") as caught:
        pf.conductivity(LAYERS, SIGMA | {2: 1e-2}, voxel_nm=20, layer={"label": 2, "on": 1, "facing": 0, "width_nm": 20})
    assert caught[0].filename == __file__
