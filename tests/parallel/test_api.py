"""The same script on any number of ranks: tensors to their tolerance, fields as the slabs that they say they are."""

import numpy as np
import pytest
from helpers.builders import ALONE

import pfsolid as pf

SIGMA = {0: 1e-5, 1: 1e-3, 2: 4e-3}
MATERIAL = {"surface_energy_J_per_m2": 0.3, "surface_depth_nm": 1.4}


def script(array, comm, **options):
    return pf.conductivity(array, SIGMA, voxel_nm=(20, 20, 25), tolerance=1e-9, comm=comm, threads=1, **options)


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_conductivity(comm, boundary):
    array = np.random.default_rng(1).integers(0, 3, (7, 8, 9)).astype(np.uint8)
    together, alone = script(array, comm, boundary=boundary), script(array, ALONE, boundary=boundary)
    # Solved to 1e-9.
    assert together.tensor == pytest.approx(alone.tensor, rel=1e-7, abs=1e-12, nan_ok=True)
    assert together.percolates == alone.percolates
    tensors = comm.allgather(together.tensor.tobytes())
    assert len(set(tensors)) == 1  # the same bits on every rank
    for name in "xyz":
        part, whole = together.current_density(name), alone.current_density(name)
        assert whole.shape == (7, 8, 9, 3)
        # Of first order in the error of the potential, whose energy is solved to 1e-9; single precision.
        assert part == pytest.approx(whole[together.current_slices(name)], rel=1e-3, abs=1e-3 * np.abs(whole).max())
        covered = np.zeros((7, 8, 9), int)
        for slices in comm.allgather(together.current_slices(name)):
            covered[slices] += 1
        assert np.all(covered == 1)


def test_files_are_read_slab_by_slab(comm, shared_tmp_path):
    array = np.random.default_rng(1).integers(0, 3, (7, 8, 9)).astype(np.uint8)
    if comm.rank == 0:
        np.save(shared_tmp_path / "image.npy", array)
    comm.Barrier()
    image = pf.read_image(shared_tmp_path / "image.npy")
    assert np.array_equal(script(image, comm).tensor, script(array, comm).tensor)


@pytest.mark.ranks(2, 3)
def test_parts_of_an_array_are_not_taken_for_the_whole(comm):
    array = np.random.default_rng(comm.rank).integers(0, 3, (6, 6, 6))
    with pytest.raises(pf.InputError, match="not that of rank 0: with comm every rank is given the whole array"):
        script(array, comm)


@pytest.mark.ranks(2, 3)
def test_mistakes_are_raised_on_every_rank(comm):
    with pytest.raises(pf.InputError, match="label 3 has no conductivity"):
        script(np.arange(4).repeat(54).reshape(6, 6, 6), comm)


def test_grow_measure_conduct(comm):
    def sample(comm):
        return pf.grow((8, 12, 16), 0.7, 0.4, until=25, seed=2, comm=comm, threads=1, **MATERIAL)

    together, alone = sample(comm), sample(ALONE)
    # The noise is the same; sums are not in the same order, and the growth amplifies it.
    assert together.density == pytest.approx(alone.density[together.slices], abs=1e-6)
    image = together.image.to_array()
    assert image.shape == (8, 12, 16) and np.mean(image != alone.image.to_array()) < 1e-3
    assert together.measure().connectivity == alone.measure().connectivity
    sigma = {"bulk": 1e-3, "surface": 5e-3, "pore": 1e-6}
    found = together.conductivity(sigma)
    assert found.tensor == pytest.approx(alone.conductivity(sigma).tensor, rel=1e-3)  # to the tolerances
    assert found.current_density("y").shape == (*together.density.shape, 3)


def test_measure(comm):
    array = np.random.default_rng(3).integers(0, 2, (8, 9, 10)).astype(np.uint8)
    together, alone = (pf.measure(array, voxel_nm=2, filler=0, comm=one, threads=1) for one in (comm, ALONE))
    assert together.connectivity == alone.connectivity
    assert together.area_per_nm == pytest.approx(alone.area_per_nm, rel=1e-7)


@pytest.mark.ranks(2)
def test_without_comm_every_rank_computes_the_whole_and_it_is_said_once(comm, recwarn):
    array = np.random.default_rng(1).integers(0, 2, (4, 4, 4))
    for _ in range(2):
        pf.conductivity(array, SIGMA, voxel_nm=1)
    said = [one for one in recwarn if "every rank computes the whole" in str(one.message)]
    assert len(said) == (comm.rank == 0)


def test_sub_volumes_are_shared_out(comm):
    """Each is solved by one rank, as it is on one; the whole image by all, to 1e-8."""
    labels = (np.random.default_rng(2).random((9, 10, 12)) < 0.7).astype(np.uint8)
    options = dict(voxel_nm=10, boundary="electrodes", directions="z", sizes=[4, 3], tolerance=1e-8, threads=1)
    together, alone = (pf.rev(labels, {0: 0, 1: 1.0}, comm=one, **options) for one in (comm, ALONE))
    assert together.subvolumes.keys() == alone.subvolumes.keys()
    for name, column in together.subvolumes.items():
        assert np.array_equal(column[:-1], alone.subvolumes[name][:-1])
        assert column[-1] == pytest.approx(alone.subvolumes[name][-1], rel=1e-6)
    one, other = together.of("sigma_zz"), alone.of("sigma_zz")
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-6)
    with pytest.raises(pf.InputError, match="label 1 has no conductivity"):
        pf.rev(labels, {0: 1.0}, comm=comm, **options)


@pytest.mark.parametrize("solver", ["multigrid", "fft"])
def test_contacts(comm, solver):
    """Patches on the first and the last plate lie on the first and the last rank."""
    labels = (np.random.default_rng(4).random((9, 8, 7)) < 0.7).astype(np.uint8)
    masks = tuple(np.random.default_rng(seed).random((8, 7)) < 0.5 for seed in range(2))
    together, alone = (pf.conductivity(labels, {0: 0.0, 1: 1.0}, 1, "electrodes", "z", contact=masks, solver=solver,
                                       tolerance=1e-9, comm=one, threads=1, fields=False) for one in (comm, ALONE))
    assert together.tensor[2, 2] > 0 and together.tensor[2, 2] == pytest.approx(alone.tensor[2, 2], rel=1e-7)
    walls = np.arange(7, dtype=np.uint8) % 2 + 0 * labels
    first, last = (np.arange(7) == x + np.zeros((8, 1), int) for x in (1, 3))  # the one wall, and another
    blocked = pf.conductivity(walls, {0: 0.0, 1: 1.0}, 1, "electrodes", "z", contact=(first, last), comm=comm, threads=1)
    assert blocked.tensor[2, 2] == 0


@pytest.mark.ranks(1, 3)
def test_more_than_65536_labels(comm):
    """As the image with the labels merged, to the last bit, in slabs too; ranks 1 and 2 see only labels above 16 bits."""
    two = (np.random.default_rng(3).random((42, 41, 43)) < 0.95).astype(np.uint8)
    many = np.where(two == 0, 0, 1 + np.arange(two.size).reshape(two.shape)).astype(np.uint32)
    assert many.max() > 65536
    sigma = {int(label): 1e-3 for label in np.unique(many)} | {0: 0.0}
    options = dict(voxel_nm=10, directions="x", tolerance=1e-3, comm=comm, threads=1, fields=False)
    found = pf.conductivity(many, sigma, **options)
    assert np.array_equal(found.tensor, pf.conductivity(two, {0: 0, 1: 1e-3}, **options).tensor, equal_nan=True)


@pytest.mark.ranks(2, 3)
def test_two_carriers(comm):
    """What is reached, areas, tortuosity, profiles and front, in slabs as on one rank."""
    labels = np.random.default_rng(2).choice(3, (9, 8, 10), p=(0.1, 0.5, 0.4))
    carriers = {"ion": {1: 1e-3, 2: 1e-6}, "electron": {2: 5e-3}}
    options = dict(voxel_nm=100, tolerance=1e-9, threads=1, exchange_current=2.0, directions="xz")
    together, alone = (pf.electrode(labels, carriers, comm=one, **options) for one in (comm, ALONE))
    for axis in "xz":
        one, other = together.along(axis).to_dict(), alone.along(axis).to_dict()
        assert one["active_reached_by"] == other["active_reached_by"]
        for name in ("ambipolar_S_per_cm", "active_area_per_nm", "electrode_tortuosity", "electrolyte_fraction"):
            assert one[name] == pytest.approx(other[name], rel=1e-6), name  # solved to 1e-9
    for name, column in together.profiles.items():
        if name not in ("along", "carrier"):
            # Of first order in the error of the potential.
            assert column == pytest.approx(alone.profiles[name], rel=1e-3)
