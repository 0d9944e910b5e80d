"""`pfsolid validate IMAGE`: what an image is, and what conduction on it would take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from ..config.conduction import SolverConfig
from ..config.estimate import PROGRAM_BYTES, conduction_bytes_per_voxel, conduction_seconds
from ..config.review import Review
from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..io.images.slab import ImageInfo, ImageWindow, describe_image, read_label_slab
from ..parallel.communicator import alone
from ..parallel.memory import available_bytes
from ..text import in_binary_units, in_words

_IMAGES = (".tif", ".tiff", ".npy", ".h5", ".hdf5", ".hdf", ".dream3d", ".vti", ".png", ".zarr", ".nrrd", ".nhdr",
           ".mhd", ".mha", ".nii", ".gz", ".mrc", ".map")
_MOST_NAMED = 12
_VOXELS_AT_ONCE = 1 << 24
_MOST_BIN = 64
_CONNECTING_BYTES = 8  # for a voxel: labels, one of them by itself, and its bodies


def is_image(path: Path) -> bool:
    """Whether a name is that of an image and not of an input.  For one rank."""
    return path.is_dir() or Path(str(path).partition(":")[0]).suffix.lower() in _IMAGES


def review_image(path: Path) -> Review:
    """What an image says of itself, its labels, what of them percolates, and the memory and time that conduction takes.

    A part of the image at a time is read, and all of it for what percolates, where it fits.  For one rank.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Review
        With errors where it is no image.
    """
    try:
        info = describe_image(str(path))
    except InputError as error:
        return Review([("image", str(path), "")], errors=[str(error)])
    said = info.spacing_nm is not None
    edges = " x ".join(f"{edge:g}" for edge in info.spacing_nm or ())
    found = Review([
        ("image", info.name, ""), ("order of axes", info.order_line.partition(": ")[2], ""),
        ("voxels", " x ".join(map(str, info.shape)), ""), ("type", str(info.dtype), ""),
        ("voxel edge", f"{edges} nm, as the file says" if said else "not said in a unit: give --voxel-nm", "")])
    try:
        counts = _counts(str(path), info)
    except InputError as error:
        found.warnings.append(f"{error}")
    else:
        total = sum(counts.values())
        shares = [f"{label} {100 * count / total:.4g} %" for label, count in list(counts.items())[:_MOST_NAMED]]
        more = f" and {len(counts) - _MOST_NAMED} more" if len(counts) > _MOST_NAMED else ""
        found.parameters.append(("labels", ", ".join(shares) + more, ""))
        found.parameters.append(("from end to end", _percolating(str(path), info, counts), ""))
    _memory(info, found)
    voxels = np.prod(info.shape, dtype=float) * sum(n > 1 for n in info.shape)
    found.parameters.append(("time for conduct", f"roughly {in_words(conduction_seconds(voxels))} on one core, a field "
                             "along each axis", ""))
    return found


def _counts(path: str, info: ImageInfo) -> dict[int, int]:
    """Voxels of each label, read in slabs."""
    nx, ny, nz = info.shape
    pages = max(1, _VOXELS_AT_ONCE // (nx * ny))
    found: dict[int, int] = {}
    for first in range(0, nz, pages):
        part = (slice(0, nx), slice(0, ny), slice(first, min(first + pages, nz)))
        for label, count in zip(*np.unique(read_label_slab(path, part, alone()), return_counts=True)):
            found[int(label)] = found.get(int(label), 0) + int(count)
    return dict(sorted(found.items()))


def _percolating(path: str, info: ImageInfo, counts: dict[int, int]) -> str:
    """Axes along which bodies of each label, voxels that touch by faces, reach from the first to the last plane."""
    voxels, free = int(np.prod(info.shape)), available_bytes()
    if free is not None and _CONNECTING_BYTES * voxels > free:
        return f"not looked for: that takes {in_binary_units(_CONNECTING_BYTES * voxels)} of memory"
    if len(counts) > _MOST_NAMED:
        return f"not looked for: more than {_MOST_NAMED} labels; pfsolid measure has them"
    labels = read_label_slab(path, tuple(slice(0, n) for n in info.shape), alone())
    found = []
    for label in counts:
        bodies = ndimage.label(labels == label)[0]
        axes = [name for axis, name in enumerate(AXES) if info.shape[axis] > 1 and np.intersect1d(
            *(part[part > 0] for part in (bodies.take(0, axis), bodies.take(-1, axis)))).size]
        found.append(f"{label} along {', '.join(axes)}" if axes else f"{label} nowhere")
    return "; ".join(found)


def _memory(info: ImageInfo, found: Review) -> None:
    """What conduction takes beside what is free; where it is more, the blocks that fit."""
    settings = SolverConfig()

    def needed(bin: int) -> float:
        window = ImageWindow(bin=bin)
        grid = PeriodicGrid(window.image_shape(info), (1.0, 1.0, 1.0))
        return PROGRAM_BYTES + conduction_bytes_per_voxel(settings, grid) * grid.num_voxels

    free = available_bytes()
    found.parameters.append(("memory for conduct", in_binary_units(needed(1)), ""))
    if free is None or needed(1) <= free:
        return
    most = min(_MOST_BIN, min(n for n in info.shape if n > 1))
    fits = next((bin for bin in range(2, most + 1) if needed(bin) <= free), None)
    share = max(free - PROGRAM_BYTES, 0) / (needed(1) - PROGRAM_BYTES)
    advice = "more ranks on more machines"
    if fits:
        advice = f"--bin {fits}, or a --crop to {100 * share ** (1 / 3):.0f} % of each axis"
    found.warnings.append(f"conduct needs {in_binary_units(needed(1))} of memory and {in_binary_units(free)} are free: "
                          f"{advice}")
