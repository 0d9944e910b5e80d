"""Grains of images, measured: exact cases, what foreign files say of orientations, the command."""

import csv
import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import pfsolid as pf
from pfsolid.errors import InputError
from pfsolid.io.images.neper import bunge_angles, read_head
from pfsolid.io.orientations import ANGLES, read_angles
from pfsolid.polycrystals.misorientation import SYMMETRIES, misorientations, symmetries
from pfsolid.polycrystals.texture import euler_angles, rotations


def boxes():
    """2 x 2 x 3 grains of 6 x 6 x 4 voxels along x, y, z, in the order z, y, x."""
    z, y, x = np.indices((12, 12, 12))
    return (x // 6) + 2 * (y // 6) + 4 * (z // 4)


@pytest.mark.parametrize("boundary, area, neighbours", [
    # Of 12^3 voxels: planes of 144 faces at 2 places along x and y and 3 along z; in an open image one less each.
    ("periodic", 7 * 144, 4), ("open", (1 + 1 + 2) * 144, 2 + 4 / 3),
])
def test_boxes_are_exact(boundary, area, neighbours):
    found = pf.measure(boxes(), 10, values="grains", boundary=boundary)
    assert found.num_grains == 12 and set(found.volumes_nm3) == {144 * 1000}
    assert found.boundaries.area_faces_per_nm == pytest.approx(area * 100 / 1728e3)
    assert found.boundaries.neighbours == pytest.approx(neighbours)  # two of each along x and y are one and the same
    assert found.sizes.sd_of_ln == 0 and found.sizes.mean_nm == pytest.approx((6 / np.pi * 144e3) ** (1 / 3))
    centres = found.centres_nm[np.argsort(found.labels)]
    assert centres[0] == pytest.approx((30, 30, 20)) and centres[11] == pytest.approx((90, 90, 100))


def test_a_polycrystal_is_what_was_made():
    """Volumes, centres near the seeds, S_V of equal grains; a second phase and pores are none."""
    made = pf.grains(48, 20, 60, lognormal=0.0)
    found = pf.measure(made.image, boundary="periodic", values="grains")
    assert np.array_equal(found.labels, np.arange(60)) and np.allclose(found.volumes_nm3, made.volumes_nm3)
    away = found.centres_nm - made.seeds_nm
    away -= 960 * np.round(away / 960)
    assert np.abs(away).max() < 20  # seeds are moved to their grains' centres, then weights are fitted
    # Periodic Voronoi of some order: 14 to 16 faces each; S_V d of space-filling grains from 2.65 (Kelvin's) up.
    assert 14 < found.boundaries.neighbours < 16
    assert 2.6 < found.boundaries.area_normals_per_nm * 960 / 60 ** (1 / 3) < 2.9
    assert found.boundaries.free_per_nm == 0
    wet = pf.grains(48, 20, 60, lognormal=0.0, film_nm=60, porosity=0.05, pore_nm=100)
    found = pf.measure(wet.image, boundary="periodic", values="grains", exclude=[60, 61])
    assert found.num_grains == 60 and found.excluded_labels == (60, 61) and found.boundaries.free_per_nm > 0.005
    assert found.volume_fraction == pytest.approx(1 - wet.second_phase_fraction - wet.porosity)


def test_same_numbers_on_turned_images():
    labels = pf.grains(24, 20, 30).labels
    turned = labels.transpose(2, 0, 1)
    plain, turned = (pf.measure(one, 20, values="grains", boundary="periodic") for one in (labels, turned))
    assert plain.boundaries.area_normals_per_nm == pytest.approx(turned.boundaries.area_normals_per_nm, rel=1e-6)
    assert plain.boundaries.facets == turned.boundaries.facets and plain.sizes.mean_nm == pytest.approx(turned.sizes.mean_nm)


# --- orientations -------------------------------------------------------------------------------------------


def test_angles_of_turns():
    """Back to the very angles, and to the same turn where Phi is 0 or 180."""
    angles = euler_angles("random", 300, 1)
    assert np.allclose(bunge_angles(Rotation.from_matrix(rotations(angles))), angles, atol=1e-9)
    edge = np.array([[30.0, 0, 50], [30, 180, 50], [0, 0, 0], [10, 90, 0]])
    assert np.allclose(rotations(bunge_angles(Rotation.from_matrix(rotations(edge)))), rotations(edge), atol=1e-12)


@pytest.mark.parametrize("lattice", SYMMETRIES)
def test_misorientations_are_least_over_the_lattice(lattice):
    """Against all pairs of turns of the lattice by matrices; none of a crystal with itself turned by one of them."""
    first, second = euler_angles("random", 40, 1), euler_angles("random", 40, 2)
    turns = Rotation.from_quat(np.roll(symmetries(lattice), -1, axis=1)).as_matrix()
    a, b = (rotations(one)[:, np.newaxis] @ turns for one in (first, second))
    traces = np.einsum("nsij,ntij->nst", a, b).reshape(40, -1).max(axis=1)
    exact = np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1)))
    assert np.allclose(misorientations(first, second, lattice), exact, atol=1e-6)
    same = bunge_angles(Rotation.from_matrix(a[:, -1]))
    assert np.abs(misorientations(first, same, lattice)).max() < 1e-5  # arccos near 1


def test_mackenzie():
    """Random cubic crystals: mean 40.7 degrees, none above 62.8 (Mackenzie, Biometrika 45 (1958) 229)."""
    angles = misorientations(euler_angles("random", 20000, 1), euler_angles("random", 20000, 2), "cubic")
    # 11 degrees of spread over 20 000 pairs: 0.08 of standard error.
    assert angles.mean() == pytest.approx(40.74, abs=0.3) and 60 < angles.max() <= 62.8


def tessellation(path, labels, descriptor, values, ids=None, kind="ascii", raw=None, version="2.1"):
    """A file of Neper's of labels along z, y, x."""
    shape = labels.shape[::-1]
    numbers = "\n".join(" ".join(f"{value:.12f}" for value in row) for row in values)
    head = ["***tesr", " **format", f"   {version}", " **general", "   3", "   " + " ".join(map(str, shape)),
            "   0.5 0.25 0.125", "  *origin", "   0 0 0", " **cell", f"   {len(values)}"]
    head += ["  *id", "   " + " ".join(map(str, ids))] if ids else []
    head += ["  *ori", f"   {descriptor}", numbers, "  *crysym", "   cubic", " **data"]
    head += [f"   {kind}"] if " " not in version else []
    types = {"binary8": "u1", "binary16": "<i2", "binary32_big": ">i4"}
    data = (" ".join(map(str, labels.ravel())).encode() if kind == "ascii" else labels.astype(types[kind]).tobytes())
    text = "\n".join(head).encode() + b"\n"
    if raw:
        (path.parent / raw).write_bytes(data)
        data = f"   *file {raw}".encode()
    path.write_bytes(text + data + b"\n***end\n")


@pytest.mark.parametrize("kind, raw, version", [("ascii", None, "2.1"), ("binary8", None, "2.1"), ("binary16", None, "2.1"),
                                                ("binary32_big", "v.raw", "2.1"), ("ascii", None, "2.0 ascii"),
                                                ("binary16", None, "2.0 binary16")])
def test_tessellations_of_neper(tmp_path, kind, raw, version):
    labels = boxes()[:4, :6] % 4
    angles = euler_angles("random", 3, 3)
    tessellation(tmp_path / "a.tesr", labels, "euler-bunge:active", angles, None, kind, raw, version)
    image = pf.read_image(tmp_path / "a.tesr", voxel_nm=(500, 250, 125))
    assert np.array_equal(image.to_array(), labels) and read_head(tmp_path / "a.tesr").spacing == (0.5, 0.25, 0.125)
    found = read_angles(str(tmp_path / "a.tesr"), "--orientations")
    assert list(found) == [1, 2, 3] and np.allclose(list(found.values()), angles, atol=1e-8)
    tessellation(tmp_path / "b.tesr", labels, "euler-bunge:active", angles, [7, 300, 12], kind, raw, version)
    assert np.array_equal(pf.read_image(tmp_path / "b.tesr", voxel_nm=1).to_array(), np.array([0, 7, 300, 12])[labels])
    assert list(read_angles(str(tmp_path / "b.tesr"), "")) == [7, 300, 12]


@pytest.mark.parametrize("descriptor", ["rodrigues", "quaternion:active", "rotmat:passive", "axis-angle",
                                        "rodrigues:passive"])
def test_descriptors_of_neper(tmp_path, descriptor):
    angles = euler_angles("random", 3, 3)
    turns = Rotation.from_matrix(rotations(angles))
    turns = turns.inv() if descriptor.endswith("passive") else turns
    quaternion, vector = np.roll(turns.as_quat(), 1, axis=1), turns.as_rotvec()
    values = {"rodrigues": quaternion[:, 1:] / quaternion[:, :1], "quaternion": quaternion, "rotmat": turns.as_matrix(),
              "axis-angle": np.column_stack([vector, np.degrees(np.linalg.norm(vector, axis=1))])}
    tessellation(tmp_path / "a.tesr", boxes() % 4, descriptor, values[descriptor.partition(":")[0]].reshape(3, -1))
    assert np.allclose(rotations(np.array(list(read_angles(str(tmp_path / "a.tesr"), "").values()))), rotations(angles),
                       atol=1e-9)


@pytest.mark.parametrize("change, says", [
    (lambda text: text[1:], "begins with"), (lambda text: text.replace(b"**data", b"**date"), r"no section \*\*data"),
    (lambda text: text.replace(b"ascii", b"binary7"), "binary7"),
    (lambda text: text.replace(b" 12\n", b"\n"), "general must be"),
    (lambda text: text.replace(b"euler-bunge", b"euler-kocks"), "euler-kocks"), (lambda text: text[:-60], "voxels"),
])
def test_damaged_tessellations(tmp_path, change, says):
    tessellation(tmp_path / "a.tesr", boxes() % 4, "euler-bunge", euler_angles("random", 3, 3))
    (tmp_path / "a.tesr").write_bytes(change((tmp_path / "a.tesr").read_bytes()))
    with pytest.raises(InputError, match=says) as caught:
        pf.measure(pf.read_image(tmp_path / "a.tesr", voxel_nm=1), values="grains")
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def dream3d(tmp_path):
    """As DREAM.3D writes it: labels [z, y, x, 1] among other arrays, angles in radians, feature 0 none."""
    angles = euler_angles("random", 12, 5)
    with h5py.File(tmp_path / "a.dream3d", "w") as file:
        group = file.create_group("DataContainers/Synthetic")
        group.create_dataset("_SIMPL_GEOMETRY/SPACING", data=np.float32([0.5, 0.5, 0.5]))
        group.create_dataset("_SIMPL_GEOMETRY/DIMENSIONS", data=[12, 12, 12])
        group.create_dataset("CellData/FeatureIds", data=(boxes()[..., np.newaxis] + 1).astype(np.int32))
        group.create_dataset("CellData/IPFColor", data=np.zeros((12, 12, 12, 3), np.uint8))
        group.create_dataset("CellData/Phases", data=np.ones((12, 12, 12, 1), np.int32))
        radians = np.radians(np.vstack([[[9.0] * 3], angles])).astype(np.float32)
        group.create_dataset("CellFeatureData/EulerAngles", data=radians)
    return f"{tmp_path / 'a.dream3d'}:DataContainers/Synthetic/CellData/FeatureIds", angles


def test_files_of_dream3d(dream3d):
    path, angles = dream3d
    found = pf.measure(pf.read_image(path, voxel_nm=500), values="grains", boundary="periodic", crystal_symmetry="cubic")
    assert np.array_equal(found.labels, np.arange(1, 13)) and np.allclose(found.euler_deg, angles, atol=1e-4)
    assert found.misorientation.area_fraction.sum() == pytest.approx(1)
    assert len(read_angles(path, "")) == 12


def test_the_command_and_its_table(dream3d, tmp_path):
    """The table is one that conduction takes; the numbers are those of Python."""
    path, angles = dream3d
    table, written = tmp_path / "grains.csv", tmp_path / "out.json"
    command = [sys.executable, "-P", "-m", "pfsolid", "measure", path, "--values", "grains", "--voxel-nm", "500",
               "--boundary", "periodic", "--crystal-symmetry", "cubic", "--csv", table, "-o", written, "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "12 grains, 144 voxels each" in done.stdout, done.stderr
    found = pf.open_morphology(written)
    again = pf.measure(pf.read_image(path, voxel_nm=500), values="grains", boundary="periodic", crystal_symmetry="cubic")
    assert {**found.to_dict(), "seconds": 0} == {**json.loads(json.dumps(again.to_dict())), "seconds": 0}
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == list(range(1, 13)) and {row["class"] for row in rows} == {"grain"}
    assert np.allclose([[float(row[name]) for name in ANGLES] for row in rows], angles, atol=1e-4)
    assert list(read_angles(str(table), "")) == list(range(1, 13))


@pytest.mark.parametrize("change, says", [
    ({"orientations": {0: (0, 190, 0)}}, "Phi from 0 to 180"), ({"orientations": "none.csv"}, "cannot be read"),
    ({"crystal_symmetry": "cubic"}, "needs orientations"), ({"crystal_symmetry": "kubisch"}, "must be one of"),
    ({"boundary": "mirror"}, "open or periodic"), ({"active": {0: "first"}}, "is for phases"),
    ({"exclude": range(12)}, "no other"),
    ({"values": "labels", "orientations": {0: (0, 0, 0)}}, "is for grains"), ({"filler": 3}, "does not go with"),
])
def test_what_cannot_be_is_refused(change, says):
    with pytest.raises(InputError, match=says) as caught:
        pf.measure(boxes(), **{"voxel_nm": 10, "values": "grains"} | change)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text, says", [
    ("label,phi1_deg\n1,2\n", "needs the columns"), ("label,phi1_deg,Phi_deg,phi2_deg\n1,2,200,3\n", "row 2"),
    ("label,phi1_deg,Phi_deg,phi2_deg\n1,2,20,3\n1,2,20,3\n", "twice"),
    ("label,phi1_deg,Phi_deg,phi2_deg\nx,2,20,3\n", "row 2"),
])
def test_tables_that_cannot_be(tmp_path, text, says):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read_angles(str(tmp_path / "a.csv"), "--orientations")
