"""The statistics of sub-volumes against what is known of normal values, white noise and layers."""

import numpy as np
import pytest
from scipy import stats

from pfsolid.theory.representative import Sizes, edge_shift, excess_kurtosis, judge, share_interval, variance_law


def blocks(field: np.ndarray, edge: int) -> np.ndarray:
    """Means of the cubes of a field."""
    n = field.shape[0] // edge
    return field.reshape(n, edge, n, edge, n, edge).mean((1, 3, 5)).ravel()


def sizes_of(field: np.ndarray, edges) -> Sizes:
    values = tuple(blocks(field, edge) for edge in edges)
    return Sizes(tuple(map(float, edges)), tuple(float(edge**3) for edge in edges), values,
                 tuple(np.ones(len(one), bool) for one in values))


def judged(field: np.ndarray, edges=(6, 4, 3), relative: float = 0.05):
    n = field.shape[0]
    return judge(sizes_of(field, edges), float(n), float(n**3), float(field.mean()), relative, shifts=False)


def test_intervals_of_white_noise_hold():
    """Of 300 images 95 % should hold the truth: fewer than 90 % would be five deviations of a binomial away."""
    rng = np.random.default_rng(1)
    found = [judged(1 + 0.5 * rng.standard_normal((12, 12, 12))) for _ in range(300)]
    assert np.mean([one.low <= 1 <= one.high for one in found]) >= 0.9
    assert np.mean([one.law.low <= 1 <= one.law.high for one in found]) >= 0.9
    # the deviation of the mean of the image, 0.5 / 12^1.5, within the 7 % that 300 laws from 8 + 27 + 64 values leave
    assert np.mean([one.law.deviation(12.0**3) for one in found]) == pytest.approx(0.5 / 12**1.5, rel=0.07)


def test_layers_do_not_scatter_as_independent_pieces():
    """Thickness of layers at random: along them nothing is averaged, so Var ~ L^-1 = V^(-1/3)."""
    layers, edges = np.random.default_rng(3).standard_normal(4800), np.array([16, 12, 8, 6, 4])
    variances = [layers.reshape(-1, edge).mean(1).var(ddof=1) for edge in edges]
    law = variance_law(edges**3, variances, 4800 / edges)
    assert law.high < 1 and law.taken == law.exponent
    # 300 to 1200 values know a variance to 8 to 4 %, the slope over a factor 64 of volume to 0.03
    assert law.exponent == pytest.approx(1 / 3, abs=0.06)
    assert np.isnan(law.integral_range(1.0))


def test_one_size_gives_students_interval():
    law = variance_law([1.0], [4.0], [9])
    assert law.taken == 1 and np.isnan(law.exponent)
    # 4000 draws know a quantile to 3 % or so
    assert law.half_width(1.0) == pytest.approx(2 * stats.t.ppf(0.975, 8), rel=0.05)
    assert law.deviation(4.0) == pytest.approx(1.0)


def test_what_is_needed_is_what_the_law_says():
    rng = np.random.default_rng(7)
    found = judged(1 + rng.standard_normal((24, 24, 24)), (8, 6, 4, 3), relative=0.05)
    edge = found.needed.edge
    assert 1.959964 * found.law.deviation(edge**3) == pytest.approx(0.05 * found.value, rel=1e-6)
    # white noise of deviation 1 needs (1.96 / 0.05)^2 voxels; 27 to 512 values a size know that to a third
    assert edge**3 == pytest.approx((1.96 / 0.05) ** 2, rel=0.33)
    assert found.needed.number == np.ceil((1.959964 * found.law.deviation(8.0**3) / 0.05 / found.value) ** 2)


def test_an_edge_that_was_not_measured_is_not_said():
    """Layers scatter as V^-1/3: 1e-3 needs more than the image, which only a law of V^-1 could be drawn on to.  White noise
    for which 9 times the image's edge are needed, and one of which 3 times are: only the second is said."""
    rng = np.random.default_rng(5)
    layers = np.broadcast_to(rng.standard_normal((24, 1, 1)) + 10, (24, 24, 24))
    one = judged(layers, (8, 6, 4, 3, 2), relative=1e-3).needed
    assert one.edge is None and "V^-0.5" in one.unsaid and one.number > 1
    noise = rng.standard_normal((24, 24, 24)) + 10
    # Half of the interval of an edge L is 1.96 / (10 L^1.5): that of 9 and 3 times 24.
    far, near = (judged(noise, relative=0.196 / (times * 24) ** 1.5).needed for times in (9, 3))
    assert far.edge is None and "8 times the image's edge" in far.unsaid
    assert near.edge == pytest.approx(72, rel=0.3) and near.unsaid == ""


def test_where_the_largest_sub_volumes_do_not_all_percolate_nothing_is_said():
    values = tuple(np.abs(np.random.default_rng(size).standard_normal(8)) for size in (6, 4))
    some = np.arange(8) > 0
    found = judge(Sizes((6.0, 4.0), (216.0, 64.0), values, (some, some)), 12.0, 1728.0, 1.0, 0.05).needed
    assert found.edge is None and found.number is None and "percolates" in found.unsaid


def test_faces_that_shift_are_added_on_their_side():
    edges, means = np.array([48.0, 24, 16, 12]), 2.0 + 3.0 / np.array([48.0, 24, 16, 12])
    assert edge_shift(edges[1:], means[1:], [1.0, 4.0, 9.0], edges[0], means[0]) == pytest.approx(3.0)
    rng = np.random.default_rng(5)
    values = tuple(mean + 1e-3 * rng.standard_normal(8) for mean in means[1:])
    sizes = Sizes(tuple(edges[1:]), tuple(edges[1:] ** 3), values, tuple(np.ones(8, bool) for _ in values))
    found = judge(sizes, 48.0, 48.0**3, means[0], 0.01)
    assert found.faces == pytest.approx(3 / 48, rel=0.05)  # eight values of deviation 1e-3 each
    assert found.low < 2.0 < found.high and found.high == pytest.approx(means[0] + found.sample)
    # half of 1 % of 2 is a shift of 0.01: an edge of 300; the largest sub-volumes are not large enough, however many
    assert found.needed.by_faces and found.needed.edge == pytest.approx(300, rel=0.1) and found.needed.number is None


def test_sizes_that_do_not_percolate_are_left_out():
    through = (np.ones(8, bool), np.ones(27, bool), np.arange(64) > 3)
    rng = np.random.default_rng(2)
    values = tuple(1 + rng.standard_normal(len(one)) / edge**1.5 for one, edge in zip(through, (6, 4, 3)))
    sizes = Sizes((6.0, 4.0, 3.0), (216.0, 64.0, 27.0), values, through)
    assert judge(sizes, 12.0, 1728.0, 1.0, 0.05).fitted == [0, 1]


def test_share_interval_is_wilsons():
    assert share_interval(8, 8) == pytest.approx((8 / (8 + 1.959964**2), 1.0))
    low, high = share_interval(3, 10)
    for end in (low, high):  # where a share of 0.3 is 1.96 of its own deviations away
        assert abs(0.3 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 10))


def test_nothing_scatters_in_what_is_uniform():
    law = variance_law([8.0, 1.0], [0.0, 0.0], [8, 64])
    assert law.deviation(1.0) == 0 and law.half_width(1.0) == 0 and law.volume_for(0.1) == 0


def test_kurtosis_of_two_values():
    assert excess_kurtosis([[0, 0, 1, 1] * 4]) == 0  # -2: not below 0
    skewed = np.r_[np.zeros(99), 1.0]
    assert excess_kurtosis([skewed]) == pytest.approx(stats.kurtosis(skewed))
