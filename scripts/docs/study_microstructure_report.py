"""Figures, tables and data files of docs/microstructure.md; run by scripts/docs/study_microstructure.py."""

import math

import matplotlib
import matplotlib.style
import numpy as np
from common import BLUE, GREEN, GREY, ORANGE, ROOT, STYLE, put_tables, save, table, write_csv
from matplotlib.figure import Figure
from scipy import optimize, stats

from pfsolid.plots.box import draw_structure, view_size
from pfsolid.plots.planes import DENSITY_MAP

DOCUMENT = ROOT / "docs" / "microstructure.md"
PAPER_CLASS = {(1, 1): "0-3", (3000, 1): "1-3", (1, 3000): "1-3", (20, 20): "2-3", (3000, 3000): "2-2"}
WINDOW = (100.0, 1000.0)  # reduced times of the exponent's fit
PHASES = {"filler": ("pore", BLUE, "o"), "surface": ("surface layer", ORANGE, "s"), "matrix": ("solid", GREEN, "^")}


def report(rows: dict, field_path) -> None:
    """Everything for which there are rows.

    Parameters
    ----------
    rows : dict of study: list of dict
    field_path : callable
        Where the density of a case of `classes` is.
    """
    with matplotlib.style.context(STYLE):
        tables = {}
        for study, make in (("classes", classes), ("percolation", percolation), ("coarsening", coarsening),
                            ("efficiency", efficiency)):
            if rows[study]:
                tables |= make(rows[study], field_path) if study == "classes" else make(rows[study])
    put_tables(DOCUMENT, tables)


# --- classes ---------------------------------------------------------------------------------------------------------


def classes(rows, field_path) -> dict:
    groups = {}
    for row in rows:
        case = row["case"]
        lengths = tuple(n * h for n, h in zip(case["shape"], case["voxel_nm"]))
        groups.setdefault((case["x"], case["y"], lengths), []).append(row)
    lines, data = [], []
    for (x, y, lengths), members in groups.items():
        members.sort(key=lambda row: row["case"]["seed"])
        last = [row["at"]["1000"] for row in members]
        settled = sum(row["at"]["300"]["class"] == row["at"]["1000"]["class"] for row in members)
        lines.append([f"({x}, {y})", " × ".join(f"{length:g}" for length in lengths), PAPER_CLASS[x, y],
                      ", ".join(found["class"] for found in last),
                      ", ".join(found["filler"]["axes"] or "–" for found in last),
                      ", ".join(found["matrix"]["axes"] or "–" for found in last),
                      ", ".join(str(row["nuclei"]) for row in members),
                      ", ".join(str(found["filler"]["clusters"]) for found in last), f"{settled} of {len(members)}"])
        for row, found in zip(members, last):
            data.append([x, y, *lengths, row["case"]["seed"], row["nuclei"],
                         *(row["at"][t]["class"] for t in ("100", "300", "1000")), found["filler"]["axes"],
                         found["matrix"]["axes"], found["filler"]["clusters"], found["area_per_nm"]])
    write_csv("micro_classes", ["x", "y", "lx_nm", "ly_nm", "lz_nm", "seed", "nuclei", "class_t100", "class_t300",
                                "class_t1000", "pore_axes", "solid_axes", "pore_clusters", "area_per_nm"], data)
    _draw_classes(rows, field_path)
    return {"classes": table(["(x, y)", "cell (nm)", "paper", "found (seeds 1, 2, 3)", "pore along", "solid along",
                              "nuclei", "pore bodies", "same at t = 300"], lines)}


def _draw_classes(rows, field_path) -> None:
    chosen = sorted((row for row in rows if row["case"]["seed"] == 1), key=lambda row: row["case"]["shape"][0])
    # (1, 3000) is (3000, 1) turned; at (20, 20) the class depends on the seed.
    chosen = [row for row in chosen if row["case"]["x"] != 1 or row["case"]["y"] == 1]
    chosen[2:3] += [row for row in rows if row["case"]["seed"] == 2 and row["case"]["x"] == 20
                    and row["case"]["shape"][0] == 96]
    figure = Figure(figsize=(13.5, 9.6))
    for number, row in enumerate(chosen[:6]):
        case = row["case"]
        path = field_path(case)
        if not path.exists():
            continue
        rho = np.load(path)
        lengths = np.array(rho.shape) * case["voxel_nm"]
        size = view_size(lengths)
        width, height = size * min(np.array([3.6, 3.6]) / size)
        left, bottom = 0.5 + 4.45 * (number % 3), 5.45 - 4.75 * (number // 3)
        axes = figure.add_axes([(left + (3.6 - width) / 2) / 13.5, (bottom + (3.6 - height) / 2) / 9.6,
                                width / 13.5, height / 9.6])
        edges = tuple(np.arange(n + 1) * h for n, h in zip(rho.shape, case["voxel_nm"]))
        draw_structure(axes, rho, edges, matplotlib.colormaps[DENSITY_MAP])
        cell = " × ".join(f"{length:g}" for length in lengths)
        figure.text((left + 1.8) / 13.5, (bottom + 3.75) / 9.6, f"({case['x']}, {case['y']}), seed {case['seed']}, "
                    f"{cell} nm: {row['at']['1000']['class']}", ha="center", fontsize=11)
    save(figure, "micro_classes", 90)


# --- percolation -----------------------------------------------------------------------------------------------------


def percolation(rows) -> dict:
    rows = [row for row in rows if row["surface_fraction"] < 0.99]  # the others are still uniform
    small = [row for row in rows if row["case"]["n"] == 64]
    rows = [row for row in rows if row["case"]["n"] != 64]
    porosities = sorted({row["case"]["porosity"] for row in rows})
    by_porosity = {p: [row for row in rows if row["case"]["porosity"] == p] for p in porosities}
    write_csv("micro_percolation",
              ["porosity", "seed", "n", "nuclei", "class", "pore_axes", "surface_axes", "solid_axes", "pore_fraction",
               "surface_fraction_percolating", "solid_fraction", "surface_volume", "sigma_mean_S_per_cm"],
              [[row["case"]["porosity"], row["case"]["seed"], row["case"]["n"], row["nuclei"], row["class"],
                *(row[phase]["axes"] for phase in PHASES),
                *(float(np.mean(row[phase]["fraction"])) for phase in PHASES),
                row["surface_fraction"], float(np.mean(row["sigma_S_per_cm_xyz"]))]
               for row in sorted(rows + small, key=lambda row: (row["case"]["porosity"], row["case"]["n"],
                                                                row["case"]["seed"]))])
    figure = Figure(figsize=(9.6, 3.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for phase, (name, colour, marker) in PHASES.items():
        axes_share = {p: [len(row[phase]["axes"]) / 3 for row in by_porosity[p]] for p in porosities}
        fraction = {p: [np.mean(row[phase]["fraction"]) for row in by_porosity[p]] for p in porosities}
        for axes, values in ((left, axes_share), (middle, fraction)):
            _error_bars(axes, porosities, values, colour, marker, name)
    labels = "share of axes along which it percolates", "fraction of the phase in percolating clusters"
    for axes, label in zip((left, middle), labels):
        for paper in (32, 61):
            axes.axvline(paper, color=GREY, linewidth=0.8, linestyle=":")
        axes.set(xlabel="porosity (%)", ylabel=label, ylim=(-0.03, 1.05))
    left.legend(loc=(0.4, 0.35), title="dotted: paper")
    sigma = {p: [np.mean(row["sigma_S_per_cm_xyz"]) for row in by_porosity[p]] for p in porosities}
    _error_bars(right, porosities, sigma, "black", "o", None)
    right.set(xlabel="porosity (%)", ylabel="mean σ_eff (S/cm)", yscale="log")
    save(figure, "micro_percolation")

    lines = []
    for phase, rising, low, high, what in THRESHOLDS:
        found = [threshold(part, phase, rising, low, high) for part in (rows, small)]
        lines.append([what, *found, {"pore percolates above": "32", "solid percolates below": "61"}.get(what, "")])
    counts = sorted({len(group) for group in by_porosity.values()})
    seeds = "–".join(map(str, [counts[0], counts[-1]] if len(counts) > 1 else counts))
    means = []
    for p in porosities:
        group = by_porosity[p]
        shares = [_mean_error([np.mean(row[phase]["fraction"]) for row in group]) for phase in PHASES]
        counted = [sum(len(row[phase]["axes"]) for row in group) for phase in PHASES]
        means.append([f"{100 * p:.0f}", *(f"{mean:.2f} ± {error:.2f}" for mean, error in shares),
                      *(f"{count}/{3 * len(group)}" for count in counted),
                      " ".join(sorted({row["class"] for row in group})),
                      "{:.2e} ± {:.0e}".format(*_mean_error(sigma[p]))])
    return {"thresholds": table(["threshold", f"found (%), 96³, {seeds} seeds", "found (%), 64³", "paper (%)"], lines),
            "percolation": table(["porosity (%)", *(f"{name} fraction" for name, _, _ in PHASES.values()),
                                  *(f"{name} axes" for name, _, _ in PHASES.values()), "classes",
                                  "mean σ_eff (S/cm)"], means)}


def _error_bars(axes, porosities, values, colour, marker, label) -> None:
    means, errors = np.array([_mean_error(values[p]) for p in porosities]).T
    # The pore and the surface layer go together on the left, the surface layer and the solid on the right.
    wide = marker == "s"
    axes.errorbar(100 * np.array(porosities), means, errors, color=colour, marker=marker, capsize=2, label=label,
                  linewidth=3.5 if wide else 1.2, markersize=8 if wide else 4, alpha=0.5 if wide else 1,
                  zorder=1 if wide else 2)


def _mean_error(values) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


THRESHOLDS = (("filler", True, 0, 0.5, "pore percolates above"),
              ("surface", True, 0, 0.5, "surface layer percolates above"),
              ("matrix", False, 0.5, 1, "solid percolates below"),
              ("surface", False, 0.5, 1, "surface layer percolates below"),
              ("empty", True, 0, 0.5, "ρ < 0.1 percolates above"),
              ("dense", False, 0.5, 1, "ρ > 0.9 percolates below"))


def threshold(rows, phase: str, rising: bool, low: float, high: float, draws: int = 400) -> str:
    """Porosity (%) at which half the axes percolate: a logistic curve through the axes of all seeds.

    Its uncertainty: the spread over seeds drawn again with replacement, and the step between porosities over sqrt(12).
    """
    groups = {}
    for row in rows:
        if phase in row and low <= row["case"]["porosity"] <= high:
            groups.setdefault(row["case"]["porosity"], []).append(row)
    if not groups:
        return ""
    porosities = np.array(sorted(groups))
    share = [np.array([len(row[phase]["axes"]) / 3 for row in groups[p]]) for p in porosities]
    sign = 1 if rising else -1
    means = np.array([s.mean() for s in share])
    if not (means.min() < 0.5 < means.max()):
        return f"not in {100 * porosities[0]:.0f}–{100 * porosities[-1]:.0f}"
    generator = np.random.default_rng(1)
    centre = _logistic_centre(porosities, means, sign)
    drawn = [_logistic_centre(porosities, np.array([generator.choice(s, s.size).mean() for s in share]), sign)
             for _ in range(draws)]
    nearest = np.searchsorted(porosities, centre)
    step = porosities[nearest] - porosities[nearest - 1]
    return f"{100 * centre:.1f} ± {100 * math.hypot(np.std(drawn), step / math.sqrt(12)):.1f}"


def _logistic_centre(porosities, means, sign) -> float:
    def loss(parameters):
        z = sign * (porosities - parameters[0]) / math.exp(parameters[1])
        return float(np.sum(np.logaddexp(0, z) - means * z))
    widths = np.log([0.004, 0.05])  # bounds: perfectly separated data have no width
    start = porosities[np.argmin(np.abs(means - 0.5))]
    found = optimize.minimize(loss, [start, math.log(0.015)], method="Nelder-Mead",
                              bounds=[(porosities[0], porosities[-1]), tuple(widths)])
    return float(found.x[0])


# --- coarsening ------------------------------------------------------------------------------------------------------


def coarsening(rows) -> dict:
    widths = [row for row in rows if "width_factor" in row["case"]]
    runs = [row for row in rows if "a" in row["case"]]
    tables = {"widths": table(["κ_ii / κ", "axis", "10–90 % width (λ)", "1.0986 √(κ_ii/κ) (λ)", "difference"],
                              [[f"{row['case']['width_factor']:g}", "xyz"[row["case"]["axis"]], f"{row['width']:.4f}",
                                f"{row['expected']:.4f}", f"{100 * (row['width'] / row['expected'] - 1):+.2f} %"]
                               for row in widths])}
    if not runs:
        return tables
    write_csv("micro_coarsening", ["a", "tolerance", "n", "seed", "reduced_time", "spacing_nm", "energy_16w", "steps"],
              [[row["case"]["a"], row["case"].get("tolerance", 0.03), row["case"]["n"], row["case"]["seed"], *values]
               for row in runs
               for values in zip(row["time"], row["spacing_nm"], row["energy"], row["steps"])])
    figure = Figure(figsize=(8.4, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    lines = []
    for a, tolerance, colour, guide, label in ((0.0, 0.03, GREY, 1 / 3, "a = 0, tolerance 0.03"),
                                               (0.0, 0.005, BLUE, 1 / 3, "a = 0, tolerance 0.005"),
                                               (1.0, 0.01, ORANGE, 1 / 4, "a = 1, tolerance 0.01")):
        members = [row for row in runs if (row["case"]["a"], row["case"].get("tolerance", 0.03)) == (a, tolerance)]
        if not members:
            continue
        for number, row in enumerate(members):
            left.loglog(row["time"], _size(row), color=colour, alpha=0.6, label=None if number else label)
        middle = np.mean([np.interp(300, row["time"], _size(row)) for row in members])
        line = np.array(WINDOW)
        if tolerance < 0.03:
            left.loglog(line, 1.12 * middle * (line / 300) ** guide, "--", color=colour,
                        label=f"t^(1/{round(1 / guide)})")
        middles, slopes, errors = _local_exponents(members)
        right.errorbar(middles, slopes, errors, color=colour, marker="o", capsize=2, label=label)
        right.axhline(guide, color=colour, linestyle="--", linewidth=0.8)
        late = [_slope(row["time"], _size(row), WINDOW) for row in members]
        early = [_slope(row["time"], _size(row), (WINDOW[0], 300)) for row in members]
        spacing = [_slope(row["time"], row["spacing_nm"], WINDOW) for row in members]
        lines.append([f"{a:g}", f"{tolerance:g}", f"1/{round(1 / guide)}", f"{members[0]['case']['n']}³",
                      str(len(members)),
                      *map(_with_error, (late, early, spacing)),
                      f"{np.mean([_size(row)[-1] for row in members]):.2f} nm at {members[0]['time'][-1]:.0f}"])
    left.set(xlabel="reduced time", ylabel="size L = γV/F (nm)", xlim=(3, None))
    left.set_yticks((2, 3, 4, 6, 8, 10, 14), ("2", "3", "4", "6", "8", "10", "14"))
    left.set_yticks((), minor=True)
    right.set(xlabel="reduced time", ylabel="local exponent d ln L / d ln t", xscale="log", ylim=(0, 0.45))
    left.legend()
    right.legend(title="dashed: 1/3 and 1/4", loc="lower right")
    save(figure, "micro_coarsening")
    tables["coarsening"] = table(["a", "tolerance", "expected", "grid", "seeds", "n of L, t = 100–1000",
                                  "n of L, t = 100–300", "n of 2π/⟨k⟩, t = 100–1000", "last L"], lines)
    return tables


def _slope(t, size, window) -> float:
    t, size = np.array(t), np.array(size)
    inside = (t >= window[0]) & (t <= window[1])
    return float(np.polyfit(np.log(t[inside]), np.log(size[inside]), 1)[0])


def _with_error(slopes) -> str:
    """Mean over seeds and its 95 % interval after Student."""
    mean, error = _mean_error(slopes)
    return f"{mean:.3f} ± {error * stats.t.ppf(0.975, len(slopes) - 1):.3f}" if len(slopes) > 1 else f"{mean:.3f}"


def _size(row) -> np.ndarray:
    """Volume over interface, from the energy: gamma V / F (nm), gamma = 1/12 and lambda = 1.4 nm."""
    return 1.4 / (12 * np.array(row["energy"]))


def _local_exponents(members):
    edges = np.geomspace(10, members[0]["time"][-1], 8)
    slopes = np.array([[_slope(row["time"], _size(row), window) for window in zip(edges[:-1], edges[1:])]
                       for row in members])
    error = slopes.std(axis=0, ddof=1) / math.sqrt(len(slopes)) if len(slopes) > 1 else np.zeros(len(edges) - 1)
    return np.sqrt(edges[:-1] * edges[1:]), slopes.mean(axis=0), error


# --- efficiency ------------------------------------------------------------------------------------------------------


def efficiency(rows) -> dict:
    figure = Figure(figsize=(8.0, 5.6), layout="constrained")
    grid = figure.subplots(2, 2)
    lines, fractions, data = [], [], []
    for row_of_axes, (begun, name) in zip(grid, ((0, "from noise"), (10, "from t = 10"))):
        runs = [row for row in rows if "scheme" in row["case"] and row["case"].get("from", 0) == begun]
        references = [row for row in runs if row["case"].get("tolerance") == 1e-4]
        if references:
            curves = _curves(runs, references[0], name, lines, data)
            _draw_errors(row_of_axes, curves, name)
            fractions += _fractions(curves, name)
    grid[0, 0].legend(loc="lower left")
    save(figure, "micro_efficiency")
    write_csv("micro_efficiency", ["start", "scheme", "setting", "steps", "ffts", "field_error", "energy_error"], data)
    return {"efficiency": table(["start", "scheme", "setting", "steps", "FFTs", "error of ρ", "error of F"], lines),
            "fractions": table(["start", "FFTs with error control", "error of ρ", "FFTs of first order, S = 0", "share",
                                "FFTs of first order, S = 1.5", "share"], fractions), "costs": _costs(rows)}


def _curves(runs, reference, start, lines, data) -> dict:
    """FFTs, error of rho and of F for each scheme; a line in the tables for each run."""
    adaptive = [row for row in runs if "tolerance" in row["case"] and row is not reference]
    kinds = {"second order, error control": adaptive}
    for S in (0.0, 1.5):
        kinds[f"first order, fixed step, S = {S:g}"] = [row for row in runs if row["case"].get("S") == S]
    curves = {}
    for name, members in kinds.items():
        members.sort(key=lambda row: row["ffts"])
        curves[name] = []
        for row in members:
            energy = row["energy"] / reference["energy"] - 1
            curves[name].append((row["ffts"], row["field_error"], abs(energy)))
            case = row["case"]
            setting = f"tolerance {case['tolerance']:g}" if "tolerance" in case else f"step {case['dt']:g}"
            lines.append([start, name, setting, str(row["steps"]), str(row["ffts"]), f"{row['field_error']:.2g}",
                          f"{100 * energy:+.2f} %"])
            data.append([start, name, setting, row["steps"], row["ffts"], row["field_error"], energy])
    return curves


def _draw_errors(panels, curves, start) -> None:
    for axes, which, label in zip(panels, (1, 2), ("rms error of ρ / rms fluctuation", "relative error of F")):
        for (name, points), colour, marker in zip(curves.items(), (BLUE, ORANGE, GREEN), "os^"):
            if points:
                axes.loglog(*np.array(points).T[[0, which]], marker=marker, color=colour, label=name)
        axes.set(xlabel="Fourier transforms to reach t = 100", ylabel=label, title=start)


def _fractions(curves, start) -> list[list[str]]:
    """FFTs of the adaptive runs over those of a first-order run with the same error of rho, interpolated in log-log."""
    adaptive, *others = curves.values()
    lines = []
    for ffts, error, _ in adaptive:
        cells = [start, str(ffts), f"{error:.2g}"]
        for points in others:
            counts, errors = np.log(np.array(points)[:, :2]).T if points else (np.zeros(0), np.zeros(0))
            if not points or math.log(error) > errors.max():
                cells += ["–", "–"]
            elif math.log(error) < errors.min():
                cells += [f"> {max(p[0] for p in points)}", f"< {100 * ffts / max(p[0] for p in points):.2g} %"]
            else:
                # Errors fall as the count rises: the first crossing from above.
                found = math.exp(np.interp(-math.log(error), -np.minimum.accumulate(errors), counts))
                cells += [f"{found:.0f}", f"{100 * ffts / found:.2g} %"]
        lines.append(cells)
    return lines


def _costs(rows) -> str:
    found = {row["case"]["cost"]: row for row in rows if "cost" in row["case"]}
    lines = []
    if "transforms" in found:
        row = found["transforms"]
        lines.append(["transforms in a step, constant / variable mobility",
                      f"{row['constant']:g} / {row['variable']:g}", "– / ≤ 8"])
    if "anisotropic step" in found:
        row = found["anisotropic step"]
        lines.append([f"step at (3000, 1) over (1, 1), 96³, {row['threads']} thread",
                      f"{1e3 * row['anisotropic_s']:.1f} ms / {1e3 * row['isotropic_s']:.1f} ms = "
                      f"{row['anisotropic_s'] / row['isotropic_s']:.2f}", "≤ 1.1"])
    if "measurement" in found:
        row = found["measurement"]
        lines.append([f"measurement over generation to t = 300 ({row['steps']} steps), 128³, {row['threads']} thread",
                      f"{row['measurement_s']:.2f} s / {row['generation_s']:.1f} s = "
                      f"{100 * row['measurement_s'] / row['generation_s']:.1f} %", "≤ 10 %"])
    return table(["cost", "measured", "asked for"], lines)
