"""The grid part of a density's error in slabs against the same on one rank."""

import numpy as np
import pytest
from helpers.builders import ALONE, grow_density

from pfsolid.config.conduction import ConductionConfig
from pfsolid.config.run import OutputConfig
from pfsolid.grid import PeriodicGrid
from pfsolid.parallel.collective import Reducer
from pfsolid.parallel.session import Session
from pfsolid.spectral.transform import slab_of
from pfsolid.workflows.density import homogenize


def solve(rho, comm, **settings):
    grid = PeriodicGrid(rho.shape, (0.5, 0.5, 0.4))
    sigma = {"sigma_surf_S_per_cm": 3.14e-3, "sigma_bulk_S_per_cm": 8.93e-7}
    conduction, session = ConductionConfig(relative_tolerance=1e-6, **sigma | settings), Session(comm, Reducer(comm), 1)
    return homogenize(rho[slab_of(grid, comm)].copy(), grid, conduction, None, session, OutputConfig(), {})


@pytest.mark.parametrize("profile", ["subvoxel", "steps", "linear"])
def test_same_on_any_number_of_ranks(comm, profile):
    rho = grow_density((20, 18, 20), 0.4, seed=3)
    together, alone = (solve(rho, on, profile=profile) for on in (comm, ALONE))
    for name in ("best", "low", "high"):
        # The other grid is solved to 1e-3.
        assert getattr(together.grid, name) == pytest.approx(getattr(alone.grid, name), rel=2e-3)
    assert np.all(together.grid.high > together.grid.low)
    assert together.currents.keys() == alone.currents.keys() and together.percolates_alike == alone.percolates_alike
    for axis, currents in together.currents.items():
        shares, expected = ({label: phase.share for label, phase in one.phases.items()}
                            for one in (currents, alone.currents[axis]))
        # They are solved until their own error is 5e-3 at the most.
        assert shares == pytest.approx(expected, abs=5e-3) and shares[0] == 0
        assert sum(shares.values()) == pytest.approx(1)


def test_more_ranks_than_half_the_planes(comm):
    """Half of four planes are too few for three ranks: no grid part, and no error."""
    rho = np.full((4, 4, 4), 0.95)
    rho[:2] = 0.5
    assert (solve(rho, comm).grid is None) == (comm.size > 2)
