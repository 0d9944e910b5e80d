"""Draw the figures of docs/conduction.md on the error of the grid and bring their tables up to date.

    python scripts/docs/conduction_figures.py [exact] [smooth] [grown]

The measurements are those of tests/verification; without a name all are made, in about ten minutes on one core.  A table
goes between its lines ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` of the document; where there are none it is printed.
"""

import sys

import common  # puts tests/ and tests/verification on the path
import matplotlib.style
import numba
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import conduction_exact_cases as ec  # isort: skip
import conduction_grid_cases as gc  # isort: skip

DOCUMENT = common.ROOT / "docs" / "conduction.md"
COLOURS = dict(zip(ec.SCHEMES, (common.BLUE, common.ORANGE, common.GREEN)))
NAMES = dict(zip(ec.SCHEMES, ("finite volumes", "elements", "faces below the voxel")))
MARKERS = dict(zip(ec.SCHEMES, "os^"))
# On voxels twice as fine as the tests', where that is cheap.
FINER = {"layers": {16: 1, 32: 1, 64: 1, 128: 1, 256: 1}, "checkerboard": {16: 1, 32: 1, 64: 1, 128: 1, 256: 1}}


def percents(axis, values) -> None:
    common.label_ticks(axis, np.divide(values, 100), [f"{value:g} %" for value in values])


def legend(figure, schemes, extra=()) -> None:
    handles = [Line2D([], [], color=COLOURS[s], marker=MARKERS[s], label=NAMES[s]) for s in schemes]
    figure.legend(handles=[*handles, *extra], loc="outside lower center", ncols=6, fontsize=7.5)


# --- exact cases ----------------------------------------------------------------------------------------------------


def exact() -> dict[str, str]:
    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    panels = figure.subplots(2, 5, sharey=True)
    rows = []
    for name, axes in zip(ec.CASES, panels.flat):
        num_voxels, errors = ec.measure(name, FINER.get(name.split()[0]))
        for scheme, values in errors.items():
            axes.loglog(num_voxels, np.abs(values), color=COLOURS[scheme], linewidth=1)
            for high in (True, False):
                chosen = (values > 0) == high
                axes.loglog(num_voxels[chosen], np.abs(values[chosen]), MARKERS[scheme], color=COLOURS[scheme],
                            fillstyle="none" if high else "full")
            rows.append([name if scheme == next(iter(errors)) else "", NAMES[scheme],
                         *(f"{n}: {common.percent(value, 3)}" for n, value in zip(num_voxels[-3:], values[-3:])),
                         *(f"{p:.2f}" for p in ec_orders(num_voxels, values)[-2:])])
        guide = np.array([num_voxels[0], num_voxels[-1]], dtype=float)
        for order, style in ((1, ":"), (2, "--")):
            axes.loglog(guide, 0.3 * (guide / guide[0]) ** -order, style, color=common.GREY, linewidth=0.8)
        axes.set_title(name.replace(", ", ",\n", 1).replace(" of crystals", "\nof crystals"), fontsize=8)
        common.label_ticks(axes.xaxis, num_voxels, [str(n) for n in num_voxels])
        axes.set_ylim(3e-5, 0.4)
    percents(panels[0, 0].yaxis, (0.01, 0.1, 1, 10))
    for axes in panels[:, 0]:
        axes.set_ylabel("error of the conductivity")
    for axes in panels[1]:
        axes.set_xlabel("voxels along the cell")
    guides = [Line2D([], [], color=common.GREY, linestyle=style, label=label) for style, label in
              ((":", "first order"), ("--", "second order"))]
    guides.append(Line2D([], [], color="black", linestyle="", marker="o", fillstyle="none", label="open: too high"))
    legend(figure, ec.SCHEMES, guides)
    common.save(figure, "cond_exact")
    return {"exact": common.table(["case", "scheme", "voxels: error", "", "", "order, last but one", "last"], rows)}


def ec_orders(num_voxels, errors) -> np.ndarray:
    return np.log(np.abs(errors[:-1] / errors[1:])) / np.log(num_voxels[1:] / num_voxels[:-1])


# --- smooth interfaces ----------------------------------------------------------------------------------------------


def smooth() -> dict[str, str]:
    figure = Figure(figsize=(8.2, 4.9), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    n = np.array(gc.VOXELS_PER_DEPTH)
    rows = []
    for line, field in zip(panels, gc.SMOOTH_FIELDS):
        for axes, (sigmas, sigma) in zip(line, gc.SMOOTH_SIGMAS.items()):
            found = gc.smooth_errors(field, sigma)
            for scheme, errors in found.errors.items():
                axes.loglog(n, errors, MARKERS[scheme] + "-", color=COLOURS[scheme])
            axes.axhspan(1e-6, found.uncertainty, color=common.GREY, alpha=0.15, linewidth=0)
            axes.set_title(f"{field}, {sigmas}", fontsize=8)
            factors = found.errors["finite volumes"] / found.errors["subvoxel"]
            rows += [[f"{field}, {sigmas}" if scheme == ec.SCHEMES[0] else "", NAMES[scheme],
                      *(f"{100 * e:.2f} %" for e in errors)] for scheme, errors in found.errors.items()]
            rows.append(["", f"factor (limit good to {100 * found.uncertainty:.2f} %)", *(f"{f:.1f}" for f in factors)])
    common.label_ticks(panels[0, 0].xaxis, n, [str(value) for value in n])
    panels[0, 0].set_ylim(2e-4, 0.3)
    percents(panels[0, 0].yaxis, (0.1, 1, 10))
    for axes in panels[:, 0]:
        axes.set_ylabel("error of the conductivity")
    for axes in panels[1]:
        axes.set_xlabel("voxels to the depth of the interface")
    legend(figure, ec.SCHEMES, [Line2D([], [], color=common.GREY, alpha=0.3, linewidth=6, label="limit not known better")])
    common.save(figure, "cond_subvoxel")
    return {"subvoxel": common.table(["pore : surface : bulk", "voxels to the depth", *(str(value) for value in n)], rows)}


# --- grown microstructures ------------------------------------------------------------------------------------------


def grown() -> dict[str, str]:
    found = gc.grown_grid_errors()
    draw_grown(found)

    def row(name, chosen):
        position = np.array([(one.voxels - one.volumes) / one.gap for one in chosen])
        low, middle, high = np.quantile(position, (0.05, 0.5, 0.95))
        errors = [[abs(value / one.smooth - 1) for value in (one.volumes, one.elements, one.subvoxel)] for one in chosen]
        gain = np.median([volumes / below for volumes, _, below in errors])
        return [name, str(len(chosen)), f"{100 * np.median([one.gap / one.voxels for one in chosen]):.1f} %",
                f"{position.min():.2f}", f"{low:.2f}", f"{middle:.2f}", f"{high:.2f}", f"{position.max():.2f}",
                *(f"{100 * e:.1f} %" for e in np.median(errors, axis=0)), f"{gain:.1f}"]

    rows = [row("**all**", found)]
    rows += [row(name, [one for one in found if one.contrast == name]) for name in dict.fromkeys(o.contrast for o in found)]
    head = ["contrast", "values", "gap / value", "limit at: smallest", "5 %", "median", "95 %", "largest",
            "finite volumes", "elements", "faces below the voxel", "factor"]
    return {"bracket": common.table(head, rows), "bars": bars(found)}


def bars(found) -> str:
    """How often an error bar holds what it should."""
    volumes, gap, voxels, smooth_limit, halved = (
        np.array([getattr(one, name) for one in found]) for name in ("volumes", "gap", "voxels", "smooth", "halved"))
    step = np.abs(halved - volumes)
    claims = [("voxel image", "finite volumes … elements", np.abs(voxels - volumes - 0.5 * gap) <= 0.5 * gap)]
    claims += [("voxel image", f"finite volumes + 0.6 gap ± {k:g} gap", np.abs(voxels - volumes - 0.6 * gap) <= k * gap)
               for k in (0.05, 0.1, 0.15)]
    claims += [("smooth density", f"finite volumes + 0.8 gap ± {k:g} gap",
                np.abs(smooth_limit - volumes - 0.8 * gap) <= k * gap) for k in (0.5, 0.75, 1)]
    claims += [("smooth density", f"finite volumes ± {k:g} × the change on halved voxels",
                np.abs(smooth_limit - volumes) <= k * step) for k in (1, 2, 2.5)]
    claims += [("smooth density", f"extrapolated from halved voxels ± {k:g} × the change",
                np.abs(smooth_limit - 2 * halved + volumes) <= k * step) for k in (0.25, 0.5, 1)]
    return common.table(["limit", "error bar", "holds it"],
                    [[what, bar, f"{100 * np.mean(held):.0f} %"] for what, bar, held in claims])


def draw_grown(found) -> None:
    figure = Figure(figsize=(8.2, 3.3), layout="constrained")
    axes = figure.add_subplot(xlabel="microstructure, contrast and axis, by the width of the bracket",
                              ylabel="conductivity / limit of the voxel image", xlim=(-1, len(found)))
    ordered = sorted(found, key=lambda one: one.gap / one.voxels)
    for x, one in enumerate(ordered):
        axes.plot([x, x], [one.volumes / one.voxels, one.elements / one.voxels], color=common.GREY, linewidth=1.5, alpha=0.6)
    for label, marker, colour, values in (
            ("finite volumes", "_", common.BLUE, [one.volumes for one in ordered]),
            ("elements", "_", common.ORANGE, [one.elements for one in ordered]),
            ("faces below the voxel", "^", common.GREEN, [one.subvoxel for one in ordered]),
            ("limit of the density on finer grids", "x", common.RED, [one.smooth for one in ordered])):
        axes.plot(np.array(values) / [one.voxels for one in ordered], marker, color=colour, label=label, markersize=4,
                  markeredgewidth=1.4)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.legend(ncols=2, loc="lower left")
    common.save(figure, "cond_exact_bracket")


def main() -> None:
    numba.set_num_threads(1)
    matplotlib.style.use(common.STYLE)
    parts = {"exact": exact, "smooth": smooth, "grown": grown}
    names = sys.argv[1:] or list(parts)
    unknown = sorted(set(names) - set(parts))
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    for name in names:
        common.put_tables(DOCUMENT, parts[name]())


if __name__ == "__main__":
    main()
