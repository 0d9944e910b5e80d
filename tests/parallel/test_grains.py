"""Grains on several ranks: the same labels, volumes and file."""

import numpy as np
from helpers.builders import ALONE

from pfsolid.config.grains import GrainsConfig
from pfsolid.workflows.console import open_session
from pfsolid.workflows.grains import make_grains


def test_same_labels_at_every_rank_count(comm):
    config = GrainsConfig(shape=(13, 16, 18), voxel_size_nm=10.0, number=15, lognormal=0.4)
    made, slab = make_grains(config, open_session(1, comm))
    alone, whole = make_grains(config, open_session(1, ALONE))
    assert np.array_equal(np.concatenate(comm.allgather(slab)), whole)
    assert np.array_equal(made.voxels, alone.voxels) and np.array_equal(made.angles, alone.angles)
