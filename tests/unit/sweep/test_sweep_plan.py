"""What a sweep's file means, and plans that are extended, refused or divided."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.sweeps import POROSITIES, plan_in, sweep_text, write_sweep

from pfsolid.config.sweep import read_sweep
from pfsolid.errors import CheckpointError, InputError
from pfsolid.sweeps.plan import (
    PLAN,
    array_tasks,
    case_id,
    config_at,
    load_plan,
    make_plan,
    plan_lines,
    points_of,
    slice_of,
    store_plan,
    with_known_ids,
)


def axis(key="microstructure.porosity", **entries):
    lines = [f"{name} = {value}" for name, value in entries.items()]
    return "\n".join(["[[axis]]", f'key = "{key}"', *lines, ""])


DEPTHS = axis("material.surface_depth_nm", values="[1.4, 1.2]")


def plan_of(folder, **parts):
    path = write_sweep(folder, **parts)
    return make_plan(read_sweep(path), str(path))


def mistakes(folder, text) -> list[str]:
    path = folder / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        make_plan(read_sweep(path), "bad.toml")
    return str(caught.value).splitlines()


def ids(plan):
    return [case.id for case in plan.cases]


@pytest.mark.parametrize("entries, expected", [
    (dict(values="[0.3, 0.4]"), (0.3, 0.4)),
    (dict(linspace="[0.25, 0.75, 3]"), (0.25, 0.5, 0.75)),
    (dict(linspace="[0.3, 0.6, 1]"), (0.3,)),
    (dict(logspace="[0.5, 500, 4]"), (0.5, 5.0, 50.0, 500.0)),
    (dict(linspace="[1, 9, 5]"), (1, 3, 5, 7, 9)),
])
def test_values_of_an_axis(tmp_path, entries, expected):
    found = read_sweep(write_sweep(tmp_path, axes=axis(**entries))).axes[0].values
    assert found == expected and [type(v) for v in found] == [type(v) for v in expected]


def test_axes_are_crossed_and_zipped(tmp_path):
    axes = (axis(values="[0.3, 0.4]", zip='"a"') + axis("evolution.max_steps", values="[10, 20, 30]")
            + axis("material.surface_depth_nm", values="[1.4, 1.2]", zip='"a"'))
    points = points_of(read_sweep(write_sweep(tmp_path, axes=axes)))
    assert [tuple(point.values()) for point in points] == [
        (0.3, 1.4, 10), (0.3, 1.4, 20), (0.3, 1.4, 30), (0.4, 1.2, 10), (0.4, 1.2, 20), (0.4, 1.2, 30)]


def test_replicas_have_successive_seeds_that_do_not_depend_on_their_number(tmp_path):
    two, five = (plan_of(tmp_path, head=f"replicas = {n}") for n in (2, 5))
    assert [case.seed for case in five.cases] == [1, 2, 3, 4, 5] * 3
    assert set(ids(two)) < set(ids(five))
    assert five.config_of(five.cases[4]).microstructure.seed == 5


def test_ids_follow_from_what_is_computed(tmp_path):
    """More points, another axis that passes through the base's value, other titles and outputs: the same ids."""
    plan = plan_of(tmp_path)
    assert len(set(ids(plan))) == 6
    assert set(ids(plan)) < set(ids(plan_of(tmp_path, axes=axis(linspace="[0.35, 0.5, 4]"))))
    assert set(ids(plan)) < set(ids(plan_of(tmp_path, axes=POROSITIES + DEPTHS)))
    base, values = plan.base, plan.cases[0].values
    same = config_at(base | {"title": "another", "output": {"figures": False}, "parallel": {"threads": 3}}, values, 1)
    assert case_id(same) == plan.cases[0].id
    for changed in ({"parallel": {"precision": "single"}}, {"evolution": {"max_steps": 101}}):
        assert case_id(config_at(base | changed, values, 1)) != plan.cases[0].id


def test_ids_stay_what_they_are(tmp_path):
    """Results on disk are found by them: this value may only change together with what is computed."""
    assert ids(plan_of(tmp_path))[0] == "x0d6eebffd44a"


def test_all_mistakes_of_a_file_at_once(tmp_path):
    text = ('replicas = 0\nkeep = ["phases"]\nname_ = "x"\n' + axis("microstructure.porosty", values="[0.3]")
            + axis("material", values="[1]") + axis(logspace="[0, 1, 3]") + axis(linspace="[0, 1]")
            + axis("evolution.max_steps") + axis("evolution.max_steps", values="[1]", linspace="[1, 2, 2]"))
    found = mistakes(tmp_path, text)
    for line, says in zip(found, ["unknown key name_", "replicas = 0", "axis 1, microstructure.porosty: unknown key: did "
                                  "you mean microstructure.porosity?", "axis 2, material: unknown key", "both ends above 0",
                                  "linspace = [0, 1]: must be", "exactly one", "exactly one", "base must be given"]):
        assert says in line
    assert len(found) == 9


@pytest.mark.parametrize("parts, says", [
    (dict(axes=""), "at least one [[axis]]"),
    (dict(axes=axis(values="[]")), "one value or more"),
    (dict(axes=POROSITIES + POROSITIES), "microstructure.porosity is on 2 axes"),
    (dict(axes=axis(values="[0.3, 0.4]", zip='"a"') + axis("evolution.max_steps", values="[1, 2, 3]", zip='"a"')),
     'zip = "a" must have the same number of values: microstructure.porosity has 2, evolution.max_steps has 3'),
    (dict(axes=POROSITIES + axis("microstructure.seed", values="[1, 2]")),
     "replicas = 2 with an axis over microstructure.seed"),
    (dict(axes=axis(linspace="[0, 1, 100000]") + axis("evolution.max_steps", linspace="[1, 100, 100]")),
     "more than 1000000 cases"),
    (dict(head="keep = ['temperature']"), "must be rho or phase or history"),
    (dict(axes=axis(values="[0.3, 0.4, 0.3]")), "the same case as porosity = 0.3, seed 1"),
])
def test_mistakes_between_axes(tmp_path, parts, says):
    assert says in "\n".join(mistakes(tmp_path, sweep_text(**parts)))


def test_all_cases_that_are_not_valid_at_once_and_nothing_written(tmp_path):
    """Each different mistake is one line, with how many cases have it."""
    axes = axis(values="[0.4, 1.2, 0.97]") + axis("material.surface_depth_nm", values="[1.4, -1.0]")
    found = mistakes(tmp_path, sweep_text(head="replicas = 3", axes=axes))
    assert len(found) >= 3
    assert any("porosity = 1.2" in line and "6 cases, the first" in line for line in found)
    assert any("surface_depth_nm = -1.0" in line and "9 cases, the first" in line for line in found)
    assert any("0.97" in line for line in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml"]


def test_missing_base_file(tmp_path):
    assert "nowhere.toml: no such file" in mistakes(tmp_path, 'base = "nowhere.toml"\n' + POROSITIES)[0]


def test_base_beside_the_file_and_overrides(tmp_path):
    (tmp_path / "inputs").mkdir()
    (tmp_path / "base.toml").write_text(sweep_text(head="", axes="").replace("[base.", "["))
    path = tmp_path / "inputs" / "mine.toml"
    path.write_text('base = "../base.toml"\n' + POROSITIES)
    sweep = read_sweep(path, ["evolution.max_steps=7"])
    assert sweep.name == "mine" and sweep.base["evolution"]["max_steps"] == 7


def test_plan_comes_back_from_disk(tmp_path):
    plan, directory = plan_in(tmp_path, axes=POROSITIES + axis("grid.shape", values="[[12, 10, 8], [8, 8, 8]]"))
    assert load_plan(directory) == plan
    rows = (directory / "cases.csv").read_text().splitlines()
    assert rows[0] == "case,microstructure.porosity,grid.shape,replica,seed" and len(rows) == 13
    raw = (directory / PLAN).read_bytes()
    (directory / PLAN).write_bytes(raw.replace(b"0.35", b"0.36", 1))
    with pytest.raises(CheckpointError, match="damaged"):
        load_plan(directory)


def test_extending(tmp_path):
    _, directory = plan_in(tmp_path)
    more = plan_of(tmp_path, head="replicas = 3")
    assert store_plan(more, directory) == (3, 0)
    assert store_plan(more, directory) == (0, 0)
    with pytest.raises(InputError, match="3 of its 9 cases are not in this one, the first: porosity = 0.35, seed 3"):
        store_plan(plan_of(tmp_path), directory)
    assert store_plan(plan_of(tmp_path), directory, force=True) == (0, 3)
    with pytest.raises(InputError, match="has the base input changed"):
        store_plan(plan_of(tmp_path, steps=99), directory)


def test_directory_of_something_else(tmp_path):
    _, directory = plan_in(tmp_path)
    with pytest.raises(InputError, match='holds the sweep "tiny", not "other"'):
        store_plan(plan_of(tmp_path, head='name = "other"'), directory)
    with pytest.raises(InputError, match="not the directory of a sweep"):
        store_plan(plan_of(tmp_path), tmp_path)
    with pytest.raises(InputError, match="not the directory of a sweep"):
        load_plan(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_plan(tmp_path / "nowhere")


def test_slices_share_the_cases_evenly(tmp_path):
    plan = plan_of(tmp_path, head="replicas = 3", axes=POROSITIES + axis("evolution.max_steps", values="[100, 200, 400]"))
    parts = [slice_of(plan, i, 4) for i in range(1, 5)]
    assert sorted(sum(map(ids, parts), [])) == sorted(ids(plan))
    shares = [sum(part.costs) for part in parts]
    assert max(shares) - min(shares) <= max(plan.costs) * (1 + 1e-12)  # dealt out by length; the rest is rounding
    for wrong in ((0, 4), (5, 4)):
        with pytest.raises(InputError, match="--slice"):
            slice_of(plan, *wrong)


def test_what_is_proposed(tmp_path):
    plan, directory = plan_in(tmp_path)
    text = "\n".join(plan_lines(plan, directory, 6, 0, 0))
    for case in plan.cases:
        assert f"{case.id}  porosity = {case.values['microstructure.porosity']}, seed {case.seed}" in text
    for word in ("core-hours", "of memory", "on disk", "pfsolid sweep run", "mpirun -n N pfsolid sweep run",
                 "sbatch --array=1-1 "):
        assert word in text


def test_large_cases_get_ranks_and_many_cases_fit_an_array(tmp_path):
    plan = plan_of(tmp_path, axes=POROSITIES + axis("grid.shape", values="[[512, 512, 512]]"))
    assert "--ranks-per-case 8 " in "\n".join(plan_lines(plan, tmp_path, 6, 0, 0))  # 10 GB of phase field
    many = plan_of(tmp_path, head="replicas = 600", axes=POROSITIES + axis("evolution.max_steps", values="[100000000]"))
    assert len(many.cases) == 1800 and array_tasks(many) == 1000  # of SLURM's usual 1001


def test_shipped_sweeps_are_valid():
    folder = Path(__file__).parents[3] / "inputs" / "sweeps"
    sizes = {path.stem: len(make_plan(read_sweep(path), str(path)).cases) for path in sorted(folder.glob("*.toml"))
             if path.stem != "hu2017_shape_factors"}
    assert sizes == {"hu2017_porosity": 140, "peo_oxide_fillers": 45, "sweep_quickstart": 8}
    assert len(points_of(read_sweep(folder / "hu2017_shape_factors.toml"))) == 1600


def test_ids_are_no_numbers(tmp_path):
    """Spreadsheets and pandas read 004894503504 as 4894503504 and 1234567e0012 as 1.2e18."""
    assert all(name[0].isalpha() and name[0] not in "abcdef" for name in ids(plan_of(tmp_path)))


def test_a_directory_of_an_older_version_keeps_its_ids(tmp_path):
    plan = plan_of(tmp_path)
    old = replace(plan, cases=tuple(replace(case, id=case.id[1:]) for case in plan.cases))
    directory = tmp_path / "sweep"
    store_plan(old, directory)
    again = with_known_ids(plan, directory)
    assert again == old and store_plan(again, directory) == (0, 0)
    assert with_known_ids(plan, tmp_path / "another") == plan
