"""Classes, misorientation, areas by rule and shares of the power: the same on any number of ranks."""

import io

import numpy as np
import pytest

import pfsolid as pf


def test_boundaries_do_not_depend_on_ranks(comm):
    labels = np.random.default_rng(4).integers(0, 9, (4, 4, 4)).repeat(3, 0).repeat(3, 1).repeat(3, 2)
    turns = "label,class,phi1_deg,Phi_deg,phi2_deg\n" + "".join(f"{k},grain,{40 * k},{20 * k},10\n" for k in range(8))
    pandas = pytest.importorskip("pandas")
    options = dict(voxel_nm=10, classes={"pore": 8}, table=pandas.read_csv(io.StringIO(turns)), crystal_symmetry="cubic",
                   resistance={"grain:grain": {"misorientation_deg": [30], "ohm_cm2": [1e-3, 5e-3]}, "1:2": 2e-3},
                   fields=False, directions="xy", tolerance=1e-8)
    found, alone = (pf.conductivity(labels, {"grain": "1e-3 ± 10%", "pore": 0}, comm=one, **options)
                    for one in (comm, None))
    assert np.allclose(found.tensor, alone.tensor, rtol=1e-7, equal_nan=True)
    one, other = found.result, alone.result
    assert set(one.boundaries.kinds) == set(other.boundaries.kinds) and len(other.boundaries.kinds) == 3
    for name, kind in other.boundaries.kinds.items():
        assert one.boundaries.kinds[name].area_per_nm == pytest.approx(kind.area_per_nm, rel=1e-6)
    for name, part in other.currents["y"].power.items():
        # Of first order in the potential, whose error at a tolerance of 1e-8 is 1e-4.
        assert one.currents["y"].power[name].power_share == pytest.approx(part.power_share, abs=2e-4)
    assert one.error_bar.inputs_relative_xyz[0] == pytest.approx(other.error_bar.inputs_relative_xyz[0], abs=2e-5)
