"""The figure of the measured morphology: structure factor, correlation, chords and local thickness.

Drawn from the section ``morphology`` of result.json, see :class:`pfsolid.results.morphology.MorphologyResult`.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..grid import AXES
from ..results.morphology import ChordsResult, MorphologyResult, StructureFactor, TwoPointCorrelation
from .figure import new_figure, sparse_minor_ticks
from .run_files import RunFiles

AXIS_COLOURS = {"x": "#e69f00", "y": "#009e73", "z": "#56b4e9"}  # Okabe and Ito's
PHASE_COLOURS = {"pore": "#cc79a7", "wall": "#0072b2"}  # as the sizes in evolution.png
CHORD_BINS = 40


def measured(run: RunFiles) -> MorphologyResult | None:
    """What was measured; None where nothing was, or of a uniform density."""
    found = run.result and run.result.morphology
    return None if found is None or found.structure_factor is None or found.structure_factor.spacing_nm is None else found


def morphology_figure(run: RunFiles) -> Figure:
    """What was measured of the density."""
    figure = new_figure(run, 6.2, "morphology")
    draw_morphology(figure, measured(run))
    return figure


def draw_morphology(figure: Figure, report: MorphologyResult) -> None:
    """Draw the panels of a report into an empty figure."""
    panels = figure.add_gridspec(2, 2, left=0.085, right=0.99, bottom=0.07, top=0.9, hspace=0.24, wspace=0.2)
    _draw_structure_factor(figure.add_subplot(panels[0, 0]), report.structure_factor)
    _draw_correlation(figure.add_subplot(panels[0, 1]), report.two_point_correlation)
    with_thickness = report.pore_thickness is not None
    _draw_chords(figure.add_subplot(panels[1, 0] if with_thickness else panels[1, :]), report)
    if with_thickness:
        _draw_thickness(figure.add_subplot(panels[1, 1]), report)
    for axes in figure.axes:
        axes.grid(True, color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)


def _draw_structure_factor(axes, spectrum: StructureFactor) -> None:
    for axis, k, power in zip(AXES, spectrum.k_per_nm_xyz, spectrum.S_nm3_xyz):
        if not len(k):  # of one voxel
            continue
        _draw_positive(axes, k, power, color=AXIS_COLOURS[axis], linewidth=0.9, label=f"along {axis}")
    power = spectrum.S_nm3
    _draw_positive(axes, spectrum.k_per_nm, power, color="k", marker=".", markersize=4, label="mean over shells")
    axes.set_xscale("log")
    axes.set_yscale("log")
    sparse_minor_ticks(axes.yaxis)
    axes.set_ylim(power.max() * 1e-5, power.max() * 30)  # beyond, the interface's tail falls off exponentially
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _mark(axes, spectrum.mean_k_per_nm, 0.98, "2π/⟨k⟩", spectrum.spacing_nm)
    axes.set_xlabel("wavenumber k (1/nm)")
    axes.set_ylabel("structure factor S of ρ (nm³)")
    axes.legend(loc="lower left")


def _draw_positive(axes, x, y, **style) -> None:
    x, y = np.array(x, float), np.array(y, float)
    axes.plot(x[y > 0], y[y > 0], **style)


def _draw_correlation(axes, correlation: TwoPointCorrelation) -> None:
    for axis, r, s2 in zip(AXES, correlation.r_nm_xyz, correlation.S2_xyz):
        if len(r) < 2:  # of one voxel
            continue
        axes.plot(r, s2, color=AXIS_COLOURS[axis], linewidth=0.9, label=f"along {axis}")
    axes.plot(correlation.r_nm, correlation.S2, color="k", label="mean over shells")
    axes.axhline(correlation.filler_fraction ** 2, color="0.5", linestyle="--", linewidth=0.9, label="φ²")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    _mark(axes, correlation.first_zero_nm, 0.12, "S₂ = φ²", correlation.first_zero_nm)
    axes.set_xlabel("distance r (nm)")
    axes.set_ylabel("S₂ of the pores, ρ < ½")
    axes.legend(loc="upper right")


def _draw_chords(axes, report: MorphologyResult) -> None:
    for name, chords in zip(PHASE_COLOURS, report.chords):
        lengths, weights = _pool_chords(chords)
        if not lengths.size:
            continue
        edges_nm = [h for h, counts in zip(chords.voxel_nm_xyz, chords.counts_by_voxels_xyz) if len(counts)]
        width = max(edges_nm)
        # Bins of whole voxels, with edges between the lengths that occur.
        width *= max(1, round(lengths.max() / width / CHORD_BINS))
        edges = np.arange(0.5 * min(edges_nm), lengths.max() + width, width)
        wrapping = np.mean([share for share in chords.wrapping_fraction_xyz if share is not None])
        label = f"{name}s, mean {chords.mean_nm:.3g} nm" + (f"; {wrapping:.1%} endless" if wrapping > 0 else "")
        axes.hist(lengths, edges, weights=weights, density=True, histtype="stepfilled", alpha=0.3,
                  color=PHASE_COLOURS[name])
        axes.hist(lengths, edges, weights=weights, density=True, histtype="step", linewidth=1.4,
                  color=PHASE_COLOURS[name], label=label)
        axes.axvline(chords.mean_nm, color=PHASE_COLOURS[name], linestyle="--", linewidth=1)
    axes.set_xlim(left=0)
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel("chord length along the axes (nm)")
    axes.set_ylabel("density of chords (1/nm)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right")


def _pool_chords(chords: ChordsResult) -> tuple[np.ndarray, np.ndarray]:
    """Lengths in nm along all axes and how often each occurs on test lines of equal length."""
    counts = [np.array(c, float) for c in chords.counts_by_voxels_xyz]
    spacing = chords.voxel_nm_xyz
    lengths = np.concatenate([h * np.arange(c.size) for c, h in zip(counts, spacing)])
    weights = np.concatenate([c / h for c, h in zip(counts, spacing)])
    return lengths[weights > 0], weights[weights > 0]


def _draw_thickness(axes, report: MorphologyResult) -> None:
    for name, thickness in zip(PHASE_COLOURS, report.thickness):
        if thickness.mean_nm is None:
            continue
        diameters = [*thickness.diameter_nm, thickness.largest_nm]
        larger = [*thickness.volume_fraction_at_least, 0]
        axes.plot(diameters, larger, color=PHASE_COLOURS[name],
                  label=f"{name}s, mean {thickness.mean_nm:.3g} nm")
        axes.plot(thickness.d50_nm, 0.5, "o", color=PHASE_COLOURS[name], markersize=4)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("local thickness (nm)")
    axes.set_ylabel("volume fraction at least as thick")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left")


def _mark(axes, position: float | None, height: float, name: str, length: float | None) -> None:
    if position is not None and length is not None:
        axes.axvline(position, color="0.3", linestyle=":", linewidth=1)
        low, high, at = axes.xaxis.get_transform().transform(np.array([*axes.get_xlim(), position]))
        left = at - low > 0.75 * (high - low)  # on the side of the line where there is room
        axes.annotate(f"{name}\n{length:.3g} nm", (position, height), (-3 if left else 3, 0),
                      xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
                      ha="right" if left else "left", fontsize=8)
