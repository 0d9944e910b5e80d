"""Makes inputs/images/cathode.tif: a composite cathode of pores, solid electrolyte and active material for the tutorials.

    python scripts/docs/make_sample_image.py

Three phases from two Gaussian random fields with the spectrum of a blurred noise: the particles of the active material from
a coarse one, electrolyte and pores between them from a finer one.  Fractions 0.15, 0.40, 0.45; periodic; voxels of 100 nm.
"""

import numpy as np
import tifffile
from common import ROOT

SHAPE, VOXEL_UM = (64, 64, 64), 0.1
FRACTION_ACTIVE, FRACTION_PORE = 0.45, 0.15


def gaussian_field(rng: np.random.Generator, length: float) -> np.ndarray:
    """Noise with correlations exp(-r^2/(4 length^2)), length in voxels."""
    k = [2 * np.pi * np.fft.fftfreq(n) for n in SHAPE]
    k2 = sum(np.square(one) for one in np.meshgrid(*k, indexing="ij"))
    return np.fft.ifftn(np.fft.fftn(rng.standard_normal(SHAPE)) * np.exp(-k2 * length**2 / 2)).real


def main() -> None:
    rng = np.random.default_rng(20170)
    particles, between = gaussian_field(rng, 4.0), gaussian_field(rng, 2.0)
    labels = np.ones(SHAPE, np.uint8)
    active = particles > np.quantile(particles, 1 - FRACTION_ACTIVE)
    labels[active] = 2
    rest = between[~active]
    labels[~active & (between < np.quantile(rest, FRACTION_PORE / (1 - FRACTION_ACTIVE)))] = 0
    target = ROOT / "inputs" / "images" / "cathode.tif"
    target.parent.mkdir(exist_ok=True)
    tifffile.imwrite(target, labels, imagej=True, resolution=(1 / VOXEL_UM,) * 2, compression="zlib",
                     metadata={"spacing": VOXEL_UM, "unit": "um", "axes": "ZYX"})


if __name__ == "__main__":
    main()
