"""Checkpoints and fields: round trips between rank counts, both write paths, damage, full disks."""

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers.files import write_field

from pfsolid.errors import CheckpointError, OutputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io import files, hdf5, series, transfer, xdmf
from pfsolid.io.checkpoint import checkpoint_path, list_checkpoints, load_latest, read_checkpoint, write_checkpoint
from pfsolid.io.hdf5 import DistributedArray, h5py
from pfsolid.spectral.transform import SlabTransform

SHAPE = (5, 7, 4)  # not divisible by any of the rank counts
STATE = {"time": 0.1 + 0.2, "step": 12, "names": ["a", "ü"], "rng": {"key": [2**64 - 1, 3], "tiny": 5e-324},
         "none": None}
EXPECTED = {"rho": SHAPE, "hat": SHAPE}


@pytest.fixture(params=["parallel", "serial"])
def write_path(request, monkeypatch):
    """Both ways to write; small pieces, so that each array takes several."""
    monkeypatch.setenv(hdf5.SERIAL_SWITCH, "1" if request.param == "serial" else "0")
    monkeypatch.setattr(transfer, "PIECE_BYTES", 500)
    return request.param


def slab(shape, axis, comm):
    """This rank's part of an axis cut into nearly equal slabs (some empty, with more ranks than planes)."""
    start, stop = (shape[axis] * r // comm.Get_size() for r in (comm.Get_rank(), comm.Get_rank() + 1))
    return tuple(slice(start, stop) if i == axis else slice(0, n) for i, n in enumerate(shape))


def distribute(values, axis, comm):
    slices = slab(values.shape, axis, comm)
    return DistributedArray(values[slices].copy(), values.shape, slices)


def global_values(dtype="f8", shape=SHAPE, seed=1):
    values = np.random.default_rng(seed).standard_normal(2 * int(np.prod(shape))).reshape(2, *shape)
    if np.dtype(dtype).kind == "c":
        return (values[0] + 1j * values[1]).astype(dtype)
    return (100 * values[0]).astype(dtype)


def save(folder, comm, step, seed=1):
    arrays = {"rho": distribute(global_values("f8", seed=seed), 0, comm),
              "hat": distribute(global_values("c16", seed=seed), 1, comm)}
    return write_checkpoint(folder, arrays, dict(STATE, step=step), comm, step)


def assert_intact(checkpoint, comm, seed=1):
    for name, dtype, axis in (("rho", "f8", 0), ("hat", "c16", 1)):
        slices = slab(SHAPE, axis, comm)
        assert np.array_equal(checkpoint.load(name, slices), global_values(dtype, seed=seed)[slices])


def on_one_rank(comm, function, *arguments):
    """Do something to files on rank 0, the others waiting."""
    comm.Barrier()
    if comm.rank == 0:
        function(*arguments)
    comm.Barrier()


# --- round trips --------------------------------------------------------------------------------------------


def test_checkpoint_is_exact_for_every_dtype_and_division(comm, shared_tmp_path, write_path):
    arrays = {dtype: global_values(dtype) for dtype in ("f8", "f4", "c16", "c8", "u1", "i8")}
    for dtype in ("f8", "f4", "c16", "c8"):
        arrays[dtype].flat[:4] = np.nan, -0.0, np.inf, 1e-310
    for step, axis in enumerate(range(3)):
        parts = {name: distribute(values, axis, comm) for name, values in arrays.items()}
        path = write_checkpoint(shared_tmp_path, parts, STATE, comm, step)
        checkpoint = read_checkpoint(path, comm, {name: SHAPE for name in arrays})
        assert checkpoint.state == STATE and checkpoint.step == step
        slices = slab(SHAPE, (axis + 1) % 3, comm)
        for name, values in arrays.items():
            loaded = checkpoint.load(name, slices)
            assert loaded.dtype == values.dtype and loaded.tobytes() == values[slices].tobytes()


def test_any_rank_count_reads_what_another_wrote(comm, shared_tmp_path, write_path):
    for writers in range(1, comm.size + 1):
        group = comm.Split(comm.rank >= writers, comm.rank)
        if comm.rank < writers:
            save(shared_tmp_path, group, step=writers)
        group.Free()
        comm.Barrier()
        for readers in range(1, comm.size + 1):
            group = comm.Split(comm.rank >= readers, comm.rank)
            if comm.rank < readers:
                checkpoint = read_checkpoint(checkpoint_path(shared_tmp_path, writers), group, EXPECTED)
                assert checkpoint.attributes["num_ranks"] == writers
                assert_intact(checkpoint, group)
            group.Free()


def test_what_one_path_writes_the_other_reads(comm, shared_tmp_path, monkeypatch):
    for write, read in (("0", "1"), ("1", "0")):
        monkeypatch.setenv(hdf5.SERIAL_SWITCH, write)
        path = save(shared_tmp_path, comm, step=1)
        monkeypatch.setenv(hdf5.SERIAL_SWITCH, read)
        assert_intact(read_checkpoint(path, comm), comm)


def test_ranks_with_nothing_to_write_take_part(comm, shared_tmp_path, write_path):
    values = global_values(shape=(1, 9, 3))
    path = write_checkpoint(shared_tmp_path, {"a": distribute(values, 0, comm)}, {}, comm, 0)
    slices = slab(values.shape, 0, comm)
    assert np.array_equal(read_checkpoint(path, comm).load("a", slices), values[slices])


def test_root_alone_gives_the_state(comm, shared_tmp_path):
    state = {"from": np.int64(comm.rank), "list": np.arange(2.0)}
    path = write_checkpoint(shared_tmp_path, {}, state, comm, 3)
    assert read_checkpoint(path, comm).state == {"from": 0, "list": [0.0, 1.0]}


def test_buffers_of_the_transform_survive(comm, shared_tmp_path, write_path):
    if comm.size > min(SHAPE[:2]):
        pytest.skip("more ranks than planes")
    grid = PeriodicGrid(SHAPE, (1.0, 1.0, 1.0))
    transform = SlabTransform(grid, comm, planning="estimate")
    transform.real[...] = global_values()[transform.local_slice]
    spectrum = transform.forward().copy()
    half = SHAPE[:2] + (SHAPE[2] // 2 + 1,)
    arrays = {"hat": DistributedArray(transform.spectral, half, transform.spectral_slice)}
    path = write_checkpoint(shared_tmp_path, arrays, {}, comm, 1)
    checkpoint = read_checkpoint(path, comm, {"hat": half})
    assert np.array_equal(checkpoint.load("hat", transform.spectral_slice), spectrum)
    transform.close()


# --- refusals -----------------------------------------------------------------------------------------------


def test_every_damage_is_refused_on_every_rank(comm, shared_tmp_path):
    path = save(shared_tmp_path, comm, step=1)
    rng = np.random.default_rng(comm.bcast(7))
    whole = path.read_bytes()
    comm.Barrier()
    for trial in range(40):
        damaged = bytearray(whole)
        if trial % 4 == 0:
            del damaged[rng.integers(len(whole)):]
        else:
            damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        on_one_rank(comm, path.write_bytes, damaged)
        with pytest.raises(CheckpointError, match=path.name):
            read_checkpoint(path, comm)
        comm.Barrier()
    on_one_rank(comm, lambda: path.write_bytes(whole))
    assert_intact(read_checkpoint(path, comm), comm)


def test_seal_of_several_blocks_finds_damage_in_any(comm, shared_tmp_path, monkeypatch):
    monkeypatch.setattr("pfsolid.io.seal.BLOCK_BYTES", 256)
    path = save(shared_tmp_path, comm, step=1)
    assert_intact(read_checkpoint(path, comm), comm)
    whole = path.read_bytes()
    for place in range(300, len(whole), len(whole) // 12):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        on_one_rank(comm, path.write_bytes, damaged)
        with pytest.raises(CheckpointError, match="damaged"):
            read_checkpoint(path, comm)
    # Two blocks exchanged: the checksums are the same ones in another order.
    start = 512 + 256 * ((len(whole) - 512) // 512)
    swapped = whole[:512] + whole[start:start + 256] + whole[768:start] + whole[512:768] + whole[start + 256:]
    assert len(swapped) == len(whole) and swapped != whole
    on_one_rank(comm, lambda: path.write_bytes(swapped))
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path, comm)


def test_load_latest_goes_back_to_the_last_good_one(comm, shared_tmp_path):
    save(shared_tmp_path, comm, step=100, seed=100)
    newer = save(shared_tmp_path, comm, step=200, seed=200)
    checkpoint, refusals = load_latest(shared_tmp_path, comm)
    assert checkpoint.step == 200 and refusals == []

    on_one_rank(comm, lambda: newer.write_bytes(newer.read_bytes()[:-100]))
    checkpoint, refusals = load_latest(shared_tmp_path, comm, EXPECTED)
    assert checkpoint.step == 100 and checkpoint.state["step"] == 100
    assert len(refusals) == 1 and newer.name in refusals[0] and "truncated" in refusals[0]
    assert_intact(checkpoint, comm, seed=100)

    on_one_rank(comm, lambda: checkpoint.path.write_bytes(b"hello"))
    with pytest.raises(CheckpointError) as refused:
        load_latest(shared_tmp_path, comm)
    assert newer.name in str(refused.value) and checkpoint.path.name in str(refused.value)


def test_load_latest_without_any(comm, shared_tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_latest(shared_tmp_path, comm)
    with pytest.raises(CheckpointError, match="does not exist"):
        load_latest(shared_tmp_path / "none", comm)


def test_missing_array_wrong_shape_and_foreign_slices(comm, shared_tmp_path):
    path = save(shared_tmp_path, comm, step=1)
    with pytest.raises(CheckpointError, match="no array mu .it has hat, rho"):
        read_checkpoint(path, comm, {"mu": SHAPE})
    with pytest.raises(CheckpointError, match=r"rho has shape \(5, 7, 4\), and \(5, 7, 8\) is needed"):
        read_checkpoint(path, comm, {"rho": (5, 7, 8)})
    checkpoint = read_checkpoint(path, comm)
    with pytest.raises(CheckpointError, match="no array mu"):
        checkpoint.load("mu", slab(SHAPE, 0, comm))
    outside = (slice(4, 6), slice(0, 7), slice(0, 4)) if comm.rank == comm.size - 1 else slab(SHAPE, 0, comm)
    with pytest.raises(CheckpointError, match="does not contain"):  # on the last rank only, raised on all
        checkpoint.load("rho", outside)


# --- keeping two --------------------------------------------------------------------------------------------


def names(folder):
    return [path.name for path in list_checkpoints(folder)]


def test_last_two_are_kept(comm, shared_tmp_path):
    for step in (1, 2, 3, 4):
        save(shared_tmp_path, comm, step)
        comm.Barrier()
    assert names(shared_tmp_path) == ["step_00000004.h5", "step_00000003.h5"]
    assert sorted(p.name for p in shared_tmp_path.iterdir()) == names(shared_tmp_path)[::-1]


def test_older_ones_stay_until_two_good_ones_exist(comm, shared_tmp_path):
    save(shared_tmp_path, comm, 100, seed=100)
    damaged = save(shared_tmp_path, comm, 200)
    on_one_rank(comm, lambda: damaged.write_bytes(damaged.read_bytes()[:-1]))
    save(shared_tmp_path, comm, 300)
    assert names(shared_tmp_path) == ["step_00000300.h5", "step_00000100.h5"]
    assert_intact(read_checkpoint(checkpoint_path(shared_tmp_path, 100), comm), comm, seed=100)


def test_later_steps_of_a_history_that_was_left_are_dropped(comm, shared_tmp_path):
    save(shared_tmp_path, comm, 100)
    save(shared_tmp_path, comm, 200)
    save(shared_tmp_path, comm, 150)
    assert names(shared_tmp_path) == ["step_00000150.h5", "step_00000100.h5"]


def test_rewriting_a_step_and_leftovers_of_a_killed_run(comm, shared_tmp_path):
    leftover = files.temporary_name(checkpoint_path(shared_tmp_path, 5))
    on_one_rank(comm, lambda: leftover.write_bytes(b"half a checkpoint"))
    save(shared_tmp_path, comm, 6, seed=6)
    save(shared_tmp_path, comm, 6, seed=7)
    assert not leftover.exists() and names(shared_tmp_path) == ["step_00000006.h5"]
    assert_intact(load_latest(shared_tmp_path, comm)[0], comm, seed=7)


# --- places that cannot be written --------------------------------------------------------------------------


def test_folder_that_is_a_file(comm, shared_tmp_path):
    on_one_rank(comm, lambda: (shared_tmp_path / "checkpoints").write_text("not a folder"))
    with pytest.raises(OutputError, match="it is a file, not a directory"):
        save(shared_tmp_path / "checkpoints", comm, 1)


def test_space_is_checked_before_anything_is_written(comm, shared_tmp_path, monkeypatch):
    save(shared_tmp_path, comm, 1)
    monkeypatch.setattr(files, "free_bytes", lambda folder: 2 * 2**20)
    big = np.zeros((int(comm.rank == 0), 3 * 2**17))
    array = DistributedArray(big, (1, 3 * 2**17), (slice(0, len(big)), slice(0, 3 * 2**17)))
    with pytest.raises(OutputError, match=r"step_00000002.h5: it needs 3\.\d MiB and only 2.0 MiB are free"):
        write_checkpoint(shared_tmp_path, {"a": array}, {}, comm, 2)
    assert names(shared_tmp_path) == ["step_00000001.h5"]
    with pytest.raises(OutputError, match="only 2.0 MiB are free"):
        write_field(shared_tmp_path / "fields.h5", "a", DistributedArray(
            big[..., None], (1, 3 * 2**17, 1), (*array.slices, slice(0, 1))),
            PeriodicGrid((1, 3 * 2**17, 1), (1.0, 1.0, 1.0)), "1", {}, comm)


@pytest.fixture
def small_disk(comm, shared_tmp_path):
    """A file system of 2 MiB."""
    folder = shared_tmp_path / "disk"
    mounted = None
    if comm.rank == 0:
        folder.mkdir()
        mounted = shutil.which("mount") is not None and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True).returncode == 0
    if not comm.bcast(mounted):
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    comm.Barrier()
    if comm.rank == 0:
        subprocess.run(["umount", folder], check=True)


def big_array(comm, num_planes=40):
    """3 MiB at 40 planes."""
    return distribute(np.random.default_rng(3).random((num_planes, 100, 100)), 0, comm)


@pytest.mark.parametrize("path", ["parallel", "parallel without fallocate", "serial"])
def test_disk_full_while_a_checkpoint_is_written(comm, small_disk, monkeypatch, path):
    monkeypatch.setenv(hdf5.SERIAL_SWITCH, "1" if path == "serial" else "0")
    if path == "parallel without fallocate":
        monkeypatch.setattr(transfer, "_fallocate", lambda *arguments: False)
    save(small_disk, comm, 1)
    monkeypatch.setattr(files, "free_bytes", lambda folder: 2**60)  # a quota, of which statvfs knows nothing
    with pytest.raises(OutputError, match="cannot write .*step_00000002.h5: No space left on device"):
        write_checkpoint(small_disk, {"a": big_array(comm)}, {}, comm, 2)
    comm.Barrier()
    assert [p.name for p in small_disk.iterdir()] == ["step_00000001.h5"]
    checkpoint, refusals = load_latest(small_disk, comm, EXPECTED)
    assert refusals == []
    assert_intact(checkpoint, comm)
    save(small_disk, comm, 3)  # the run can go on as soon as there is room
    assert names(small_disk) == ["step_00000003.h5", "step_00000001.h5"]


def fill(disk):
    with pytest.raises(OSError, match="No space"), open(disk / "ballast", "wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass


@pytest.mark.parametrize("when", ["before", "HDF5 is at work", "its metadata are written"])
def test_disk_without_room_for_anything(comm, small_disk, monkeypatch, when):
    save(small_disk, comm, 1)
    monkeypatch.setattr(files, "free_bytes", lambda folder: 2**60)
    name = {"HDF5 is at work": "_in_memory", "its metadata are written": "_copy_with_holes"}.get(when)
    if name:
        call = getattr(hdf5, name)
        monkeypatch.setattr(hdf5, name, lambda *arguments: fill(small_disk) or call(*arguments))
    elif comm.rank == 0:
        fill(small_disk)
    comm.Barrier()
    with pytest.raises(OutputError, match="No space left on device"):
        save(small_disk, comm, 2)
    comm.Barrier()
    assert sorted(p.name for p in small_disk.iterdir()) == ["ballast", "step_00000001.h5"]


@pytest.mark.parametrize("path", ["parallel", "serial"])
def test_disk_full_while_a_field_is_added(comm, small_disk, monkeypatch, path):
    monkeypatch.setenv(hdf5.SERIAL_SWITCH, "1" if path == "serial" else "0")
    grid = PeriodicGrid((10, 100, 100), (1.0, 1.0, 1.0))
    array = big_array(comm, 10)
    write_field(small_disk / "fields.h5", "rho", array, grid, "1", {}, comm)  # 0.8 MiB
    monkeypatch.setattr(files, "free_bytes", lambda folder: 2**60)
    with pytest.raises(OutputError, match="cannot write .*/fields.h5: No space left on device"):
        write_field(small_disk / "fields.h5", "mu", array, grid, "1", {}, comm)
    comm.Barrier()
    assert [p.name for p in small_disk.iterdir()] == ["fields.h5"]
    assert np.array_equal(series.read_field(small_disk / "fields.h5", "rho", array.slices, comm), array.local)


@pytest.mark.ranks(2, 3, 4)
def test_writes_that_were_lost_silently_are_noticed(comm, shared_tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_write_collectively", lambda *arguments: None)
    if not hdf5.has_parallel_hdf5():
        pytest.skip("needs parallel HDF5")
    with pytest.raises(OutputError, match="does not read back as it was written"):
        save(shared_tmp_path, comm, 1)
    comm.Barrier()
    assert list(shared_tmp_path.iterdir()) == []


@pytest.mark.ranks(2, 3, 4)
def test_folder_that_not_all_nodes_share(comm, shared_tmp_path, monkeypatch):
    if comm.rank == comm.size - 1:
        exists = Path.exists
        monkeypatch.setattr(Path, "exists", lambda path: not path.name.endswith(".part") and exists(path))
    seen = f"rank {comm.size - 1} on .* does not see the file; its directory must be one that all nodes share"
    with pytest.raises(OutputError, match=f"cannot write .*step_00000001.h5: {seen}"):
        save(shared_tmp_path, comm, 1)
    grid, array = PeriodicGrid(SHAPE, (1.0, 1.0, 1.0)), distribute(global_values(), 0, comm)
    monkeypatch.undo()
    write_field(shared_tmp_path / "fields.h5", "rho", array, grid, "1", {}, comm)
    if comm.rank == comm.size - 1:
        monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(CheckpointError, match=f"cannot read .*fields.h5: {seen}"):
        series.read_field(shared_tmp_path / "fields.h5", "rho", array.slices, comm)


# --- fields -------------------------------------------------------------------------------------------------

GRID = PeriodicGrid((4, 6, 3), (0.5, 0.25, 2.0))


def position_codes(grid, comm):
    """100 x + 10 y + z, and this rank's part of it."""
    x, y, z = np.ogrid[tuple(map(slice, grid.shape))]
    return 100.0 * x + 10.0 * y + z, slab(grid.shape, 0, comm)


def test_field_is_stored_with_z_first(comm, shared_tmp_path, write_path):
    codes, slices = position_codes(GRID, comm)
    path = shared_tmp_path / "fields.h5"
    record = {"seed": 3, "run": {"of": None}}
    write_field(path, "rho", distribute(codes, 0, comm), GRID, "1", record, comm)
    with h5py.File(path, "r") as file:
        assert np.array_equal(file["rho"][()], codes.transpose(2, 1, 0))
        assert file["rho"].attrs["axes"] == "z y x" and file["rho"].attrs["units"] == "1"
        assert file["rho"].attrs["spacing_nm"].tolist() == [2.0, 0.25, 0.5]
        assert file.attrs["seed"] == 3 and json.loads(file.attrs["run"]) == {"of": None}
    read = series.read_field(path, "rho", slices, comm)
    assert np.array_equal(read, codes[slices]) and read.flags.c_contiguous
    across = slab(GRID.shape, 1, comm)
    assert np.array_equal(series.read_field(path, "rho", across, comm), codes[across])
    info = series.describe_field(path, "rho", comm)
    assert info.grid_nm == GRID and info.units == "1" and info.num_components == 1


def test_fields_are_added_replaced_and_cast(comm, shared_tmp_path, write_path):
    codes, slices = position_codes(GRID, comm)
    path = shared_tmp_path / "fields.h5"
    write_field(path, "rho", distribute(codes, 0, comm), GRID, "1", {"seed": 3}, comm)
    vector = np.stack([codes, -codes, 2 * codes], axis=-1)
    series.write_fields(path, {"J": series.Field(distribute(vector, 0, comm), "A/m2", dtype="float32"),
                               "phase": series.Field(distribute(codes, 0, comm), "1", dtype="u1")},
                        GRID, {}, comm)
    replaced = distribute(1 + codes.astype("u1"), 0, comm)
    write_field(path, "phase", replaced, GRID, "1", {"seed": 4}, comm)
    assert series.list_fields(path) == ["J", "phase", "rho"]
    assert np.array_equal(series.read_field(path, "rho", slices, comm), codes[slices])
    stored = series.read_field(path, "J", slices, comm)
    assert stored.dtype == np.float32 and np.array_equal(stored, vector[slices].astype("f4"))
    assert np.array_equal(series.read_field(path, "phase", slices, comm), 1 + codes[slices].astype("u1"))
    info = series.describe_field(path, "J", comm)
    assert info.num_components == 3 and info.units == "A/m2" and info.file_attributes["seed"] == 4


def test_field_on_another_grid_or_into_a_foreign_file_is_refused(comm, shared_tmp_path):
    codes, _ = position_codes(GRID, comm)
    array = distribute(codes, 0, comm)
    path = shared_tmp_path / "fields.h5"
    write_field(path, "rho", array, GRID, "1", {}, comm)
    with pytest.raises(OutputError, match="its field rho has another grid"):
        write_field(path, "mu", array, PeriodicGrid(GRID.shape, (1.0, 1.0, 1.0)), "1", {}, comm)
    with pytest.raises(OutputError, match="is not on the grid"):
        write_field(path, "mu", array, PeriodicGrid((4, 6, 5), (1.0, 1.0, 1.0)), "1", {}, comm)
    foreign = shared_tmp_path / "foreign.h5"
    on_one_rank(comm, lambda: foreign.write_text("my notes"))
    with pytest.raises(OutputError, match="foreign.h5"):
        write_field(foreign, "rho", array, GRID, "1", {}, comm)
    assert foreign.read_text() == "my notes"
    with pytest.raises(OutputError, match="No such file or directory"):
        write_field(shared_tmp_path / "gone" / "fields.h5", "rho", array, GRID, "1", {}, comm)


def test_unreadable_fields_are_refused(comm, shared_tmp_path):
    codes, slices = position_codes(GRID, comm)
    path = shared_tmp_path / "fields.h5"
    with pytest.raises(CheckpointError, match="fields.h5 does not exist"):
        series.read_field(path, "rho", slices, comm)
    write_field(path, "rho", distribute(codes, 0, comm), GRID, "1", {}, comm)
    with pytest.raises(CheckpointError, match="no field mu .it has rho"):
        series.read_field(path, "mu", slices, comm)
    with pytest.raises(CheckpointError, match="does not contain"):
        series.read_field(path, "rho", (slice(0, 5), slice(0, 6), slice(0, 3)), comm)
    on_one_rank(comm, lambda: path.write_bytes(path.read_bytes()[:-50]))
    with pytest.raises(CheckpointError, match="fields.h5"):
        series.read_field(path, "rho", slices, comm)


def test_only_fields_of_pfsolid_are_read(comm, shared_tmp_path):
    path = shared_tmp_path / "foreign.h5"

    def write():
        with h5py.File(path, "w") as file:
            file["rho"] = np.zeros((3, 3, 3))
            file.create_group("group").attrs["axes"] = "z y x"

    on_one_rank(comm, write)
    for name in ("rho", "group"):
        with pytest.raises(CheckpointError, match=f"{name} is not a field of pfsolid"):
            series.describe_field(path, name, comm)


@pytest.mark.parametrize("grid", [GRID, PeriodicGrid((4, 6, 1), (0.5, 0.25, 2.0))])
def test_xdmf_describes_the_file(comm, shared_tmp_path, grid):
    """Seen with VTK 9.7's reader: cell (i, j, k) is at its place and has the value 100 i + 10 j + k."""
    codes, _ = position_codes(grid, comm)
    vector = np.stack([codes, -codes, 2 * codes], axis=-1)
    path = shared_tmp_path / "fields.h5"
    series.write_fields(path, {"rho": series.Field(distribute(codes, 0, comm), "1"),
                               "solid": series.Field(distribute(codes > 100, 0, comm), "1"),
                               "J": series.Field(distribute(vector, 0, comm), "A/m2", dtype="f4")},
                        grid, {}, comm)
    root = ElementTree.parse(xdmf.write_xdmf(path, comm)).getroot()
    described, = root.iter("Grid")
    assert described.find("Topology").attrib == {
        "TopologyType": "3DCoRectMesh", "Dimensions": " ".join(str(n + 1) for n in grid.shape[::-1])}
    origin, spacing = (item.text for item in described.find("Geometry"))
    assert origin == "0 0 0" and spacing == "2.0 0.25 0.5"
    found = {}
    for attribute in described.findall("Attribute"):
        item, = attribute
        name, dataset = item.text.split(":/")
        with h5py.File(shared_tmp_path / name, "r") as file:
            assert item.get("Dimensions") == " ".join(map(str, file[dataset].shape))
            assert int(item.get("Precision")) == file[dataset].dtype.itemsize
        assert attribute.get("Center") == "Cell"
        found[attribute.get("Name")] = attribute.get("AttributeType"), item.get("NumberType")
    assert found == {"rho": ("Scalar", "Float"), "solid": ("Scalar", "UChar"), "J": ("Vector", "Float")}


def test_axes_have_names_and_places(comm, shared_tmp_path):
    """Dimension scales, as netCDF and xarray read them; they are no fields."""
    path = shared_tmp_path / "fields.h5"
    grid = PeriodicGrid(SHAPE, (0.5, 1.0, 2.0))
    array = distribute(global_values(), 0, comm)
    vector = DistributedArray(np.stack([array.local] * 3, axis=-1), (*SHAPE, 3), (*array.slices, slice(0, 3)))
    write_field(path, "rho", array, grid, "1", {}, comm)
    write_field(path, "J", vector, grid, "A/m^2", {}, comm)
    write_field(path, "mu", array, grid, "1", {}, comm)
    assert series.list_fields(path) == ["J", "mu", "rho"]
    with h5py.File(path, "r") as file:
        for name in ("rho", "mu", "J"):
            scales = [dimension[0] for dimension in file[name].dims]
            assert [scale.name for scale in scales] == ["/z", "/y", "/x", "/component"][:file[name].ndim]
            assert [scale.size for scale in scales] == list(file[name].shape)
        assert file["x"].attrs["units"] == "nm"
        assert np.array_equal(file["z"][()], [1.0, 3.0, 5.0, 7.0])  # centres of four voxels of 2 nm
    comm.Barrier()
    assert "DIMENSION_LIST" not in series.describe_field(path, "rho", comm).attributes


def test_every_grid_of_an_xdmf_file_has_a_time(comm, shared_tmp_path):
    """Else pyvista.read fails."""
    rho = distribute(global_values(), 0, comm)
    write_field(shared_tmp_path / "fields.h5", "rho", rho, PeriodicGrid(SHAPE, (1.0,) * 3), "1", {}, comm)
    grid = ElementTree.parse(xdmf.write_xdmf(shared_tmp_path / "fields.h5", comm)).find(".//Grid")
    assert float(grid.find("Time").get("Value")) == 0.0


def test_snapshots(comm, shared_tmp_path):
    codes, slices = position_codes(GRID, comm)
    folder = shared_tmp_path / "snapshots"
    for step in (0, 10, 20, 10):
        field = series.Field(distribute(codes + step, 0, comm), "1")
        series.write_snapshot(folder, step, 0.5 * step, {"rho": field}, GRID, {"seed": 1}, comm)
    comm.Barrier()
    assert [p.name for p in series.list_snapshots(folder)] == [f"rho_000000{s:02}.h5" for s in (0, 10, 20)]
    read = series.read_field(folder / "rho_00000010.h5", "rho", slices, comm)
    assert np.array_equal(read, codes[slices] + 10)
    comm.Barrier()
    series.drop_snapshots_after(folder, 10, comm)
    text = xdmf.write_series_xdmf(folder, comm).read_text()
    assert text.count("<Time") == 2 and '<Time Value="5.0"/>' in text and "rho_00000010.h5:/rho" in text
