"""Draws docs/figures/contact.png: the current under a disc on a slab, and its constriction resistance beside Holm's.

    python scripts/docs/contact_figure.py
"""

import common  # puts the package on the path
import matplotlib.style
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import pfsolid as pf

MADELUNG = -3.900265  # of a square lattice of unit charges in a neutral plane
N, RADII = 64, (3, 4, 6, 8, 10, 12, 14, 16, 18)


def solved(radius: float, **options) -> pf.Conductivity:
    return pf.conductivity(np.ones((N, N, N), int), {1: 1.0}, 1, "electrodes", "z", contact=radius, **options)


def main() -> None:
    found = solved(10)
    current = np.linalg.norm(found.current_density("z")[:, N // 2], axis=-1)
    current /= found.tensor[2, 2] * 100  # |J| / <J>; S/cm to S/m
    constriction = [N / (solved(radius, fields=False).tensor[2, 2] * N**2) - 1 / N for radius in RADII]
    with matplotlib.style.context(["default", common.STYLE]):
        figure = Figure(figsize=(7.4, 3.1), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
        image = left.imshow(current, origin="lower", extent=(0, N, 0, N), norm=LogNorm(0.2, 10), cmap="plasma")
        figure.colorbar(image, ax=left, label="|J| / ⟨J⟩")
        left.plot([N / 2 - 10, N / 2 + 10], [0, 0], color=common.GREEN, linewidth=5, solid_capstyle="butt", clip_on=False)
        left.set(xlabel="x / h", ylabel="z / h", title="through the middle of a disc of radius 10 h (green)")
        radii = np.linspace(2.5, 19, 100)
        right.plot(radii, 1 / (4 * radii), color=common.GREY, linestyle="--", label="1 / 4σa (Holm, infinite slab)")
        right.plot(radii, (1 + 4 * radii * MADELUNG / (2 * np.pi * N) + 0.20988 * (2 * radii / N) ** 3) / (4 * radii),
                   color=common.BLUE, label="with images in the sides")
        right.plot(RADII, constriction, "o", color=common.ORANGE, label="solved, 64³")
        right.set(xlabel="radius a / h", ylabel="constriction resistance (1 / σh)", ylim=(0, None))
        right.legend()
        common.save(figure, "contact")


if __name__ == "__main__":
    main()
