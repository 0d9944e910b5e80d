"""The curves of Hu 2017: Figures 1d, 1e (conductivity over pore size), 2a, 3a, S4 and the maps 2c, d and 3c, d."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import BLUE, GREEN, GREY, ORANGE, RED
from matplotlib.figure import Figure

from pfsolid.phasefield.free_energy import REDUCED_KAPPA
from pfsolid.plots.theory import plot_map
from pfsolid.workflows.theory import paper_maps

from .numbers import (
    DENSE,
    EXPERIMENT,
    LI3PS4,
    PILLARS,
    RESOLVED,
    SIGMA,
    Data,
    by,
    committed,
    curve,
    emt,
    in_largest_cell,
    pillar_grids,
)
from .sweeps import DEPTHS, POROSITY, SIZE

COLOURS = {0.9: BLUE, 1.4: ORANGE}
CELLS = {48: "v", 64: "o", 128: "s", 256: "D"}  # markers by the edge of the cell
SIGMA_LABEL = "effective conductivity (S/cm)"


def save(figure: Figure, directory: Path, name: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    figure.savefig(directory / f"hu2017_{name}.png", dpi=110)


def profile(data: Data, directory: Path) -> None:
    """Figure 1d: rho across a flat surface as the code relaxes it on the paper's voxels, against the tanh."""
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axes = figure.subplots()
    for depth in DEPTHS:
        x, rho = relaxed_surface(0.5 / depth)
        fine = np.linspace(-4, 4, 400)
        axes.plot(fine, (1 + np.tanh(2 * fine / depth)) / 2, color=COLOURS[depth], linewidth=1,
                  label=f"tanh, λ = {depth} nm")
        axes.plot(x * depth, rho, "o", color=COLOURS[depth], markerfacecolor="none", label="relaxed, voxels of 0.5 nm")
    for level in (0.1, 0.9):
        axes.axhline(level, color=GREY, linewidth=0.7, linestyle=":")
    axes.set(xlabel="distance from the surface (nm)", ylabel="relative density ρ", xlim=(-4, 4))
    axes.legend()
    save(figure, directory, "1d")


def relaxed_surface(spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (depths) and density across a flat surface at rest, voxels of ``spacing`` depths."""
    from study_microstructure import relax_line

    places, rho = relax_line(spacing, (REDUCED_KAPPA,) * 3, 0, 1.0, 50.0)
    centre = np.interp(0, np.arctanh(np.clip(2 * rho - 1, -0.999999, 0.999999)), places)
    return places - centre, rho


def conductivity(data: Data, directory: Path) -> None:
    """Figure 2a."""
    figure = Figure(figsize=(6.6, 4.6), layout="constrained")
    axes = figure.subplots()
    porosity = np.linspace(0.005, 0.76, 400)
    for depth in DEPTHS:
        rows = data.bulk(depth)
        colour = COLOURS[depth]
        for edge, group in by(rows, "edge").items():
            points = curve(group, POROSITY, SIGMA)
            _bars(axes, points, colour, CELLS[int(edge)], f"λ = {depth} nm, {edge:.0f}³ voxels of 0.5 nm")
            for one in points[points[:, 1] == 0]:
                axes.annotate("0", (100 * one[0], 6e-7), color=colour, ha="center", fontsize=7)
        _bars(axes, curve(in_largest_cell(rows), POROSITY, RESOLVED), colour, "+", f"λ = {depth} nm, faces below the voxel")
        axes.plot(100 * porosity, emt(porosity, depth), color=colour, label=f"eq 8, λ = {depth} nm, r = 14 nm")
    large = [row for row in committed() if row["n"] > 64]
    _bars(axes, curve(large, POROSITY, SIGMA), RED, "x", "λ = 1.4 nm, 96³ (microstructure.md)", markersize=3)
    axes.axhline(EXPERIMENT, color="black", linestyle="-.", linewidth=0.8, label="experiment, 1.64e-4 S/cm")
    axes.axhline(DENSE, color=GREY, linestyle=":", linewidth=0.9, label="dense, 8.93e-7 S/cm")
    for paper in (32, 61):
        axes.axvline(paper, color=GREY, linestyle="--", linewidth=0.6)
    axes.set(xlabel="porosity 1 − ⟨ρ⟩ (%)   dashed: the paper's thresholds", ylabel=SIGMA_LABEL, yscale="log", xlim=(0, 80),
             ylim=(5e-7, 8e-3))
    axes.legend(ncols=2, loc="upper left")
    save(figure, directory, "2a")


def _bars(axes, points: np.ndarray, colour: str, marker: str, label: str, **options) -> None:
    """Means with standard errors; a point of one sample has none."""
    points = points[points[:, 1] > 0]
    if points.size:
        lower = np.minimum(np.nan_to_num(points[:, 2]), 0.95 * points[:, 1])
        axes.errorbar(100 * points[:, 0], points[:, 1], [lower, np.nan_to_num(points[:, 2])], color=colour, marker=marker,
                      markerfacecolor="none", linestyle="none", capsize=2, elinewidth=0.8, label=label, **options)


def pillars(data: Data, directory: Path) -> None:
    """Figure 3a: sigma_zz of pillars along z."""
    figure = Figure(figsize=(6.6, 4.2), layout="constrained")
    axes = figure.subplots()
    porosity = np.linspace(0.005, 0.70, 300)
    for (name, grid), colour in zip(pillar_grids(data), (BLUE, ORANGE, GREEN, RED)):
        _bars(axes, curve(grid, POROSITY, "sigma_zz_S_per_cm"), colour, "o", f"σ_zz, voxels of {name}")
        _bars(axes, curve(grid, POROSITY, "sigma_xx_S_per_cm"), colour, "x", f"σ_xx, voxels of {name}")
    for ratio, style in ((0.1, ":"), (0.23, "-"), (0.4, "--")):
        valid = porosity[porosity <= (1 + ratio) ** -2]
        axes.plot(100 * valid, PILLARS.conductivity(valid, ratio), style, color=GREY, label=f"bricks, λ/r = {ratio:g}")
    axes.axhline(DENSE, color=GREY, linestyle=":", linewidth=0.9)
    axes.set(xlabel="porosity 1 − ⟨ρ⟩ (%)", ylabel=SIGMA_LABEL, yscale="log", xlim=(0, 75),
             ylim=(1e-8, None))
    axes.legend(ncols=2, loc="lower right")
    save(figure, directory, "3a")


def surface(data: Data, directory: Path) -> None:
    """Figure S4: the surface's share of the volume over the porosity, both families."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    for depth in DEPTHS:
        _bars(axes, curve(in_largest_cell(data.bulk(depth)), POROSITY, "surface_fraction"), COLOURS[depth], "o",
              f"isotropic, λ = {depth} nm")
    large = [row for row in committed() if row["n"] > 64]
    _bars(axes, curve(large, POROSITY, "surface_fraction"), RED, "x", "isotropic, λ = 1.4 nm, 96³")
    for (name, grid), colour in zip(pillar_grids(data), (GREEN, "black", GREY, RED)):
        _bars(axes, curve(grid, POROSITY, "surface_fraction"), colour, "s", f"pillars, λ = 1.4 nm, voxels of {name}")
    axes.set(xlabel="porosity 1 − ⟨ρ⟩ (%)", ylabel="share of the volume with 0.1 ≤ ρ ≤ 0.9", ylim=(0, None))
    axes.legend()
    save(figure, directory, "S4")


def coarsening(data: Data, directory: Path) -> None:
    """The conductivity at 32 % while the pores grow: where the paper's 1.74e-4 S/cm at 40 nm lies."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    rows = data.aged()
    for name, colour in (("xx", BLUE), ("yy", GREEN), ("zz", ORANGE)):
        axes.plot([row["pore_size_nm"] for row in rows], [row[f"sigma_{name}_S_per_cm"] for row in rows], "x", color=colour,
                  markersize=3.5, label=f"σ_{name}, single samples")
    points = curve(rows, SIZE, SIGMA)
    axes.errorbar(points[:, 0], points[:, 1], np.nan_to_num(points[:, 2]), color="black", marker="o", capsize=2,
                  label="mean of axes and samples")
    axes.plot(40, 1.74e-4, "*", color=RED, markersize=10, label="paper: 1.74e-4 S/cm at about 40 nm")
    axes.axhline(EXPERIMENT, color=GREY, linestyle="-.", linewidth=0.8, label="experiment, 1.64e-4 S/cm")
    axes.set(xlabel="mean pore chord (nm)", ylabel=SIGMA_LABEL, yscale="log", xscale="log", xlim=(6, 60))
    axes.set_xticks([8, 10, 15, 20, 30, 40, 60], ["8", "10", "15", "20", "30", "40", "60"])
    axes.minorticks_off()
    axes.legend()
    save(figure, directory, "1e")


def maps(directory: Path) -> None:
    """Figures 2c, d and 3c, d, as `pfsolid emt map` draws them."""
    for chart in paper_maps(LI3PS4, 0.32, 0.85):
        plot_map(chart, directory.parent)  # into its folder of figures
