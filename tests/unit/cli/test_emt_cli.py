"""`pfsolid emt`: what it prints and writes, what it reads, and how it refuses."""

import csv
import json

import numpy as np
import pytest

from pfsolid.cli.theory import MODEL_NAMES, parse_values
from pfsolid.io.records import csv_text
from pfsolid.theory.effective_medium import CoatedPores, Reading, three_phase_gem
from pfsolid.theory.models import MODELS
from pfsolid.workflows.fit_sweep import fit_samples, read_samples
from pfsolid.workflows.theory import COLUMNS, paper_maps

HU = CoatedPores(core=0.0, surface=3.14e-3, matrix=8.93e-7)
ONE = ("emt", "--porosity", "0.32", "--surface-depth-nm", "1.4", "--pore-radius-nm", "14")


def simulated(threshold=0.45, exponent=0.9, scatter=0.1, reading=Reading(), seed=1):
    """Rows of a sweep's dataset.csv: the theory with noise, three replicas, pores that shrink with the porosity."""
    rng = np.random.default_rng(seed)
    porosity = np.repeat(np.arange(0.05, 0.56, 0.05), 3)
    chord = 10 + 10 * porosity
    sigma = three_phase_gem(porosity, 1.4 / (0.75 * chord), HU, threshold, exponent, reading)
    sigma = sigma * np.exp(rng.normal(0, scatter, porosity.size))
    columns = ("case", "microstructure.porosity", "replica", "porosity", "sigma_mean_S_per_cm", "surface_depth_nm",
               "pore_size_nm")
    rows = [(f"c{i}", round(g, 3), i % 3, g, s, 1.4, c) for i, (g, s, c) in enumerate(zip(porosity, sigma, chord))]
    return [columns, *rows]


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "dataset.csv").write_text(csv_text(simulated()))
    return folder


# --- values and tables ----------------------------------------------------------------------------------------


def test_one_value_with_units_and_sources(run_cli):
    status, out, err = run_cli(*ONE)
    assert status == 0 and not err
    assert "1.6178e-04" in out and "sigma_eff (S/cm)" in out and "p_c = 0.32, t = 0.85" in out
    assert out.count("doi:10.1021/acsami.7b11292") >= 3  # the formula and two conductivities
    assert "beta-Li3PS4 at 298.15 K, bulk conductivity, measured" in out


def test_table_and_its_file(run_cli, tmp_path):
    path = tmp_path / "made" / "table.csv"
    arguments = ("emt", "--porosity", "0.1:0.3:0.1", "--surface-depth-nm", "0.9,1.4", "--pore-radius-nm", "14",
                 "--csv", path)
    status, out, _ = run_cli(*arguments)
    assert status == 0 and str(path) in out
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 6
    for row in rows:
        value = three_phase_gem(float(row["porosity"]), float(row["surface_depth_nm"]) / 14, HU, 0.32, 0.85)
        assert float(row["sigma_eff_S_per_cm"]) == pytest.approx(value, rel=1e-14)
    status, _, err = run_cli(*arguments)
    assert status == 2 and "exists" in err
    assert run_cli(*arguments, "--force")[0] == 0


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_models(run_cli, model):
    status, out, _ = run_cli(*ONE, "--model", model)
    assert status == 0 and MODELS[model].about in out
    assert ("Wiener" if model == "brick" else "Hashin–Shtrikman") in out


def test_own_conductivities_and_readings(run_cli):
    given = ("--sigma-matrix-S-per-cm", "1e-6", "--sigma-surface-S-per-cm", "1e-3", "--sigma-pore-S-per-cm", "1e-9",
             "--percolation-threshold", "0.3", "--exponent", "1.5", "--composite", "coated", "--threshold-of", "porosity")
    status, out, _ = run_cli(*ONE, *given)
    expected = three_phase_gem(0.32, 0.1, CoatedPores(1e-9, 1e-3, 1e-6), 0.3, 1.5, Reading("coated", "porosity"))
    assert status == 0 and f"{expected:.4e}" in out and "beta-Li3PS4" not in out


def test_values_above_a_rigorous_bound_are_marked(run_cli):
    assert "*" not in run_cli(*ONE)[1]
    out = run_cli("emt", "--porosity", "0.5", "--surface-depth-nm", "1.4", "--pore-radius-nm", "14")[1]
    assert "4.3941e-04 *" in out and "above the upper bound" in out


@pytest.mark.parametrize("text, values", [
    ("0.32", [0.32]), ("0.1,0.2", [0.1, 0.2]), ("0.05:0.5:0.05", [round(0.05 * i, 2) for i in range(1, 11)]),
    ("0.3:0.1:-0.1", [0.3, 0.2, 0.1]), ("1:2:0.4,5", [1.0, 1.4, 1.8, 5.0])])
def test_ranges(text, values):
    assert parse_values("--x", text) == values


# --- refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change, message", [
    (("--porosity", "0.8"), "porosity may be at most 0.7513"),
    (("--porosity", "0.3:0.1:0.1"), "the step must lead from the first to the last"),
    (("--porosity", "0.3:0.4"), "--porosity 0.3:0.4"),
    (("--porosity", "a"), "--porosity a"),
    (("--porosity", "nan"), "--porosity nan"),
    (("--porosity", "0:1:1e-9"), "at most 100000"),
    (("--surface-depth-nm", "-1.4"), "surface depth (nm) -1.4: must be finite and at least 0"),
    (("--pore-radius-nm", "0"), "pore radius (nm) 0: must be finite and above 0"),
    (("--percolation-threshold", "1.2"), "percolation threshold 1.2: must lie between 0 and 1"),
    (("--percolation-threshold", "0"), "percolation threshold 0: must lie between 0 and 1"),
    (("--percolation-threshold", "0.9", "--threshold-of", "porosity"), "as a porosity it must be below 0.7513"),
    (("--exponent", "-1"), "exponent -1: must be finite and above 0"),
    (("--sigma-surface-S-per-cm", "-1"), "conductivity of the surface -1"),
    (("--material", "beta-Li3PS5"), "beta-Li3PS4"),
    (("--material", "Li10GeP2S12"), "give --sigma-surface-S-per-cm"),
    (("--temperature-K", "-3"), "temperature"),
])
def test_one_line_and_status_2(run_cli, change, message):
    status, out, err = run_cli(*ONE, *change)
    assert status == 2 and not out
    assert message in err and err.count("\n") == 1


@pytest.mark.parametrize("missing", ["--porosity", "--surface-depth-nm", "--pore-radius-nm"])
def test_what_is_needed(run_cli, missing):
    place = ONE.index(missing)
    status, _, err = run_cli(*ONE[:place], *ONE[place + 2:])
    assert status == 2 and f"{missing} is needed" in err and err.count("\n") == 1


# --- the fit --------------------------------------------------------------------------------------------------


def test_fit_of_a_sweep(run_cli, sweep, tmp_path):
    out_dir = tmp_path / "fit"
    status, out, err = run_cli("emt", "fit", sweep, "-o", out_dir)
    assert status == 0, err
    found = json.loads((out_dir / "emt_fit.json").read_text())
    # Noise of 10 % on 21 samples; the intervals of this seed hold the truth.
    for name, truth in (("percolation_threshold", 0.45), ("exponent", 0.9)):
        low, high = found[f"{name}_interval"]
        assert low < truth < high and low < found[name] < high
        assert f"{found[name]:.4g}" in out
    assert found["num_samples"] == 21 and found["agreement_within_factor_2"] == pytest.approx([0.05, 0.55])
    assert (out_dir / "figures" / "emt_fit.png").stat().st_size > 10_000
    with open(out_dir / "emt_fit.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 33 and sum(float(row["fitted"]) for row in rows) == 21
    status, _, err = run_cli("emt", "fit", sweep, "-o", out_dir)
    assert status == 2 and "--force" in err


def test_fit_reads_its_conductivities_from_the_table(tmp_path):
    columns, *rows = simulated()
    table = tmp_path / "t.csv"
    table.write_text(csv_text([(*columns, "conduction.sigma_bulk_S_per_cm", "conduction.sigma_surf_S_per_cm"),
                               *((*row, HU.matrix, HU.surface) for row in rows)]))
    samples = read_samples(table, CoatedPores(0.0, 1.0, 0.5))
    assert samples.in_table == ("surface", "matrix")
    fitted = fit_samples(samples)
    assert fitted.fit.percolation_threshold == pytest.approx(0.45, abs=0.02)


def test_fit_with_the_threshold_in_the_porosity(tmp_path):
    reading = Reading(threshold_of="porosity")
    (tmp_path / "t.csv").write_text(csv_text(simulated(0.29, 0.85, reading=reading)))
    fitted = fit_samples(read_samples(tmp_path / "t.csv", HU), reading=reading)
    assert fitted.fit.percolation_threshold == pytest.approx(0.29, abs=0.01)
    assert fitted.porosity_at_threshold == pytest.approx(fitted.fit.percolation_threshold, abs=0.01)


def test_geometry_from_the_fractions_of_the_phases(tmp_path):
    pore, core = np.repeat([0.05, 0.1, 0.2, 0.3], 3), 1.15**-3
    sigma = three_phase_gem(pore, 0.15, HU, 0.4, 1.0)
    (tmp_path / "t.csv").write_text(csv_text([("pore_fraction", "surface_fraction", "sigma_eff_S_per_cm"),
                                              *zip(pore, pore / core - pore, sigma)]))
    samples = read_samples(tmp_path / "t.csv", HU, "phases")
    assert np.allclose(samples.depth_over_radius, 0.15, rtol=1e-12) and np.array_equal(samples.porosity, pore)
    assert fit_samples(samples, 0.0, 1.0).fit.percolation_threshold == pytest.approx(0.4, rel=1e-5)


def test_rows_that_say_nothing_are_counted(sweep):
    with open(sweep / "dataset.csv", "a") as file:
        file.write("x1,0.2,0,0.2,,1.4,12\nx2,0.7,0,0.7,0.0,1.4,12\nx3,0.7,0,0.7,1e-5,1.4,12\n")
    samples = read_samples(sweep, HU)
    assert samples.sigma.size == 33
    assert samples.notes == ("1 samples have no value: left out", "1 samples do not conduct: left out",
                             "1 samples are too porous for coated pores that keep apart: left out")


@pytest.mark.parametrize("arguments, message", [
    (("--porosity-range", "0.3"), "--porosity-range 0.3"),
    (("--porosity-range", "0.4:0.1"), "porosity range 0.4:0.1"),
    (("--porosity-range", "0.3:0.31"), "at least 4 samples at 3 porosities"),
    (("--confidence", "95"), "confidence 95"),
    (("--surface-depth-nm", "-1"), "surface depth (nm) -1"),
    (("--geometry", "phases"), "none of the columns pore_fraction"),
    (("--sigma-matrix-S-per-cm", "0"), "matrix 0"),
])
def test_fits_refused(run_cli, sweep, arguments, message):
    status, out, err = run_cli("emt", "fit", sweep, *arguments)
    assert status == 2 and not out and message in err and err.count("\n") == 1


def test_sources_refused(run_cli, tmp_path):
    for source, message in ((tmp_path, "pfsolid sweep collect"), (tmp_path / "no.csv", "does not exist")):
        status, _, err = run_cli("emt", "fit", source)
        assert status == 2 and message in err
    (tmp_path / "empty.csv").write_text("porosity,sigma_eff_S_per_cm\n")
    assert "holds no rows" in run_cli("emt", "fit", tmp_path / "empty.csv")[2]


@pytest.mark.parametrize("before", [("--porosity", "0.3"), ("--exponent", "2"), ("--model", "brick")])
def test_options_that_a_fit_does_not_have(run_cli, sweep, before):
    status, _, err = run_cli("emt", *before, "fit", sweep)
    assert status == 2 and f"{before[0]} does not go with `emt fit`" in err


# --- maps -----------------------------------------------------------------------------------------------------


def test_maps(run_cli, tmp_path, monkeypatch):
    status, out, _ = run_cli("emt", "--exponent", "1.0", "map", "--percolation-threshold", "0.3", "-o", tmp_path)
    assert status == 0 and "p_c = 0.3, t = 1" in out  # given before the word or after it
    for name in ("emt_spheres", "emt_pillars"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 10_000
        assert len((tmp_path / f"{name}.csv").read_text().splitlines()) == 81**2 + 1
    assert run_cli("emt", "map", "-o", tmp_path)[0] == 2
    # Of its own accord where all goes that is computed from no file: under runs.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "emt_map").mkdir(parents=True)
    (tmp_path / "runs" / "emt_map" / f"{paper_maps(HU, 0.32, 0.85)[0].name}.csv").write_text("")
    assert run_cli("emt", "map")[0] == 2
    assert run_cli("emt", "map", "--force")[0] == 0
    assert sorted(path.suffix for path in (tmp_path / "runs" / "emt_map").rglob("*.*")) == [".csv"] * 2 + [".png"] * 2


def test_maps_cover_what_the_paper_shows():
    spheres, pillars = paper_maps(HU, 0.32, 0.85)
    assert spheres.depth_over_radius[[0, -1]] == pytest.approx([0.007, 0.107])
    assert spheres.porosity[[0, -1]] == pytest.approx([0.08, 0.40])
    corner = three_phase_gem(spheres.porosity[-1], spheres.depth_over_radius[-1], HU, 0.32, 0.85)
    assert spheres.sigma[-1, -1] == pytest.approx(corner, rel=1e-14)
    for chart in (spheres, pillars):  # more surface conducts better
        assert np.all(np.diff(chart.sigma, axis=0) > 0) and np.all(np.diff(chart.sigma, axis=1) > 0)
