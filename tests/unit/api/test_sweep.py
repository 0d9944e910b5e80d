"""Sweeps from Python: planned, run in processes of their own, read into a table; the command line opens them too."""

import os
import signal
import threading

import pytest

import pfsolid as pf

BASE = {"grid": {"shape": [12, 10, 8], "voxel_size_nm": 0.9},
        "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
        "microstructure": {"noise_amplitude": 0.2}, "evolution": {"max_steps": 100},
        "conduction": {"sigma_bulk_S_per_cm": 8.93e-7, "sigma_surf_S_per_cm": 3.14e-3}}
POROSITIES = {"microstructure.porosity": [0.35, 0.45]}


def test_a_sweep_into_pandas_in_four_lines(tmp_path, run_cli, capsys):
    pandas = pytest.importorskip("pandas")
    sweep = pf.sweep(BASE, POROSITIES, replicas=2, directory=tmp_path / "porosities")
    assert repr(sweep).endswith("porosities: 4 to do") and len(sweep.table()) == 0
    sweep.run(workers=2)
    table = sweep.table()
    assert capsys.readouterr() == ("", "")
    assert isinstance(table, pandas.DataFrame) and len(table) == 4
    means = table.groupby("microstructure.porosity").sigma_mean_S_per_cm.mean()
    assert means[0.45] > means[0.35] > 1e-5  # the surfaces conduct
    assert table.attrs["meanings"]["pore_size_nm"].startswith("nm, ")
    assert repr(sweep).endswith(": 4 done") and sweep.status.done == tuple(table.index) and "done" in sweep._repr_html_()
    assert [path.name for path in sweep.collect()] == ["dataset.h5", "dataset.csv", "dataset.md"]
    stored = pandas.read_csv(tmp_path / "porosities/dataset.csv", index_col="case")
    assert stored.sigma_xx_S_per_cm.to_numpy() == pytest.approx(table.sigma_xx_S_per_cm, rel=1e-11)  # twelve digits
    status, printed, _ = run_cli("sweep", "status", tmp_path / "porosities")
    assert status == 0 and "done" in printed
    again = pf.open_sweep(tmp_path / "porosities").run()  # nothing is left to do
    assert len(again.table()) == 4


def test_the_interrupt_key_stops_the_workers_and_the_next_run_goes_on(tmp_path):
    long = BASE | {"grid": {"shape": [24] * 3, "voxel_size_nm": 0.9}, "evolution": {"max_steps": 100_000},
                   "microstructure": {"porosity": 0.4}}
    sweep = pf.sweep(long, {"microstructure.seed": [1]}, directory=tmp_path / "long")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a command of another test may have left its own
    try:
        timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            sweep.run(workers=1)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert sweep.status.running == {} and len(sweep.status.missing) == 1


def test_another_folder_is_refused_in_words_of_the_arguments(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/data.txt").touch()
    with pytest.raises(pf.InputError, match="is not the directory of a sweep .*; give another directory$"):
        pf.sweep(BASE, POROSITIES, directory=tmp_path / "mine")
    with pytest.raises(pf.InputError, match="make one with: pfsolid.sweep$"):
        pf.open_sweep(tmp_path / "mine")
    pf.sweep(BASE, POROSITIES, directory=tmp_path / "first")
    with pytest.raises(pf.InputError, match="Give another directory, or force=True to drop"):
        pf.sweep(BASE, {"microstructure.porosity": [0.4]}, directory=tmp_path / "first")
    for call in (pf.open_sweep, pf.open_run, lambda directory: pf.sweep(BASE, POROSITIES, directory=directory)):
        with pytest.raises(pf.InputError, match="5: must be the name of a file or directory"):
            call(5)
    with pytest.raises(pf.InputError, match='name = "": must be letters, digits'):
        pf.sweep(BASE, POROSITIES, directory=tmp_path / "second", name="")


def test_keys_that_go_together(tmp_path):
    pairs = {("grid.shape", "grid.voxel_size_nm"): [([8] * 3, 1.8), ([16] * 3, 0.9)], "microstructure.porosity": [0.3, 0.4]}
    assert repr(pf.sweep(BASE, pairs, directory=tmp_path / "pairs")).endswith("4 to do")


@pytest.mark.parametrize("base, axes, says", [
    (BASE, {"microstructure.porosty": [0.3]}, "did you mean microstructure.porosity"),
    (BASE, {"microstructure.porosity": [0.3, 2.0]}, "porosity = 2.0"),
    (BASE, {"microstructure.porosity": 0.3}, "a list of values"),
    (BASE, {}, "axes = {}"), (BASE, {("grid.shape", "grid.voxel_size_nm"): [1, 2]}, "as many values in each"),
    (7, POROSITIES, "base = 7"), ("nowhere.toml", POROSITIES, "nowhere.toml: no such file"),
    (BASE | {"grid": {"shape": [8] * 3}}, POROSITIES, "voxel_size_nm"),
])
def test_likely_mistakes(base, axes, says, tmp_path):
    with pytest.raises(pf.InputError, match=says):
        pf.sweep(base, axes, directory=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_is_no_sweep(tmp_path):
    with pytest.raises(pf.InputError, match="is not the directory of a sweep"):
        pf.open_sweep(tmp_path)
