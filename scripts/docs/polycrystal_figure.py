"""Draws docs/figures/polycrystal.png: a section of a polycrystal and the sizes of its grains.

    python scripts/docs/polycrystal_figure.py
"""

import matplotlib as mpl
import numpy as np
from common import BLUE, ORANGE, STYLE, save
from matplotlib.figure import Figure
from scipy.special import ndtr

import pfsolid as pf

SPREAD = 0.35


def main() -> None:
    made = pf.grains(128, 20, 300, SPREAD, aspect=(1, 1, 2), axes="xyz")
    colours = np.random.default_rng(1).random((300, 3)) * 0.7 + 0.25
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        section, sizes = figure.subplots(1, 2)
        section.imshow(colours[made.labels[:, 64].T], origin="lower", extent=(0, 2.56, 0, 2.56), interpolation="nearest")
        section.set(xlabel="x (µm)", ylabel="z (µm)", title="section normal to y")
        diameters = np.sort(made.diameters_nm)
        sizes.step(diameters, (np.arange(300) + 0.5) / 300, BLUE, where="mid", label="grains, by their voxels")
        line = np.linspace(diameters[0], diameters[-1], 200)
        sizes.plot(line, ndtr(np.log(line / np.median(diameters)) / SPREAD), ORANGE, ls="--", label="log-normal, 0.35")
        sizes.set(xlabel="diameter of the sphere of a grain's volume (nm)", ylabel="share of the grains that are smaller")
        sizes.legend(loc="lower right")
        save(figure, "polycrystal")


if __name__ == "__main__":
    main()
