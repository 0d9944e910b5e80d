"""Measures of images of several phases: known lines, areas and connections, other programs' clusters, brute force, turns."""

import itertools

import numpy as np
import pytest
from helpers.phases import ghosted, halved_ball, make_cell, measured, random_phases, sectors
from scipy import ndimage

from pfsolid.errors import InputError
from pfsolid.morphology.triple_lines import measure_triple_lines

CUBE = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


# --- triple lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("angles", [(0, 120, 240), (0, 90, 180), (30, 100, 250)])
@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 1, 0), (1, 1, 1), (3, 2, 1)])
def test_lines_at_any_angle_between_wedges(direction, angles):
    """1 / |t|_1 for each edge would give 1.50 at (110) with the first wedges and 1.35 at (111) with the last."""
    labels, length = sectors(64, direction, angles)
    [line] = lines_of(labels)
    assert line.phases == (0, 1, 2)
    # Where a steep line leaves in the last half voxel is not seen: 1.2 % at (111), 0.2 % elsewhere.
    assert line.length == pytest.approx(length, rel=2e-2)


@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 1, 0), (1, 2, 3)])
@pytest.mark.parametrize("radius", [16, 28])
def test_circles(radius, normal):
    [line] = lines_of(halved_ball(64, radius, normal))
    # 1.5 % at 16: the edges of the voxels cut the circle's corners.
    assert line.length == pytest.approx(2 * np.pi * radius, rel=2e-2)


def lines_of(labels):
    cell, _ = make_cell(labels.shape)
    phase = ghosted(labels, cell)
    return measure_triple_lines(phase, np.full(phase.shape, 63, np.uint8), cell, int(labels.max()) + 1)


@pytest.mark.parametrize("boundary, lines", [("periodic", 4), ("open", 1), ("mirror", 1)])
def test_a_line_along_the_voxels_and_unequal_edges(boundary, lines):
    labels = np.zeros((6, 8, 10), np.uint8)
    labels[3:], labels[3:, 4:] = 1, 2  # a line along z at x = 3, y = 4; in a periodic cell at x = 0 and y = 0 too
    found = measured(labels, boundary, (1.0, 2.0, 3.0))
    assert sum(line.length for line in found.lines) == pytest.approx(30.0 * lines)


def test_four_phases_round_an_edge_are_two_lines():
    """Each of the two ways in which the edge may split, half."""
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[4:, :4], labels[4:, 4:], labels[:4, 4:] = 1, 2, 3
    found = measured(labels)
    assert [line.phases for line in found.lines] == [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]
    assert all(line.length == pytest.approx(4.0) for line in found.lines)


def test_lines_are_active_where_their_phases_are_connected():
    """Along z all three go through; along x the first two touch the first plate and the third the last."""
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:4, 4:], labels[4:] = 1, 2
    [line] = measured(labels).lines
    assert line.length == pytest.approx(8) and line.active == pytest.approx((0, 0, 8)) and line.cut_off == (0, 0, 0)
    [line] = measured(labels, needs=("first", "first", "last")).lines
    assert line.active == pytest.approx((8, 0, 8))
    [line] = measured(labels, needs=("first", "last", "either")).lines
    assert line.active == pytest.approx((0, 8, 8))
    labels[4:7, :, :4], labels[7] = 3, 0  # phase 3 touches the plates across y and z, not those across x
    named = {line.phases: line for line in measured(labels).lines}
    assert named[0, 1, 3].cut_off[0] == pytest.approx(named[0, 1, 3].length) and named[0, 1, 3].cut_off[2] == 0


# --- areas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["periodic", "open", "mirror"])
@pytest.mark.parametrize("normal", [(1, 0, 0), (1, 1, 0), (2, 1, 0), (1, 1, 1)])
def test_areas_of_three_layers_at_any_angle(normal, boundary):
    n = 48
    place = sum(a * (i + 0.5) for a, i in zip(normal, np.indices((n, n, n)))) / n
    labels = np.floor(3 * (place + 0.17)).astype(int) % 3  # along x the three planes lie inside the image
    found = measured(labels.astype(np.uint8), boundary)
    each = np.linalg.norm(normal) * n**2
    for area in found.pairs.values():
        # At the ends, what the last half voxels hide of steep planes (0.6 % of six planes, here of one or two), and mirrors
        # that bend what is oblique.
        assert area.normals == pytest.approx(each, rel=1e-3 if boundary == "periodic" else 3e-2)
    assert sum(area.normals for area in found.pairs.values()) == pytest.approx(3 * each, rel=1.5e-2)


def test_areas_of_a_halved_ball():
    radius = 20
    found = measured(halved_ball(64, radius, (0, 0, 1)), "periodic")
    # Along the triple line the smoothed phases are rounded off.
    assert found.pairs[0, 1].normals == pytest.approx(2 * np.pi * radius**2, rel=2e-2)
    assert found.pairs[1, 2].normals == pytest.approx(np.pi * radius**2, rel=2e-2)
    assert found.phases[1].area.normals == found.pairs[0, 1].normals + found.pairs[1, 2].normals
    assert found.pairs[0, 1].crofton + found.pairs[0, 2].crofton == pytest.approx(4 * np.pi * radius**2, rel=1e-2)


# --- connections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_connections_as_those_of_another_program(seed):
    labels = random_phases((9, 8, 7), seed)
    found = measured(labels)
    for index, one in enumerate(found.phases):
        bodies, number = ndimage.label(labels == index)
        sizes = np.bincount(bodies.ravel())[1:]
        assert one.connectivity.num_clusters == number and one.voxels == sizes.sum()
        for axis in range(3):
            ends = [set(np.unique(bodies.take(end, axis))) - {0} for end in (0, -1)]
            touching = np.array([(body in ends[0]) + (body in ends[1]) for body in range(1, number + 1)])
            parts = one.connectivity.no_plate, one.connectivity.one_plate, one.connectivity.both_plates
            for count, part in enumerate(parts):
                assert part[axis] == pytest.approx(sizes[touching == count].sum() / sizes.sum(), abs=1e-15)
            assert ("xyz"[axis] in one.connectivity.percolates_along) == (touching == 2).any()


def test_what_wraps_a_periodic_cell_need_not_reach_both_ends_and_the_reverse():
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[1:5, 2, 2], labels[[0, 5], 4, 4] = 1, 2  # a bar between the ends; its ends alone
    one, two = (phase.connectivity for phase in measured(labels, "periodic").phases[1:])
    assert one.percolates_along == two.percolates_along == "" and one.no_plate[0] == 1 and two.one_plate[0] == 1
    labels[:, 2, 2] = 1
    one = measured(labels, "periodic").phases[1].connectivity
    assert one.percolates_along == "x" and one.dimension == 1 and one.both_plates[0] == 1


def test_a_picture_has_two_axes():
    labels = np.array([[0, 0, 1, 1], [0, 0, 1, 2], [0, 0, 2, 2]], np.uint8)[:, :, None]
    found = measured(labels)
    assert found.phases[0].connectivity.percolates_along == "x"
    assert np.isnan(found.phases[0].connectivity.both_plates[2])
    assert sum(line.length for line in found.lines) > 0


# --- outside the field of view --------------------------------------------------------------------


def test_a_cylinder_is_measured_without_what_surrounds_it():
    n = 40
    x, y, z = np.indices((n, n, n)) + 0.5 - n / 2
    inside = x**2 + y**2 < 18**2
    labels = np.where(inside, (z > 0).astype(int), 2).astype(np.uint8)
    found = measured(labels, num_phases=2)
    assert found.voxels == inside.sum() and set(found.pairs) == {(0, 1)} and found.lines == ()
    assert found.pairs[0, 1].faces == inside[:, :, 0].sum()
    assert found.pairs[0, 1].normals == pytest.approx(np.pi * 18**2, rel=1e-2)
    assert found.phases[0].chords.cut_fraction == (1, 1, 1)  # by the end or the rim
    # Half of the cylinder has only the other half for a bound: its spheres go on beyond the rim, as wide as they fit.
    assert found.phases[0].thickness.largest == pytest.approx(2 * 19.5, abs=1)


def test_correlation_inside_a_field_of_view_is_the_mean_over_all_pairs():
    labels = random_phases((7, 6, 5), 3, 4)
    found = measured(labels, num_phases=3)
    inside, own = labels < 3, labels == 1
    for axis, covariance in enumerate(found.phases[1].correlation.covariance_xyz):
        for r in range(len(covariance)):
            pairs = np.s_[:labels.shape[axis] - r], np.s_[r:]
            a, b = ((np.s_[:],) * axis + (pair,) for pair in pairs)
            true = (own[a] & own[b]).sum() / (inside[a] & inside[b]).sum()
            assert covariance[r] + found.phases[1].correlation.mean**2 == pytest.approx(true, abs=1e-13)


def test_chords_that_end_outside_are_cut():
    labels = np.array([0, 1, 1, 0, 0, 3, 1, 1, 1, 0, 1], np.uint8)[:, None, None]
    chords = measured(labels, num_phases=2).phases[1].chords
    assert chords.counts[0].tolist() == [0, 0, 1]  # of two voxels; three are cut by what is outside, one by the end
    assert chords.cut_fraction[0] == pytest.approx(4 / 6)


# --- invariants -----------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["open", "periodic", "mirror"])
def test_the_48_turns_of_a_cube(boundary):
    labels, spacing = random_phases((6, 7, 8), 5, 4), (1.0, 1.5, 0.7)
    needs = ("through", "either", "through")
    first = measured(labels, boundary, spacing, needs, num_phases=3)
    for axes, signs in CUBE[::5]:  # 10 of them, all axes and all mirrors among them
        turned = np.ascontiguousarray(labels[tuple(slice(None, None, s) for s in signs)].transpose(axes))
        found = measured(turned, boundary, tuple(spacing[axis] for axis in axes), needs, num_phases=3)
        compare(first, found, axes)


def compare(first, found, axes):
    assert found.voxels == first.voxels
    for pair, area in first.pairs.items():
        for name in ("normals", "faces", "crofton"):
            # Sums in another order.
            assert getattr(found.pairs[pair], name) == pytest.approx(getattr(area, name), rel=1e-9)
    assert len(found.lines) == len(first.lines)
    for a, b in zip(first.lines, found.lines):
        assert b.phases == a.phases and b.length == pytest.approx(a.length, rel=1e-9)
        assert b.active == pytest.approx([a.active[axis] for axis in axes], abs=1e-9)
        assert b.cut_off == pytest.approx([a.cut_off[axis] for axis in axes], abs=1e-9)
    for a, b in zip(first.phases, found.phases):
        assert b.connectivity.both_plates == tuple(a.connectivity.both_plates[axis] for axis in axes)
        assert b.connectivity.percolating_fraction == tuple(a.connectivity.percolating_fraction[axis] for axis in axes)
        assert b.chords.mean_xyz == pytest.approx([a.chords.mean_xyz[axis] for axis in axes])
        assert [len(c) for c in b.chords.counts] == [len(a.chords.counts[axis]) for axis in axes]
        assert b.thickness.mean == pytest.approx(a.thickness.mean, rel=1e-6)


def test_numbers_of_phases_do_not_matter():
    labels = random_phases((8, 8, 8), 2)
    first, other = measured(labels), measured((2 - labels).astype(np.uint8))
    for (a, b), area in first.pairs.items():
        assert other.pairs[2 - b, 2 - a].normals == pytest.approx(area.normals, rel=1e-12)
    assert other.lines[0].length == pytest.approx(first.lines[0].length, rel=1e-12)


def test_too_many_phases_are_refused():
    with pytest.raises(InputError, match="65 phases: from 1 to 64"):
        measured(np.arange(65, dtype=np.uint8)[:, None, None])
