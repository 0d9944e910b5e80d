"""result.json: what is written is what the classes say, and files of every form since 0.1 are opened.

The files of tests/data/results are as pfsolid left them, but for the names of machine and image: those of 0.1 by the commits
5c663f6 and 72967e8 (the first that wrote one of a run and of an image), e05af902 and dbf16a48, those of schema 1 by the one
that brought it.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.results import conduction_of, result_of

from pfsolid.cli.info import describe_run
from pfsolid.errors import InputError
from pfsolid.homogenization.report import headline
from pfsolid.io.run_directory import MARKER, MARKER_TEXT
from pfsolid.io.sealed_json import write_stamped_json
from pfsolid.plots.morphology import measured
from pfsolid.plots.run_files import read_run
from pfsolid.results.run import SCHEMA_VERSION, HistoryRow, Result
from pfsolid.workflows.run import damage_of_result, read_result

FILES = sorted((Path(__file__).parents[2] / "data" / "results").glob("*.json"))
PRESENT = [path for path in FILES if path.stem.endswith(f"_{SCHEMA_VERSION}")]


def differences(one, other, place=""):
    """Where two tables differ in keys, values or kinds of values."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [line for name in one.keys() | other.keys()
                for line in (differences(one[name], other[name], f"{place}.{name}") if name in one and name in other
                             else [f"{place}.{name}"])]
    return [] if one == other and type(one) is type(other) else [f"{place}: {one} {other}"]


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.stem)
def test_the_present_form_is_the_stored_one(path):
    """No key has come, gone or changed its kind unless SCHEMA_VERSION or this example says so."""
    stored = json.loads(path.read_text())
    assert stored["schema_version"] == SCHEMA_VERSION
    assert not differences(stored, Result.from_dict(stored).to_dict())


def test_there_is_an_example_of_the_present_form():
    assert len(PRESENT) >= 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_form_is_opened(path, tmp_path):
    (tmp_path / MARKER).write_text(MARKER_TEXT)
    (tmp_path / "result.json").write_text(path.read_text())
    stored, result = json.loads(path.read_text()), read_result(tmp_path)
    assert not damage_of_result(tmp_path)
    tensor = np.array(stored["sigma_eff_S_per_cm"], float)
    assert np.array_equal(result.conduction.sigma_eff_S_per_cm, tensor, equal_nan=True)
    assert result.grid.shape == tuple(stored["grid"]["shape"])
    text = "\n".join(describe_run(tmp_path))
    assert headline(result.conduction) in text and stored["provenance"]["git_commit"] in text
    assert "grid " in headline(result.conduction)
    assert bool(measured(read_run(tmp_path))) == ("morphology" in stored)
    # Once more written it says the same.
    again = Result.from_dict(json.loads(json.dumps(result.to_dict())))
    assert again == result


def test_stamped_and_read(tmp_path):
    result = result_of(conduction_of(np.diag([1e-3, np.nan, 0.0])))
    write_stamped_json(tmp_path / "result.json", result.to_dict())
    found = read_result(tmp_path)
    assert found == result and np.isnan(found.conduction.sigma_eff_S_per_cm[1, 1])


def test_what_has_not_separated_has_no_conductivity(tmp_path):
    written = result_of(state="unseparated").to_dict()
    assert [written[name] for name in ("sigma_eff_S_per_cm", "sigma_eff_S_per_m", "mean_S_per_cm")] == [None] * 3
    assert Result.from_dict(written).conduction is None


def test_a_newer_file_is_refused(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(result_of().to_dict() | {"schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(InputError, match=f"schema_version {SCHEMA_VERSION + 1} is of a newer pfsolid"):
        read_result(tmp_path)


def test_the_columns_of_the_history():
    """Those of history.csv, which other programs read by name."""
    assert list(HistoryRow.__dataclass_fields__) == [
        "step", "reduced_time", "time_s", "reduced_step", "energy_J_per_m3", "mean_density", "porosity", "pore_fraction",
        "surface_fraction", "bulk_fraction", "pore_size_nm", "wall_size_nm", "spacing_nm", "energy_rate", "step_error",
        "rejections"]
