"""Statistics of a current on slabs: the same numbers at every rank count, the sums to rounding."""

import numpy as np
import pytest
from helpers.builders import ALONE

from pfsolid.conduction.currents import current_statistics
from pfsolid.grid import PeriodicGrid
from pfsolid.parallel.collective import Reducer
from pfsolid.spectral.transform import slab_of


@pytest.mark.parametrize("planes", [0, 1, 5])  # more than one on each rank
def test_against_one_rank(planes, comm):
    shape = (comm.Get_size() + planes, 6, 5)
    rng = np.random.default_rng(1)
    current = (rng.normal(size=(*shape, 3)) * np.exp(3 * rng.normal(size=(*shape, 1)))).astype(np.float32)
    labels = rng.choice([0, 1, 4], shape).astype(np.uint8)
    labels[-1, -1, -1] = 9  # the last rank's alone
    current[0, 2, 3] = current[-1, 3, 3] = (0, 1e9, 0)  # the maximum twice: the first voxel is told
    part = slab_of(PeriodicGrid(shape, (1, 1, 1)), comm)
    found = current_statistics(current[part], labels[part], 1, Reducer(comm))
    alone = current_statistics(current, labels, 1, Reducer(ALONE))
    assert found.focusing.voxel == alone.focusing.voxel == (0, 2, 3)
    assert set(found.phases) == set(alone.phases)
    # The mean is a sum over ranks; what is divided by it is the same to the last bit.
    assert found.mean == pytest.approx(alone.mean, rel=1e-12)
    for label, phase in alone.phases.items():
        other = found.phases[label]
        assert other.fraction == phase.fraction and other.focusing.voxel == phase.focusing.voxel
        assert other.share == pytest.approx(phase.share, rel=1e-9, abs=1e-12)
        scaled = np.array([*other.focusing.percentiles, other.focusing.maximum]) * found.mean
        expected = np.array([*phase.focusing.percentiles, phase.focusing.maximum]) * alone.mean
        assert np.array_equal(scaled.astype(np.float32), expected.astype(np.float32))
    assert len({repr(one) for one in comm.allgather(found)}) == 1
