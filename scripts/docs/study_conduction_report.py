"""Figures, data files and tables of docs/conduction.md; run by scripts/docs/study_conduction.py."""

import math

import matplotlib.style
import numpy as np
from common import BLUE, GREEN, GREY, ORANGE, STYLE, save, table, write_csv
from matplotlib.figure import Figure

SOLVERS = {"fft": ("fft", BLUE, "o"), "boomeramg": ("petsc, BoomerAMG", ORANGE, "s"), "gamg": ("petsc, GAMG", GREEN, "^"),
           "perturbation": ("perturbation", GREY, "x")}
TIMED = ("fft", "boomeramg", "gamg")
HU_CONTRAST = 3516


def report(rows: dict) -> None:
    """Everything for which there are rows.

    Parameters
    ----------
    rows : dict of study: list of dict
    """
    with matplotlib.style.context(STYLE):
        if rows["agreement"]:
            agreement(rows["agreement"])
        if rows["contrast"] and rows["size"] and rows["threshold"]:
            iterations(rows["contrast"], rows["size"], rows["threshold"])
        if rows["threshold"]:
            estimates(rows["threshold"])
        if rows["time"]:
            times(rows["time"])
    for row in rows["large"]:
        print(f"256^3: iterations {row['iterations']}, {row['wall']:.1f} s, sigma {row['value']}, error {row['error']}")


# --- agreement -------------------------------------------------------------------------------------------------------


def agreement(rows) -> None:
    data, lines, petsc, bracket = [], [], [], []
    for row in sorted(rows, key=lambda row: (row["class"], row["case"]["porosity"])):
        case = row["case"]
        x, y = case.get("x", 1), case.get("y", 1)
        fft = np.array(row["fft"]["value"])
        differences = {name: np.abs(np.array(row[name]["value"]) / fft - 1) for name in ("boomeramg", "gamg")}
        bars = {name: np.array(row[name]["error"]) + row["fft"]["error"] for name in differences}
        ends = np.array([row[name]["value"] for name in ("fft_fine", "elements_fine", "elements")]) / fft - 1
        for i, axis in enumerate(row["axes"]):
            data.append([x, y, case["porosity"], row["porosity_voxels"], row["class"], axis, fft[i], row["fft"]["error"][i],
                         row["fft"]["iterations"][i],
                         *(value for name in differences for value in (row[name]["value"][i], row[name]["error"][i],
                                                                       row[name]["iterations"][i])),
                         row["elements"]["value"][i], row["elements"]["error"][i], row["elements"]["iterations"][i],
                         row["fft_fine"]["value"][i], row["elements_fine"]["value"][i]])
            petsc += [(name, differences[name][i], bars[name][i]) for name in differences if bars[name][i] > 0]
        bracket.append((f"{row['class']}  {100 * case['porosity']:.0f} %  ({x}, {y})", ends))
        # Ascending, but for the solvers' errors.
        inside = np.all(np.diff(np.vstack([np.zeros(len(fft)), ends]), axis=0) >= -2e-4)
        lines.append([row["class"], f"{100 * case['porosity']:.0f} %", f"({x}, {y})", row["axes"],
                      ", ".join(map(str, row["fft"]["iterations"])), ", ".join(map(str, row["boomeramg"]["iterations"])),
                      ", ".join(map(str, row["elements"]["iterations"])), f"{differences['boomeramg'].max():.0e}",
                      f"{100 * ends[2].max():.1f} %", "yes" if inside else "no"])
    columns = [f"{name}{what}" for name in ("fft", "boomeramg", "gamg", "elements")
               for what in ("", "_error", "_iterations")]
    write_csv("cond_agreement", ["x", "y", "porosity", "porosity_voxels", "class", "axis", *columns, "fft_half_voxel",
                                 "elements_half_voxel"], data)
    print(table(["class", "porosity", "(x, y)", "along", "fft", "petsc", "elements", "petsc against fft",
                 "elements above fft", "bracketed"], lines))
    _draw_agreement(bracket, petsc)


def _draw_agreement(bracket, petsc) -> None:
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
    for number, (_, ends) in enumerate(bracket):
        for axis, (fine, elements_fine, elements) in enumerate(100 * ends.T):
            at = number + 0.22 * (axis - (ends.shape[1] - 1) / 2)
            left.plot([0, elements], [at, at], color=BLUE, lw=2.4, alpha=0.35, solid_capstyle="butt")
            left.plot([fine, elements_fine], [at, at], color=ORANGE, lw=2.4, solid_capstyle="butt")
    left.set_yticks(range(len(bracket)), [name for name, _ in bracket], fontsize=7)
    left.invert_yaxis()
    left.set_xlabel("σ_eff relative to finite volumes on the image (%)")
    left.plot([], [], color=BLUE, lw=2.4, alpha=0.35, label="from finite volumes to elements")
    left.plot([], [], color=ORANGE, lw=2.4, label="the same on voxels halved")
    left.legend(loc="lower right")
    left.set_title("Class, porosity, shape factors; one line an axis")
    for name in ("boomeramg", "gamg"):
        chosen = np.array([(bar, max(difference, 1e-12)) for other, difference, bar in petsc if other == name])
        label, color, marker = SOLVERS[name]
        right.loglog(*chosen.T, marker, color=color, label=label, ls="none", mfc="none")
    ends = np.array([3e-6, 4e-4])
    right.loglog(ends, ends, color=GREY, lw=0.8)
    right.text(ends[0], ends[0] * 1.5, "equal", color=GREY, fontsize=7.5, rotation=30)
    right.set_xlabel("sum of the two estimated errors")
    right.set_ylabel("|petsc / fft − 1|")
    right.legend(loc="lower right")
    save(figure, "cond_agreement")


# --- iterations ------------------------------------------------------------------------------------------------------


def count(row) -> float:
    """Iterations of a solve; not a number where it failed, or had nothing to do: a uniform medium."""
    return row.get("iterations", [0])[0] or math.nan


def iterations(contrasts, sizes, thresholds) -> None:
    figure = Figure(figsize=(10.4, 3.5), layout="constrained")
    by_contrast, by_size, by_porosity = figure.subplots(1, 3)
    _draw_contrast(by_contrast, contrasts)
    _draw_size(by_size, sizes)
    _draw_threshold(by_porosity, thresholds)
    for ax in (by_contrast, by_size, by_porosity):
        ax.set_ylabel("iterations to 1e-4 of σ_eff")
        ax.set_yscale("log")
        ax.set_ylim(1, 4000)
    by_contrast.legend(loc="upper left")
    save(figure, "cond_iterations")


def _draw_contrast(ax, rows) -> None:
    data = []
    for name, (label, color, marker) in SOLVERS.items():
        for kind, style in (("pores conduct", "-"), ("insulating pores", "--")):
            chosen = sorted((row["case"]["contrast"], count(row)) for row in rows
                            if row["case"]["solver"] == name and row["case"]["kind"] == kind)
            # Two phases of infinite contrast: beyond the axis.
            x = [value if math.isfinite(value) else 1e10 for value, _ in chosen]
            finite = sum(value < 1e10 for value in x)
            ax.loglog(x[:finite], [y for _, y in chosen[:finite]], style, marker=marker, color=color, mfc="none",
                      label=label if style == "-" else None)
            ax.loglog(x[finite:], [y for _, y in chosen[finite:]], marker, color=color, mfc="none")
            data += [[kind, name, value, y] for value, y in chosen]
    ax.set_xticks([1, 1e2, 1e4, 1e6, 1e8, 1e10], ["1", "10²", "10⁴", "10⁶", "10⁸", "∞"])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("contrast")
    ax.set_title("40 % pores, 64³: — pores conduct,\n- - insulating pores, surface : bulk", fontsize=8.5)
    write_csv("cond_contrast", ["kind", "solver", "contrast", "iterations"], data)


def _draw_size(ax, rows) -> None:
    data = []
    for name, (_, color, marker) in SOLVERS.items():
        for finer, style in ((False, "-"), (True, "--")):
            chosen = sorted((row["case"].get("refined_to", row["case"]["n"]), count(row)) for row in rows
                            if row["case"]["solver"] == name and ("refined_to" in row["case"]) == finer
                            and row["case"]["sigma"][2] < 1)
            ax.loglog(*zip(*chosen), style, marker=marker, color=color, mfc="none")
        data += [["cell of 16 nm" if "refined_to" in row["case"] else "voxels of 0.5 nm", name,
                  "1 : 0" if row["case"]["sigma"][2] == 1 else f"{HU_CONTRAST} : 1 : 0",
                  row["case"].get("refined_to", row["case"]["n"]), count(row)]
                 for row in rows if row["case"]["solver"] == name]
    ax.set_xticks([32, 64, 128, 256], ["32", "64", "128", "256"])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("voxels along the cell")
    ax.set_title(f"40 % pores, {HU_CONTRAST} : 1 : 0: — larger cells,\n- - finer voxels", fontsize=8.5)
    write_csv("cond_size", ["series", "solver", "conductivities", "n", "iterations"], data)


def _draw_threshold(ax, rows) -> None:
    data = []
    for name, (_, color, marker) in SOLVERS.items():
        for drawn, style in ((False, "-"), (True, "--")):
            found: dict = {}
            for row in rows:
                if ("random" in row["case"]) == drawn:
                    porosity = 1 - row["case"]["random"] if drawn else row["case"]["porosity"]
                    stops = {stop[0]: stop[1] for stop in row[name].get("stops", [])}
                    found.setdefault(porosity, []).append(stops.get(1e-4, math.nan))
                    data.append(["by lot" if drawn else "grown", name, porosity, row["case"]["seed"],
                                 *(stops.get(rtol, math.nan) for rtol in (1e-2, 1e-3, 1e-4, 1e-5)),
                                 row["conducting_wrapping"], row["best_wrapping"]])
            x = sorted(found)
            for porosity in x:
                ax.plot([100 * porosity] * len(found[porosity]), found[porosity], marker, color=color, mfc="none", ms=3)
            ax.plot([100 * porosity for porosity in x], [np.mean(found[porosity]) for porosity in x], style, color=color)
    ax.set_xlabel("porosity (%)")
    ax.set_title(f"{HU_CONTRAST} : 1 : 0, three samples each: — grown (64³),\n- - voxels drawn by lot (48³)", fontsize=8.5)
    write_csv("cond_threshold", ["microstructure", "solver", "porosity", "seed", "iterations_1e-2", "iterations_1e-3",
                                 "iterations_1e-4", "iterations_1e-5", "share_of_conductors_percolating",
                                 "share_of_best_percolating"], data)


def estimates(rows) -> None:
    """Is the estimated error honest near a threshold?"""
    lines = []
    for drawn, what in ((False, "grown, 26–40 % pores"), (True, "by lot, 50–67 % pores")):
        for name in SOLVERS:
            ratios = np.array([stop[2] / stop[3] for row in rows if ("random" in row["case"]) == drawn
                               for stop in row[name].get("stops", [])])
            if ratios.size:
                lines.append([what, SOLVERS[name][0], str(ratios.size), f"{np.median(ratios):.2f}", f"{ratios.max():.2f}",
                              str(int((ratios > 2).sum()))])
    print(table(["microstructures", "solver", "stops", "median true / estimated", "largest", "above 2"], lines))


# --- time ------------------------------------------------------------------------------------------------------------


def seconds_for(row: dict, fields: int = 3) -> float:
    """Of a solve for several fields that share a set-up, from one; infinite where it failed."""
    if "failed" in row:
        return math.inf
    rest = row["seconds"] - row["first"]
    each = rest * row["iterations"][0] / max(row["iterations"][0] - 1, 1)
    return row["seconds"] - each + fields * each


def times(rows) -> None:
    data, lines = [], []
    for row in rows:
        case = row["case"]
        what = "grown" if "porosity" in case else "by lot"
        porosity = case.get("porosity", 1 - case.get("random", 0))
        spent = {name: seconds_for(row[name]) for name in TIMED}
        data.append([what, porosity, case["n"], *case["sigma"], row["contrast"], row["conducting_wrapping"],
                     row["best_wrapping"],
                     *(value for name in spent for value in (count(row[name]), spent[name]))])
        if case["n"] == 64 and case["sigma"] in ([0, 1, 1], [0, 1, 1 / 3516], [0, 1, 1e-6], [1e-6, 1, 1]):
            lines.append([what, f"{100 * porosity:.0f} %",
                          " : ".join(f"{s:.3g}" for s in case["sigma"]),
                          *(f"{count(row[name]):.0f}, {spent[name]:.2f} s" if math.isfinite(spent[name]) else "> 1000"
                            for name in spent)])
    write_csv("cond_time", ["microstructure", "porosity", "n", "sigma_pore", "sigma_surface", "sigma_bulk", "contrast",
                            "share_of_conductors_percolating", "share_of_best_percolating",
                            *(f"{name}_{what}" for name in TIMED for what in ("iterations", "seconds"))], data)
    print(table(["64³", "porosity", "pore : surface : bulk", "fft", "BoomerAMG", "GAMG"], lines))
