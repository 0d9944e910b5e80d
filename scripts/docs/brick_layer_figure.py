"""Polycrystals beside both brick-layer answers, over the resistance of their boundaries: brick_layer.csv and .png.

    python scripts/docs/brick_layer_figure.py
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREY, ORANGE, STYLE, label_ticks, percent, save, table, write_csv

import pfsolid as pf

CELL_NM, GRAINS, GRIDS = 1200.0, 60, (24, 48)
RATIOS = (0.01, 0.1, 1.0, 10.0, 100.0)
SIGMA = 1e-3  # S/cm
SPREADS = (0.0, 0.35)


def conduct(made, resistance):
    return pf.conductivity(made.image, {"grain": SIGMA}, classes=made.classes, resistance={"grain:grain": resistance},
                           fields=False)


def mean(found) -> float:
    return float(np.mean(np.diag(found.tensor))) / SIGMA


def rows():
    """For each spread and ratio: sigma_eff / sigma on both grids, their limit, the interval, both brick layers."""
    for spread in SPREADS:
        made = [pf.grains(n, CELL_NM / n, GRAINS, lognormal=spread) for n in GRIDS]
        surface = conduct(made[1], 1e-3).result.boundaries.area_per_nm
        for ratio in RATIOS:
            found = [conduct(one, ratio * 3e-7 / surface / SIGMA) for one in made]
            coarse, fine = map(mean, found)
            low, high = (float(np.mean(end)) / SIGMA for end in found[1].interval)
            yield spread, ratio, coarse, fine, 2 * fine - coarse, low, high, 1 / (1 + ratio), 1 / (1 + 1.5 * ratio)


def draw(found) -> None:
    plt.rcParams.update(STYLE)
    figure, axis = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    dense = np.geomspace(RATIOS[0] / 1.5, RATIOS[-1] * 1.5, 200)
    axis.axhline(0, color=GREY, label="D = 3/S$_V$, bricks of the same area")
    axis.plot(dense, 100 * ((1 + dense) / (1 + 1.5 * dense) - 1), color=GREY, linestyle="--",
              label="D = 2/S$_V$, mean intercept")
    for spread, colour, shift in zip(SPREADS, (BLUE, ORANGE), (0.94, 1.06)):
        part = np.array([row for row in found if row[0] == spread]).T
        ratio, fine, limit, low, high, brick = part[1], *part[3:8]
        axis.errorbar(ratio * shift, 100 * (fine / brick - 1), 100 * np.array([fine - low, high - fine]) / brick,
                      color=colour, fmt="o", capsize=2, label=f"{GRIDS[1]}³ voxels, spread {spread:g}")
        axis.plot(ratio * shift, 100 * (limit / brick - 1), color=colour, marker="_", linestyle="none", markersize=9,
                  label="the limit of two grids")
    axis.set_xscale("log")
    label_ticks(axis.xaxis, RATIOS, [f"{ratio:g}" for ratio in RATIOS])
    axis.set(xlabel="R σ S$_V$ / 3", ylabel="σ$_{eff}$ from the brick layer with 3/S$_V$ (%)")
    axis.legend(loc="lower left")
    save(figure, "brick_layer")


def main() -> None:
    warnings.simplefilter("ignore", pf.PfsolidWarning)
    found = list(rows())
    write_csv("brick_layer", ["spread", "ratio", "coarse", "fine", "limit", "low", "high", "brick_3", "brick_2"], found)
    print(table(["spread", "R σ S_V/3", "24³", "48³", "limit", "3/S_V", "2/S_V", "2/S_V is off by"], [
        [f"{row[0]:g}", f"{row[1]:g}", *(f"{value:.4f}" for value in (row[2], row[3], row[4], row[7], row[8])),
         percent(row[8] / row[4] - 1, 1)] for row in found]))
    draw(found)


if __name__ == "__main__":
    main()
