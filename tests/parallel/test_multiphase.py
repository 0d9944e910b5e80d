"""Measures of several phases on slabs against the same on one rank."""

import numpy as np
import pytest
from helpers.builders import ALONE
from helpers.phases import measured, random_phases

import pfsolid as pf


@pytest.mark.parametrize("boundary", ["open", "periodic", "mirror"])
def test_the_same_numbers_at_any_rank_count(comm, boundary):
    labels = random_phases((13, 11, 9), 7, 4)
    options = dict(spacing=(1.0, 1.3, 0.8), needs=("through", "first", "either"), num_phases=3)
    alone, together = measured(labels, boundary, **options), measured(labels, boundary, comm=comm, **options)
    assert together.pairs == alone.pairs and together.lines == alone.lines  # to the last bit
    for a, b in zip(alone.phases, together.phases):
        assert b.connectivity == a.connectivity and b.voxels == a.voxels and b.area == a.area
        assert b.chords.mean_xyz == a.chords.mean_xyz
        assert all(np.array_equal(m, n) for m, n in zip(b.chords.counts, a.chords.counts))
        assert b.chords.cut_fraction == a.chords.cut_fraction and b.chords.wrapping_fraction == a.chords.wrapping_fraction
        assert np.array_equal(b.thickness.larger, a.thickness.larger)
        # Pairs are whole numbers; their quotients are added up over ranks in the shells.
        assert b.correlation.covariance == pytest.approx(a.correlation.covariance, rel=1e-12, abs=1e-15)
        assert all(np.array_equal(m, n) for m, n in zip(b.correlation.covariance_xyz, a.correlation.covariance_xyz))


def test_an_array_of_labels(comm):
    labels = random_phases((9, 8, 12), 3)
    together, alone = (pf.measure(labels, voxel_nm=2, comm=one, threads=1).to_dict() for one in (comm, ALONE))
    assert together.pop("seconds") > 0 and alone.pop("seconds") > 0
    assert together == alone
