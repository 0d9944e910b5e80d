"""Labels of images on slabs: every window against NumPy, one error for all ranks, memory of the node."""

import numpy as np
import pytest
import tifffile
from helpers.builders import gather

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.images.formats import ArrayLayout, RawLayout
from pfsolid.io.images.slab import ImageWindow, Labelling, describe_image, read_label_slab
from pfsolid.labels import label_counts
from pfsolid.orientation import Orientation
from pfsolid.parallel import memory
from pfsolid.parallel.collective import Reducer, on_root
from pfsolid.spectral.transform import slab_of

LABELS = np.random.default_rng(1).integers(0, 3, (5, 7, 6)).astype("u1")


def write(path, image):
    if path.suffix == ".npy":
        np.save(path, image.T)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, image.transpose(2, 1, 0).astype(">u2"), byteorder=">", photometric="minisblack")
    else:
        path.write_bytes(image.tobytes(order="F"))


def read(path, comm, window=ImageWindow(), labelling=Labelling()):
    layout = RawLayout(LABELS.shape, "u1") if path.suffix == ".raw" else ArrayLayout()
    grid = PeriodicGrid(window.grid_shape(on_root(comm, describe_image, path, layout)), (1, 1, 1))
    return read_label_slab(path, slab_of(grid, comm), comm, window, labelling, layout)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.raw"])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_windows(name, axes, comm, shared_tmp_path):
    path = shared_tmp_path / name
    on_root(comm, write, path, LABELS)
    for mirrored in [(False, False, False), (True, False, True), (True, True, True)]:
        expected = LABELS[:, 1:6, 2:]
        for axis in np.flatnonzero(mirrored):
            expected = np.concatenate([expected, np.flip(expected, axis)], axis)
        found = read(path, comm, ImageWindow((None, (1, 6), (2, 6)), mirrored, Orientation(axes)))
        assert np.array_equal(gather(found, comm), expected.transpose(axes))
        counts = label_counts(found, Reducer(comm))
        assert counts == dict(zip(*(part.tolist() for part in np.unique(expected, return_counts=True))))


def test_a_bad_value_is_told_on_all_ranks(comm, shared_tmp_path):
    image = LABELS.astype("f4")
    image[-1, 3, 2] = np.nan  # the last rank's
    path = shared_tmp_path / "a.npy"
    on_root(comm, write, path, image)
    with pytest.raises(InputError, match=r"voxel \(4, 3, 2\) is nan") as caught:
        read(path, comm)
    assert len(set(comm.allgather(str(caught.value)))) == 1
    with pytest.raises(InputError, match=r"voxel \(4, 3, 2\) is nan"):
        read(path, comm, ImageWindow(mirrored=(True, False, False)), Labelling((1.5,)))


def test_memory_of_all_ranks_on_a_node(comm, monkeypatch):
    """Each rank's own share and that of the others on its node; what root's node finds holds for all."""
    size = comm.Get_size()
    need = 10**9 + 10**8 * size
    monkeypatch.setattr(memory, "available_bytes", lambda: need + 10)
    memory.check_memory(10**8, 10, 1e8, comm)
    monkeypatch.setattr(memory, "available_bytes", lambda: need - 10)
    with pytest.raises(InputError, match=f"for the {size} rank"):
        memory.check_memory(10**8, 10, 1e8, comm)
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    memory.check_memory(10**15, 10, 0, comm)
