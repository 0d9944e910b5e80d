"""Makes inputs/images/cathode.tif: a composite cathode of pores, solid electrolyte and active material for the tutorials.

    python scripts/docs/make_sample_image.py
    python scripts/docs/make_sample_image.py --voxels 128 --slices slices     # a larger one, as a folder of slices

Three phases from two Gaussian random fields with the spectrum of a blurred noise: the particles of the active material from
a coarse one, electrolyte and pores between them from a finer one.  Fractions 0.15, 0.40, 0.45; periodic; voxels of 100 nm.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile
from common import ROOT

VOXELS, VOXEL_UM = 64, 0.1
FRACTION_ACTIVE, FRACTION_PORE = 0.45, 0.15


def gaussian_field(rng: np.random.Generator, voxels: int, length: float) -> np.ndarray:
    """Noise with correlations exp(-r^2/(4 length^2)), length in voxels."""
    k = [2 * np.pi * np.fft.fftfreq(voxels)] * 3
    k2 = sum(np.square(one) for one in np.meshgrid(*k, indexing="ij"))
    return np.fft.ifftn(np.fft.fftn(rng.standard_normal((voxels,) * 3)) * np.exp(-k2 * length**2 / 2)).real


def cathode(voxels: int, scale: float = 1.0) -> np.ndarray:
    """Labels (z, y, x): 0 pore, 1 electrolyte, 2 active material; all its lengths are multiplied by ``scale``."""
    rng = np.random.default_rng(20170)
    particles, between = gaussian_field(rng, voxels, 4.0 * scale), gaussian_field(rng, voxels, 2.0 * scale)
    labels = np.ones((voxels,) * 3, np.uint8)
    active = particles > np.quantile(particles, 1 - FRACTION_ACTIVE)
    labels[active] = 2
    rest = between[~active]
    labels[~active & (between < np.quantile(rest, FRACTION_PORE / (1 - FRACTION_ACTIVE)))] = 0
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxels", type=int, default=VOXELS, help="along each axis")
    parser.add_argument("--slices", type=Path, help="write a folder of slices instead")
    options = parser.parse_args()
    labels = cathode(options.voxels)
    if options.slices is not None:
        options.slices.mkdir()
        for number, plane in enumerate(labels):
            tifffile.imwrite(options.slices / f"slice_{number}.tif", plane, compression="zlib")
        return
    target = ROOT / "inputs" / "images" / "cathode.tif"
    target.parent.mkdir(exist_ok=True)
    tifffile.imwrite(target, labels, imagej=True, resolution=(1 / VOXEL_UM,) * 2, compression="zlib",
                     metadata={"spacing": VOXEL_UM, "unit": "um", "axes": "ZYX"})


if __name__ == "__main__":
    main()
