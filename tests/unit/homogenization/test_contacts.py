"""Electrodes that touch a part of the ends: networks of resistors solved apart, and Holm's constriction resistance."""

import json

import numpy as np
import pytest
from helpers.direct import by_label, face_conductivities, plate_volumes
from PIL import Image

import pfsolid as pf

# Potential at a charge of a square lattice of unit charges and edge in a neutral plane, without its own: a 2-D Madelung sum.
MADELUNG = -3.900265
SIGMA = {0: 0.0, 1: 1e-3, 2: [1e-3, 3e-3, 2e-3]}
SPACING = (20.0, 15.0, 25.0)


def by_network(labels, axis, masks) -> float:
    """sigma_eff (S/cm) of labels (x, y, z) between plates that touch the faces of two masks."""
    tensors = by_label(labels, SIGMA)
    ends = tensors[..., axis, axis].copy()
    for end, mask in zip((0, -1), masks):
        plane = [slice(None)] * 3
        plane[axis] = end
        ends[tuple(plane)] *= mask
    return plate_volumes(face_conductivities(labels, tensors, SPACING), ends, SPACING, axis)


@pytest.mark.parametrize("solver", ["multigrid", "fft", "petsc"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pictures_of_both_ends(solver, axis):
    if solver == "petsc":
        pytest.importorskip("petsc4py")
    rng = np.random.default_rng(axis)
    labels = rng.choice(3, (6, 7, 8), p=[0.2, 0.5, 0.3]).astype(np.uint8)
    shape = [n for other, n in enumerate(labels.shape) if other != axis]
    masks = [rng.random(shape) < 0.4 for _ in range(2)]
    found = pf.conductivity(labels.T, SIGMA, SPACING, "electrodes", "xyz"[axis], solver=solver, tolerance=1e-9,
                            contact=tuple(mask.T for mask in masks), fields=False)
    assert found.tensor[axis, axis] == pytest.approx(by_network(labels, axis, masks), rel=1e-7)
    plate = pf.conductivity(labels.T, SIGMA, SPACING, "electrodes", "xyz"[axis], tolerance=1e-9, contact=(None, masks[1].T),
                            fields=False)
    assert plate.tensor[axis, axis] == pytest.approx(by_network(labels, axis, [np.ones(shape), masks[1]]), rel=1e-7)


def test_what_no_contact_reaches_is_zero():
    """Two pillars; one plate touches the first, the other the second."""
    labels = np.zeros((4, 5, 6), np.uint8)  # z, y, x
    labels[:, 1, 1] = labels[:, 3, 4] = 1
    first, second = np.zeros((5, 6), bool), np.zeros((5, 6), bool)
    first[1, 1] = second[3, 4] = True
    options = dict(sigma={0: 0.0, 1: 1.0}, voxel_nm=1, boundary="electrodes", directions="z")
    apart = pf.conductivity(labels, contact=(first, second), **options)
    assert apart.tensor[2, 2] == 0 and not apart.percolates[2]
    through = pf.conductivity(labels, contact=(first, first), **options)
    assert through.tensor[2, 2] == pytest.approx(1 / 30)  # one column of thirty
    # with a resistance of R the column has L / sigma + R: 4 nm / 1 S/cm + 4e-7 ohm cm^2
    resisting = pf.conductivity(labels, contact=(first, None), plate_resistance=(4e-7, 0), **options)
    assert resisting.tensor[2, 2] == pytest.approx(1 / 60)


@pytest.mark.parametrize("n, thick, radius", [(32, 32, 6), (48, 40, 8.5)])
def test_a_disc_on_a_slab_adds_holms_resistance(n, thick, radius):
    """R = L/A + (1 / 4 a) (1 + 4 a M / (2 pi W) + ...): images of the disc in the insulating sides make a square lattice.

    The next term is of third order in a / W, 0.21 (2 a / W)^3 (Yovanovich's for a disc on a square channel): 1 % here.
    """
    found = pf.conductivity(np.ones((thick, n, n), int), {1: 1.0}, 1, "electrodes", "z", contact=radius)
    constriction = thick / (found.tensor[2, 2] * n**2) - thick / n**2
    holm = (1 + 4 * radius * MADELUNG / (2 * np.pi * n) + 0.20988 * (2 * radius / n) ** 3) / (4 * radius)
    assert constriction == pytest.approx(holm, rel=0.02)
    exact = thick / (n**2 * (thick / n**2 + holm))
    assert found.interval[0][2] < exact < found.interval[1][2]
    # The current enters through the disc: on the first plane it is (nearly) all under it, and most at its edge.
    current = found.current_density("z")[0, :, :, 2]
    y, x = np.indices((n, n)) + 0.5 - n / 2
    r = np.hypot(x, y)
    assert current[r > radius + 3].max() < 0.2 * current[r < radius - 2].min()
    assert current[(r > radius - 1.5) & (r < radius - 0.5)].mean() > 1.3 * current[r < radius / 2].mean()


def test_from_the_command_line(tmp_path, run_cli):
    labels = (np.random.default_rng(3).random((5, 6, 7)) < 0.8).astype(np.uint8)
    mask = np.zeros((6, 7), np.uint8)
    mask[1:4, 2:5] = 255
    np.save(tmp_path / "image.npy", labels)
    Image.fromarray(mask).save(tmp_path / "contact.png")
    command = ("conduct", tmp_path / "image.npy", "--voxel-nm", "10", "--sigma", "0=1e-5,1=1e-3", "--boundary", "electrodes",
               "--directions", "z", "--set", "output.figures=false")
    status, said, error = run_cli(*command, "--contact", f"{tmp_path / 'contact.png'},20", "-o", tmp_path / "out")
    assert not status, error
    found = pf.conductivity(labels, {0: 1e-5, 1: 1e-3}, 10, "electrodes", "z", contact=(mask > 0, 20), fields=False)
    stored = json.loads((tmp_path / "out" / "result.json").read_text())
    assert stored["sigma_eff_S_per_cm"][2][2] == found.tensor[2, 2]
    assert stored["contact"] == [str(tmp_path / "contact.png"), "20"]
    # L / (A sigma): 50 nm through 60 x 70 nm
    assert f"L / (A sigma) = {50e-7 / (60e-7 * 70e-7 * found.tensor[2, 2]):.4g}"[:-5] in said
    refused = [
        (("--contact", "5"), "from one voxel to half of the end"), (("--contact", "31"), "half of the end, 30"),
        (("--contact", "0"), "the radius of a disc"), (("--contact", ","), "the radius of a disc"),
        (("--contact", "none.png"), "none.png"), (("--contact", "image.npy"), "image.npy"),
        (("--contact", "20", "--boundary", "mirror"), 'needs image.boundary = "electrodes"'),
        (("--contact", "20", "--solver", "perturbation"), "perturbation"),
        (("--contact", str(tmp_path / "contact.png"), "--directions", "xz"), "a picture is of the ends along one axis"),
        (("--contact", str(tmp_path / "contact.png"), "--directions", "x"), "a picture of that end is needed"),
        (("--contact", "20", "--sigma", "0=1,1=[[1,.1,0],[.1,1,0],[0,0,1]]"), "full tensor")]
    for options, said in refused:
        parts = dict(zip(options[::2], options[1::2]))
        base = [one for name, value in zip(command[2::2], command[3::2]) if name not in parts for one in (name, value)]
        status, _, error = run_cli(*command[:2], *base, *options, "-o", tmp_path / "bad")
        assert status == 2 and said in error and error.count("\n") == 1, (options, error)
        assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("contact, said", [
    (np.zeros((6, 7), int), "0 everywhere"), (np.ones((7, 6), int), "a picture of that"),
    (np.ones((6, 7)), "whole numbers or bool"), (-1.0, "the radius of a disc"), (True, "the radius of a disc")])
def test_mistakes_in_python(contact, said):
    with pytest.raises(pf.InputError, match=said):
        pf.conductivity(np.ones((5, 6, 7), int), {1: 1.0}, 1, "electrodes", "z", contact=contact)
