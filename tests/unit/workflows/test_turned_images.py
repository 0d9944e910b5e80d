"""Images under the 48 operations of the cube: what is permuted or mirrored in them is in the results, and nothing else."""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers.builders import ALONE
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pfsolid.config.image import ImageStudyConfig
from pfsolid.config.text import validated
from pfsolid.io.series import read_field
from pfsolid.workflows.console import open_session
from pfsolid.workflows.image import conduct_image

AXES = "xyz"
# Of three labels; the first is the poorest everywhere, and an insulator in one case.
CONDUCTIVITIES = {
    "scalar": [0.1, 1.0, 3.0],
    "insulator": [0.0, 1.0, 3.0],
    "diagonal": [[0.1, 0.3, 0.2], [1.0, 2.0, 0.5], [3.0, 1.5, 4.0]],
    "full": [[[0.3, 0.1, 0.0], [0.1, 0.2, -0.05], [0.0, -0.05, 0.4]], [[1.0, 0.3, 0.2], [0.3, 2.0, -0.4], [0.2, -0.4, 1.5]],
             [[3.0, 0.0, -1.0], [0.0, 4.0, 0.5], [-1.0, 0.5, 2.0]]],
}
# Irrational enough that no distance between voxels of these edges is the width to within rounding.
EDGES_NM, WIDTH_NM = (1.0, 1.3, 0.7), 1.4142
# Energies are solved to 1e-11 of sigma_eff; currents, stored in single precision, to the root of it.
SOLVED, SIGMA, CURRENT = 1e-11, dict(rel=1e-9, abs=1e-12), dict(rel=2e-4, abs=2e-5)


@dataclass(frozen=True)
class Operation:
    """Axis i of what is turned is axis ``axes[i]`` of what is given, reversed where ``signs[i]`` is -1."""

    axes: tuple
    signs: tuple

    def matrix(self) -> np.ndarray:
        return np.array(self.signs)[:, None] * np.eye(3)[list(self.axes)]

    def image(self, array: np.ndarray) -> np.ndarray:
        """A scalar field, or a vector's with the components last."""
        moved = array.transpose(*self.axes, *range(3, array.ndim))
        moved = np.flip(moved, [axis for axis in range(3) if self.signs[axis] < 0])
        return moved if array.ndim == 3 else moved @ self.matrix().T

    def sigma(self, value):
        value = np.array(value)
        if value.ndim == 1:
            value = value[list(self.axes)]
        return (self.matrix() @ value @ self.matrix().T if value.ndim == 2 else value).tolist()

    def axis(self, name: str) -> str:
        """Where an axis has gone."""
        return AXES[self.axes.index(AXES.index(name))]

    def voxel(self, voxel, shape) -> list:
        return [voxel[old] if sign > 0 else shape[old] - 1 - voxel[old] for old, sign in zip(self.axes, self.signs)]


OPERATIONS = [Operation(axes, signs) for axes in itertools.permutations(range(3))
              for signs in itertools.product((1, -1), repeat=3)]


@dataclass(frozen=True)
class Problem:
    """An image [x, y, z] with all that decides what it conducts."""

    labels: np.ndarray
    edges: tuple
    sigma: list
    boundary: str
    directions: str
    resistance: bool
    layer: bool

    @property
    def insulates(self) -> bool:
        return self.sigma[0] == 0

    def turned(self, operation: Operation) -> "Problem":
        return Problem(operation.image(self.labels), tuple(self.edges[axis] for axis in operation.axes),
                       [operation.sigma(value) for value in self.sigma], self.boundary,
                       "".join(sorted(map(operation.axis, self.directions))), self.resistance, self.layer)

    def solved(self, folder: Path, order: str) -> dict:
        """What result.json would hold; the array is stored in some order of axes."""
        np.save(folder.with_suffix(".npy"), self.labels.transpose([AXES.index(axis) for axis in order]))
        raw = {
            "image": {"file": str(folder.with_suffix(".npy")), "axes": order, "voxel_size_nm": list(self.edges),
                      "boundary": self.boundary, "directions": self.directions},
            "phases": {"sigma_S_per_cm": {str(label): value for label, value in enumerate(self.sigma)}},
            "conduction": {"relative_tolerance": SOLVED, "grid_error": "none"},
            "output": {"save_potential": True},
        }
        if self.resistance:
            raw["phases"]["interface_resistance_ohm_cm2"] = {"1:2": 1e-7}  # that of 1 nm of label 1
        if self.layer:
            raw["layer"] = {"on": 1, "facing": [2], "width_nm": WIDTH_NM, "label": 0}
        return conduct_image(validated(ImageStudyConfig, raw, "the test"), folder, open_session(1, ALONE)).to_dict()

    def stored(self, folder: Path, name: str) -> np.ndarray:
        """A field on the voxels of the image, without their mirror images."""
        times = 2 if self.boundary == "mirror" else 1
        whole = tuple(slice(0, n if n == 1 else times * n) for n in self.labels.shape)
        return read_field(folder / "fields.h5", name, whole, ALONE)[tuple(slice(0, n) for n in self.labels.shape)]


def problems(boundary: str):
    """Those that are solved: elements, which full tensors take, know no interfaces that resist."""
    def make(seed, shape, kind, directions, resistance, layer):
        labels = np.random.default_rng(seed).choice(3, shape, p=(0.2, 0.4, 0.4)).astype(np.uint8)
        return Problem(labels, EDGES_NM, CONDUCTIVITIES[kind], boundary, directions, resistance and kind != "full", layer)

    return st.builds(make, st.integers(0, 2**32), st.permutations((4, 5, 6)), st.sampled_from(list(CONDUCTIVITIES)),
                     st.sampled_from(["x", "y", "z", "xyz", "xz"]), st.booleans(), st.booleans())


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_results_turn_with_the_image(boundary):
    # The same examples every time: each is two solves.
    @settings(max_examples=20, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=[HealthCheck.too_slow])
    @given(problem=problems(boundary), operation=st.sampled_from(OPERATIONS), order=st.permutations(AXES).map("".join))
    def check(problem, operation, order):
        with tempfile.TemporaryDirectory() as scratch:
            before, after = Path(scratch) / "before", Path(scratch) / "after"
            given, turned = problem.solved(before, "zyx"), problem.turned(operation).solved(after, order)
            compare_results(given, turned, problem, operation)
            compare_fields(before, after, given, problem, operation)

    check()


def compare_results(given: dict, turned: dict, problem: Problem, operation: Operation) -> None:
    tensor = np.array(given["sigma_eff_S_per_m"], float)
    # NaN where nothing is known: put in afterwards, a product would spread it.
    expected = operation.matrix() @ np.nan_to_num(tensor) @ operation.matrix().T
    expected[np.isnan(tensor[np.ix_(operation.axes, operation.axes)])] = np.nan
    scale = np.nanmax(np.abs(tensor))
    assert np.array(turned["sigma_eff_S_per_m"], float) / scale == pytest.approx(expected / scale, nan_ok=True, **SIGMA)
    assert turned["mean_S_per_cm"] == pytest.approx(given["mean_S_per_cm"], **SIGMA)
    assert set(turned["field_axes"]) == set(map(operation.axis, given["field_axes"]))
    percolates = given["conducting_phases_percolate_xyz"]
    assert list(turned["conducting_phases_percolate_xyz"]) == [percolates[axis] for axis in operation.axes]
    assert turned["transport"].keys() == set(map(operation.axis, given["transport"]))
    for axis, numbers in given["transport"].items():
        other = turned["transport"][operation.axis(axis)]
        assert None not in numbers.values() or other == numbers  # infinite where nothing conducts
        assert None in numbers.values() or other == pytest.approx(numbers, **SIGMA)
    for name, phase in given["phases"].items():
        other = turned["phases"][name]
        assert other["fraction"] == phase["fraction"]
        shares = {operation.axis(axis): share for axis, share in phase["current_share_for_field_along"].items()}
        assert other["current_share_for_field_along"] == pytest.approx(shares, **CURRENT)
    assert turned["currents"].keys() == set(map(operation.axis, given["currents"]))
    for axis, currents in given["currents"].items():
        other = turned["currents"][operation.axis(axis)]
        assert other["field_along"] == operation.axis(axis)
        compare_focusing(currents["current_over_mean"], other["current_over_mean"], problem, operation)
        for name, phase in currents["phases"].items():
            compare_focusing(phase["current_over_mean"], other["phases"][name]["current_over_mean"], problem, operation)


def compare_focusing(given: dict, turned: dict, problem: Problem, operation: Operation) -> None:
    given, turned = dict(given), dict(turned)
    place = operation.voxel(given.pop("maximum_at_voxel"), problem.labels.shape)
    found = list(turned.pop("maximum_at_voxel"))
    assert turned.pop("errors").keys() == given.pop("errors").keys()  # they say how the iteration went
    assert turned == pytest.approx(given, **CURRENT)
    if not problem.insulates:  # in a channel several voxels carry the same
        assert found == place


def compare_fields(before: Path, after: Path, given: dict, problem: Problem, operation: Operation) -> None:
    turned = problem.turned(operation)
    assert np.array_equal(turned.stored(after, "phase"), operation.image(problem.stored(before, "phase")))
    if len(problem.directions) > 1 or not given["currents"]:
        return  # of several fields one is stored, the first by name: another one when it is turned
    axis = problem.directions
    sign = operation.signs[AXES.index(operation.axis(axis))]  # the field points along the axis, mirrored or not
    current = operation.image(problem.stored(before, f"current_density_{axis}"))
    scale = np.abs(current).max()
    found = turned.stored(after, f"current_density_{operation.axis(axis)}")
    assert found / scale == pytest.approx(sign * current / scale, **CURRENT)
    if problem.insulates:
        return  # the potential of what is cut off is anything
    potential = operation.image(problem.stored(before, f"potential_{axis}"))
    found = turned.stored(after, f"potential_{operation.axis(axis)}")
    scale = np.abs(potential).max()
    assert found / scale == pytest.approx(sign * potential / scale, **CURRENT)
