"""Conduction on images in slabs against the same on one rank, for every boundary."""

import numpy as np
import pytest
from helpers.builders import ALONE, grow_labels

from pfsolid.config.image import ImageStudyConfig
from pfsolid.config.text import validated
from pfsolid.io.series import read_field
from pfsolid.workflows.console import open_session
from pfsolid.workflows.image import conduct_image
from pfsolid.workflows.resume import resume
from pfsolid.workflows.solved import OneTensor

SHAPE = (10, 12, 8)


def study(path, boundary):
    # Slabs of voxels of half the edge do not end where those of the image do.
    grid_error = "estimate" if boundary == "periodic" else "refinement"
    return validated(ImageStudyConfig, {
        "image": {"file": str(path), "voxel_size_nm": [0.5, 0.5, 0.6], "boundary": boundary, "directions": "yz"},
        "phases": {"sigma_S_per_cm": {"0": 1e-8, "1": 3.14e-3, "2": 8.93e-7, "3": 1e-3}},
        "layer": {"on": 2, "facing": [1], "width_nm": 0.6, "label": 3},
        "conduction": {"relative_tolerance": 1e-9, "grid_error": grid_error},
        "output": {"save_potential": True},
    }, "the test")


def test_full_tensors_between_electrodes(comm, shared_tmp_path, tmp_path):
    """The last slabs hold mirror images only, of which nothing is stored."""
    if comm.rank == 0:
        np.save(shared_tmp_path / "image.npy", np.random.default_rng(1).integers(0, 2, (4, 5, 3)).astype(np.uint8))
    comm.Barrier()
    given = validated(ImageStudyConfig, {
        "image": {"file": str(shared_tmp_path / "image.npy"), "voxel_size_nm": 1.0, "boundary": "electrodes", "axes": "xyz"},
        "phases": {"sigma_S_per_cm": {"0": 0.01, "1": [[1.0, 0.5, 0.1], [0.5, 2.0, 0.2], [0.1, 0.2, 3.0]]}},
        "conduction": {"relative_tolerance": 1e-10},
        "output": {"save_potential": True},
    }, "the test")
    together = conduct_image(given, shared_tmp_path / "together", open_session(1, comm))
    alone = conduct_image(given, tmp_path / f"alone-{comm.rank}", open_session(1, ALONE))
    compare(together.conduction.sigma_eff_S_per_m, alone.conduction.sigma_eff_S_per_m)
    assert together.grid.shape == (4, 5, 3)
    for name in ("phase", "current_density_x", "potential_x"):
        whole = slice(0, 4), slice(0, 5), slice(0, 3)
        one = read_field(tmp_path / f"alone-{comm.rank}" / "fields.h5", name, whole, ALONE)
        other = read_field(shared_tmp_path / "together" / "fields.h5", name, whole, ALONE)
        # Solved to 1e-10 in the energy and beyond for the currents, stored in single precision.
        assert other == pytest.approx(one, rel=1e-3, abs=1e-4 * np.abs(one).max())


def test_an_interrupted_study_goes_on_on_another_number_of_ranks(comm, shared_tmp_path, tmp_path, monkeypatch):
    """What all ranks had solved is taken up by one; the bits of what is solved after it may differ."""
    if comm.rank == 0:
        np.save(shared_tmp_path / "image.npy", grow_labels(SHAPE, 0.4, seed=3).T)
    comm.Barrier()
    given = study(shared_tmp_path / "image.npy", "mirror")
    keep, kept = OneTensor.keep, []

    def die(self, axis, solved):
        keep(self, axis, solved)
        kept.append(axis)
        if len(kept) == 2:
            raise RuntimeError("died")

    monkeypatch.setattr(OneTensor, "keep", die)
    with pytest.raises(RuntimeError):
        conduct_image(given, shared_tmp_path / "out", open_session(1, comm))
    comm.Barrier()
    whole = conduct_image(given, tmp_path / f"alone-{comm.rank}", open_session(1, ALONE))
    if comm.rank == 0:
        resumed = resume(given, shared_tmp_path / "out", open_session(1, ALONE))
        assert len(kept) == 2 + 4 + 2  # two of the four fields of image and halved image had been solved
        compare(resumed.conduction.sigma_eff_S_per_m, whole.conduction.sigma_eff_S_per_m)


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_same_on_any_number_of_ranks(comm, shared_tmp_path, tmp_path, boundary):
    if comm.rank == 0:
        np.save(shared_tmp_path / "image.npy", grow_labels(SHAPE, 0.4, seed=3).T)
    comm.Barrier()
    given = study(shared_tmp_path / "image.npy", boundary)
    together = conduct_image(given, shared_tmp_path / "together", open_session(1, comm))
    alone = conduct_image(given, tmp_path / f"alone-{comm.rank}", open_session(1, ALONE))
    for name in ("sigma_eff_S_per_m", "phases"):
        compare(together.to_dict()[name], alone.to_dict()[name])
    grids = [np.array(found.conduction.error_bar.grid.grid_best_S_per_cm_xyz[1:], float) for found in (together, alone)]
    assert np.all(grids[0] > 0) and grids[0] == pytest.approx(grids[1], rel=1e-3)  # as far as the second grid is solved
    shape = together.grid.shape
    for name in ("phase", "current_density_y", "potential_y"):
        whole = tuple(slice(0, n) for n in shape)
        one = read_field(tmp_path / f"alone-{comm.rank}" / "fields.h5", name, whole, ALONE)
        other = read_field(shared_tmp_path / "together" / "fields.h5", name, whole, ALONE)
        # Stored in single precision; solved to 1e-9 in the energy, which is 3e-5 in the current.
        assert other == pytest.approx(one, rel=1e-3, abs=1e-3 * np.abs(one).max())


def compare(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            compare(one[key], other[key])
    else:
        # sigma_eff to its tolerance; shares of a current in single precision.
        assert np.asarray(one, float) == pytest.approx(np.asarray(other, float), rel=1e-5, abs=1e-12, nan_ok=True)
