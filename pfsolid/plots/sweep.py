"""The figures of a sweep, drawn from its dataset: conductivity over what varies, and the phase diagram in shape factors.

An unfinished sweep is drawn as far as it is collected; what is missing stays blank.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..config.text import shown
from ..errors import InputError
from ..grid import AXES
from ..theory.effective_medium import CoatedPores, core_fraction
from ..theory.models import Theory
from ..units import S_PER_M
from .figure import Look, save_figure
from .sweep_gallery import draw_gallery, has_pictures
from .sweep_phases import draw_phase_diagram
from .sweep_table import POROSITY, SHAPE_FACTORS, Table, described, evenly, label_of, read_table, spread
from .theory import EXPERIMENT, LINES, new_figure

LI3PS4 = 0.0, 3.14e-3, 8.93e-7  # S/cm, pore, surface and bulk of Hu 2017, to which the experiment belongs
PAPER_RADIUS_NM = 14.0  # of the pores, in the paper's effective-medium curves
MOST_CURVES, FEW_VALUES, CURVE_POINTS = 5, 12, 200
COMPONENT_COLOURS = LINES[0], LINES[2], LINES[3]
SIGMA = "effective conductivity (S/cm)"
MEAN = r"effective conductivity, mean of $\sigma_{xx}, \sigma_{yy}, \sigma_{zz}$ (S/cm)"


def plot_sweep(directory: Path, look: Look = Look()) -> tuple[list[Path], list[str]]:
    """Draw what can be drawn of a collected sweep into ``directory/figures``.  For one process.

    ``sigma_porosity.png`` needs an axis of porosities, ``phase_diagram.png`` both shape factors as axes, ``gallery.png``
    the kept field ``phase``; ``sigma_axes.png`` shows the conductivity over each axis, whatever it is.

    Parameters
    ----------
    directory : Path
        Of a sweep, with its dataset.
    look : Look

    Returns
    -------
    list of Path
        The figures made.
    list of str
        What is not drawn, and why.

    Raises
    ------
    InputError
        The directory is not that of a sweep, has no dataset, or nothing in it can be drawn.
    CheckpointError
        A file is damaged.
    OutputError
    """
    table = read_table(Path(directory))
    varied, conducts = table.varied(), np.isfinite(table.numbers["sigma_mean_S_per_cm"]).any()
    drawings, left_out = {}, []
    if conducts:
        if POROSITY in varied:
            drawings["sigma_porosity"] = _porosity_figure
        if varied:
            drawings["sigma_axes"] = _axes_figure
    else:
        left_out.append("no conductivities: no case has one that means something")
    if set(SHAPE_FACTORS) <= set(varied) and any(table.connectivity):
        drawings["phase_diagram"] = draw_phase_diagram
    if has_pictures(table):
        drawings["gallery"] = draw_gallery
    else:
        left_out.append('no gallery: no phases are kept; plan the sweep with keep = ["phase"]')
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: {'; '.join(left_out)}")
    made = [save_figure(table.directory, name, lambda draw=draw: draw(table), look) for name, draw in drawings.items()]
    return made, left_out


# --- conductivity over porosity -----------------------------------------------------------------------------


def _porosity_figure(table: Table) -> Figure:
    """Mean and range of replicas over porosity, a curve for each combination of further axes, with experiment and EMT."""
    figure = new_figure(5.0)
    axes = figure.subplots()
    further = [key for key in table.varied() if key != POROSITY]
    known = np.isfinite(table.numbers["sigma_mean_S_per_cm"])
    curves = [(values, rows[known[rows]]) for values, rows in table.groups(further) if known[rows].any()]
    chosen = evenly(curves, MOST_CURVES)
    for (values, rows), colour in zip(chosen, LINES):
        _draw_samples(axes, table, rows, colour, described(further, values) or "simulated")
    if not set(SHAPE_FACTORS) & set(further):  # the theory is of spheres
        _draw_theories(axes, table, [rows for _, rows in chosen])
    if _is_li3ps4(table):
        axes.axhline(EXPERIMENT, color="black", linewidth=0.8, linestyle="-.",
                     label="experiment, 1.64e-4 S/cm (Liu 2013 in Hu 2017, porosity not given)")
    axes.set_yscale("log")
    axes.set(xlabel="porosity (%)", ylabel=MEAN)
    axes.grid(True, color="0.92", linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=2)
    left_out = f"; {len(chosen)} of {len(curves)} curves" if len(chosen) < len(curves) else ""
    figure.suptitle(f"{table.caption}{left_out}\nsingle samples, their means, and bars from the lowest to the highest",
                    fontsize=9)
    return figure


def _draw_samples(axes, table: Table, rows: np.ndarray, colour: str, label: str) -> None:
    porosity, sigma = table.numbers["porosity"], table.numbers["sigma_mean_S_per_cm"]
    by_value = {}
    for row in rows:
        by_value.setdefault(table.cases[row].values[POROSITY], []).append(row)
    places = [by_value[value] for value in sorted(by_value)]
    at = [100 * porosity[here].mean() for here in places]
    mean, low, high = np.array([spread(sigma[here]) for here in places]).T
    axes.plot(100 * porosity[rows], sigma[rows], ".", color=colour, markersize=4, alpha=0.5)
    axes.errorbar(at, mean, (mean - low, high - mean), color=colour, marker="o", markersize=4.5, capsize=2.5, elinewidth=1,
                  label=label)


def _draw_theories(axes, table: Table, curves: list[np.ndarray]) -> None:
    """The paper's effective-medium theory at the conductivities and surface depth of each curve, equal ones once."""
    lines = {}
    for rows, colour in zip(curves, LINES):
        sigmas, depth = _sigmas(table, rows[0]), float(table.numbers["surface_depth_nm"][rows[0]])
        if sigmas is not None and np.isfinite(depth):
            lines.setdefault((*sigmas, depth), colour)
    percent = 100 * table.numbers["porosity"][np.concatenate(curves)]
    for (*sigmas, depth), colour in lines.items():
        ratio, theory = depth / PAPER_RADIUS_NM, Theory("gemt", CoatedPores(*sigmas))
        porosity = np.linspace(percent.min(), percent.max(), CURVE_POINTS) / 100
        porosity = porosity[porosity <= core_fraction(ratio)]
        axes.plot(100 * porosity, theory.conductivity(porosity, ratio), "--", linewidth=1.1,
                  color=colour if len(lines) > 1 else "0.35",
                  label=f"EMT as in Hu 2017 (p$_c$ = {theory.percolation_threshold:g}, t = {theory.exponent:g}, "
                        f"r = {PAPER_RADIUS_NM:g} nm), λ = {depth:g} nm")


def _sigmas(table: Table, row: int) -> tuple[float, float, float] | None:
    """Conductivities of pore, surface and bulk of a case in S/cm."""
    conduction = table.plan.config_of(table.cases[row]).conduction
    return None if conduction is None else tuple(value / S_PER_M for value in conduction.sigma_S_per_m)


def _is_li3ps4(table: Table) -> bool:
    sigmas = _sigmas(table, 0)
    return sigmas is not None and np.allclose(sigmas, LI3PS4, rtol=0.02)


# --- conductivity over any axis -----------------------------------------------------------------------------


def _axes_figure(table: Table) -> Figure:
    """Mean and range of sigma_xx, yy, zz over each axis, all others and the replicas pooled."""
    keys = table.varied()
    lines = -(-len(keys) // 2)
    figure = new_figure(0.6 + 2.7 * lines)
    panels = figure.subplots(lines, min(len(keys), 2), sharey=True, squeeze=False)
    for axes, key in zip(panels.flat, keys):
        _draw_axis(axes, table, key)
    for axes in panels.flat[len(keys):]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(SIGMA)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"{table.caption}\nmeans, and the range over all else that varies", fontsize=9)
    return figure


def _draw_axis(axes, table: Table, key: str) -> None:
    groups = table.groups([key])
    values = [value for (value,), _ in groups]
    numeric = all(isinstance(value, (int, float)) for value in values)
    places = np.array(values, float) if numeric else np.arange(len(values), dtype=float)
    order = np.argsort(places)
    for number, (axis, colour, marker) in enumerate(zip(AXES, COMPONENT_COLOURS, "os^")):
        sigma = table.numbers[f"sigma_{axis}{axis}_S_per_cm"]
        if not np.isfinite(sigma).any():  # an axis that two-dimensional runs do not have
            continue
        mean, low, high = np.array([spread(sigma[rows]) for _, rows in groups]).T[:, order]
        label = f"σ$_{{{axis}{axis}}}$"
        if numeric:
            axes.fill_between(places[order], low, high, color=colour, alpha=0.13, linewidth=0)
            axes.plot(places[order], mean, color=colour, marker=marker if len(values) <= FEW_VALUES else "", markersize=4,
                      label=label)
        else:
            axes.errorbar(places + 0.12 * (number - 1), mean, (mean - low, high - mean), color=colour, marker=marker,
                          linestyle="", capsize=2.5, label=label)
    axes.set_yscale("log")
    if not numeric:
        axes.set_xticks(places, [shown(value) for value in values])
    elif places.min() > 0 and places.max() / places.min() > 30:
        axes.set_xscale("log")
    axes.set_xlabel(label_of(key))
    axes.grid(True, color="0.92", linewidth=0.6)
