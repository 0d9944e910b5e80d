"""What is written is read back once, by whichever rank: any change is found, and the file system's own count of bytes."""

from pathlib import Path

import numpy as np
import pytest
from helpers.files import write_field

from pfsolid.errors import OutputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io import hdf5, transfer
from pfsolid.io.checkpoint import write_checkpoint
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.readback import sum_of_array, sum_of_bytes
from pfsolid.parallel.collective import on_root

SHAPE = (6, 5, 7)


def part_of(values, comm, axis=0):
    start, stop = (values.shape[axis] * r // comm.size for r in (comm.rank, comm.rank + 1))
    slices = tuple(slice(start, stop) if i == axis else slice(0, n) for i, n in enumerate(values.shape))
    return DistributedArray(values[slices].copy(), values.shape, slices)


def values_of(dtype, shape=SHAPE):
    raw = np.random.default_rng(3).integers(0, 256, int(np.prod(shape)) * np.dtype(dtype).itemsize, "u1")
    return raw.view(dtype).reshape(shape)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("transposed", [False, True])
def test_sums_of_memory_and_file_agree_however_both_are_divided(comm, dtype, transposed):
    values = values_of(dtype)
    array = part_of(values, comm)
    if transposed:
        array, values = array.transposed(), values.transpose(2, 1, 0)
    raw = np.ascontiguousarray(values).tobytes()
    cut = len(raw) // 3 // 8 * 8
    in_file = sum_of_bytes(memoryview(raw)[:cut], dtype, 0) + sum_of_bytes(memoryview(raw)[cut:], dtype, cut)
    in_memory = sum(comm.allgather(sum_of_array(array, dtype)))
    assert (in_file - in_memory) % 2**64 == 0


def test_sum_changes_with_every_bit_and_with_places(comm):
    values = values_of("u2")
    before = sum_of_bytes(memoryview(values.tobytes()), "u2", 0)
    for bit in range(16):
        changed = values.copy()
        changed[2, 3, 4] ^= 1 << bit
        assert sum_of_bytes(memoryview(changed.tobytes()), "u2", 0) != before
    assert sum_of_bytes(memoryview(np.roll(values, 1).tobytes()), "u2", 0) != before
    assert sum_of_bytes(memoryview(values[::-1].tobytes()), "u2", 0) != before


@pytest.mark.ranks(2, 3, 4)
@pytest.mark.parametrize("kind", ["fields", "checkpoint"])
def test_one_bit_that_did_not_reach_the_file_is_noticed(comm, shared_tmp_path, monkeypatch, kind):
    if not hdf5.has_parallel_hdf5():
        pytest.skip("needs parallel HDF5")
    write = transfer._write_collectively

    def flawed(path, arrays, comm):
        write(path, arrays, comm)
        if comm.rank == 0:
            place = next(iter(transfer._places(path, list(arrays)).values()))
            with open(path, "r+b") as file:
                file.seek(place.offset + place.num_bytes - 3)
                byte = file.read(1)[0]
                file.seek(-1, 1)
                file.write(bytes([byte ^ 4]))
        comm.Barrier()

    monkeypatch.setattr(transfer, "_write_collectively", flawed)
    array = part_of(values_of("u1").astype("f8"), comm)
    with pytest.raises(OutputError, match="does not read back as it was written"):
        if kind == "fields":
            write_field(shared_tmp_path / "fields.h5", "rho", array, PeriodicGrid(SHAPE, (1.0,) * 3), "1", {}, comm)
        else:
            write_checkpoint(shared_tmp_path, {"rho": array}, {}, comm, 1)
    comm.Barrier()
    assert list(shared_tmp_path.iterdir()) == []


def own_reads() -> int:
    """Bytes that this process has read through system calls, pages in memory included."""
    return int(dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())["rchar"])


@pytest.mark.parametrize("size", [64])
def test_bytes_read_are_those_written(comm, shared_tmp_path, size):
    """Fields once; checkpoints once each.  HDF5's own looks at metadata, some 100 kB a rank, are not of the values."""
    if not Path("/proc/self/io").exists():
        pytest.skip("needs Linux's count of bytes")
    shape = (size,) * 3
    rho = part_of(np.random.default_rng(1).random(shape), comm)
    grid = PeriodicGrid(shape, (1.0,) * 3)
    before = own_reads()
    write_field(shared_tmp_path / "fields.h5", "rho", rho, grid, "1", {}, comm)
    write_field(shared_tmp_path / "fields.h5", "mu", rho, grid, "1", {}, comm)  # copies rho
    fields = sum(comm.allgather(own_reads() - before))
    before = own_reads()
    hat = part_of(np.random.default_rng(2).random(shape) + 1j, comm, axis=1)
    for step in (1, 2, 3):
        write_checkpoint(shared_tmp_path / "checkpoints", {"rho": rho, "hat": hat}, {}, comm, step)
    checkpoints = sum(comm.allgather(own_reads() - before))
    slack = 1.02
    assert fields <= slack * 3 * 8 * size**3 + 2e5 * comm.size
    assert checkpoints <= slack * 3 * 24 * size**3 + 2e5 * comm.size
    assert on_root(comm, lambda: len(list((shared_tmp_path / "checkpoints").iterdir()))) == 2
