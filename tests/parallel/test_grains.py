"""Grains on several ranks: the same labels, volumes and file."""

import numpy as np
from helpers.builders import ALONE

import pfsolid as pf
from pfsolid.config.grains import GrainsConfig
from pfsolid.workflows.console import open_session
from pfsolid.workflows.grains import make_grains


def test_same_labels_at_every_rank_count(comm):
    config = GrainsConfig(shape=(13, 16, 18), voxel_size_nm=10.0, number=15, lognormal=0.4)
    made, slab = make_grains(config, open_session(1, comm))
    alone, whole = make_grains(config, open_session(1, ALONE))
    assert np.array_equal(np.concatenate(comm.allgather(slab)), whole)
    assert np.array_equal(made.voxels, alone.voxels) and np.array_equal(made.angles, alone.angles)


def test_same_measures_at_every_rank_count(comm):
    labels = pf.grains((12, 14, 16), 10, 15, seed=2, axes="xyz", film_nm=10).labels
    for boundary in ("periodic", "open"):
        options = {"values": "grains", "boundary": boundary, "exclude": 15, "threads": 1}
        alone = pf.measure(labels, 10, **options, axes="xyz").to_dict()
        found = pf.measure(labels, 10, **options, axes="xyz", comm=comm).to_dict()
        for name in ("volumes_nm3", "centres_nm", "neighbours", "boundary_nm2", "labels"):
            # Sums of a few thousand numbers in another order.
            assert np.allclose(found[name], alone[name], rtol=1e-12), name
        assert np.isclose(found["boundaries"]["area_normals_per_nm"], alone["boundaries"]["area_normals_per_nm"], rtol=1e-12)
