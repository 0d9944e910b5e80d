"""Draw the figures of docs/verification.md and bring its tables up to date.

    python scripts/docs/verification_figures.py

The measurements are those of tests/verification.  A table stands in the document between the lines
``<!-- begin NAME -->`` and ``<!-- end NAME -->``; the rest is text and left alone.  About a minute on one core.
"""


import matplotlib.style
import numba
import numpy as np
from matplotlib.figure import Figure

from common import BLUE, GREEN, GREY, ORANGE, RED, ROOT, STYLE, label_ticks, percent, put_tables, save, table  # isort: skip
import conduction_cases as cc  # noqa: E402
import phasefield_cases as pc  # noqa: E402

from pfsolid.phasefield.free_energy import growth_rate  # noqa: E402

DOCUMENT = ROOT / "docs" / "verification.md"


# --- phase field ----------------------------------------------------------------------------------------------------


def surface() -> str:
    rows = []
    for voxels in (2, 3, 4, 6, 8):
        _, rho, exact, gamma = pc.relax_flat_surfaces(voxels)
        rows.append([str(voxels), f"{np.abs(rho - exact).max():.1e}", f"{12 * gamma - 1:+.1e}"])
    return table(["voxels per λ", "largest error of rho", "relative error of γ"], rows)


def growth() -> str:
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="wave number k λ", ylabel="growth rate (reduced)", ylim=(-8, 2.6), xlim=(0, 4.1))
    axes.axhline(0, color=GREY, linewidth=0.6)
    rows = []
    for mean, colour in ((0.5, BLUE), (0.68, GREEN), (0.9, ORANGE)):
        k, rates = pc.measure_growth_rates(mean)
        line = np.linspace(0, 4.1, 200)
        axes.plot(line, growth_rate(mean, line), color=colour)
        axes.plot(k, rates, "o", color=colour, label=f"mean rho {mean}")
        error = np.abs(rates / growth_rate(mean, k) - 1)
        rows.append([f"{mean}", f"{k[0]:.2f} … {k[-1]:.2f}", f"{rates.max():+.2f} … {rates.min():+.1f}",
                     f"{error.max():.1e}"])
    axes.legend(title="points: measured, lines: exact", loc="lower left")
    save(figure, "growth_rates")
    return table(["mean rho", "k λ", "rates", "largest relative error"], rows)


def conservation() -> str:
    rows = []
    for shape, tolerance in (((24, 24, 24), 1e-2), ((32, 32, 1), 1e-3)):
        num_steps, drift = pc.drift_of_mass(shape, tolerance)
        rows.append([" x ".join(map(str, shape)), f"{tolerance:g}", str(num_steps), f"{drift:.1e}"])
    return table(["grid", "tolerance", "steps to t = 3000", "change of the mean"], rows)


def energy() -> str:
    rows = []
    for mean in (0.3, 0.5, 0.68, 0.75):
        runs = [pc.energies_from_noise(mean, seed) for seed in (1, 2)]
        largest = max(np.diff(run).max() / run[-1] for run in runs)
        rows.append([f"{mean}", " + ".join(str(len(run) - 1) for run in runs), f"{largest:+.1e}"])
    return table(["mean rho", "steps (two seeds)", "largest change of F in a step, relative"], rows)


def time_error() -> tuple[str, str]:
    steps, errors = pc.fixed_step_errors()
    orders = np.log2(errors[:-1] / errors[1:])
    tolerances = np.array([1e-2, 3e-3, 1e-3, 3e-4])
    fields, energies, num_steps = pc.adaptive_errors(tolerances)

    figure = Figure(figsize=(7.0, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(steps, errors, "o-", color=BLUE, label="measured")
    left.loglog(steps, errors[0] * (steps / steps[0]) ** 2, "--", color=GREY, label="second order")
    left.set(xlabel="fixed step (reduced time)", ylabel="rms error of rho at t = 1", title="fixed steps")
    right.loglog(tolerances, fields, "o-", color=BLUE, label="rms error of rho")
    right.loglog(tolerances, energies, "s-", color=ORANGE, label="relative error of F")
    right.loglog(tolerances, fields[0] * tolerances / tolerances[0], "--", color=GREY, label="first order")
    right.set(xlabel="step tolerance", ylabel="error at t = 5", title="adaptive steps")
    label_ticks(left.xaxis, steps, [f"{step:.3g}" for step in steps])
    label_ticks(right.xaxis, tolerances, [f"{tolerance:g}" for tolerance in tolerances])
    for axes in (left, right):
        axes.legend()
    save(figure, "time_error")
    fixed = [[f"{step:.5f}", f"{error:.2e}", order] for step, error, order in
             zip(steps, errors, ["", *(f"{order:.2f}" for order in orders)])]
    adaptive = [[f"{tolerance:g}", str(count), f"{rho:.1e}", f"{energy:.1e}"] for tolerance, count, rho, energy in
                zip(tolerances, num_steps, fields, energies)]
    return (table(["step", "rms error of rho", "order"], fixed),
            table(["tolerance", "steps", "rms error of rho", "relative error of F"], adaptive))


def pfhub() -> str:
    times = list(pc.PFHUB_REFERENCE)
    reference = np.array(list(pc.PFHUB_REFERENCE.values()))
    rows = [["reference", "", *(f"{value:g}" for value in reference)]]
    for num_voxels, tolerance in ((64, 1e-3), (80, 1e-3), (100, 1e-3), (128, 1e-3), (200, 1e-3),
                                  (128, 3e-2), (128, 1e-2), (128, 3e-3), (128, 3e-4)):
        curve, energies, found = pc.run_pfhub(num_voxels, tolerance)
        if (num_voxels, tolerance) == (100, 1e-3):
            draw_pfhub(curve, energies, found)
        rows.append([f"{num_voxels}², {tolerance:g}", str(len(curve) - 1),
                     *(percent(found[time] / value - 1, 3) for time, value in pc.PFHUB_REFERENCE.items())])
    rows.append(["uploads to PFHub", "", *(f"{percent(low / value - 1, 1)} … {percent(high / value - 1, 1)}"
                                           for (low, high), value in zip(pc.PFHUB_UPLOADS.values(), reference))])
    return table(["grid, tolerance", "steps", *(f"t = {time:g}" for time in times)], rows)


def draw_pfhub(curve, energies, found) -> None:
    times, reference = np.array(list(pc.PFHUB_REFERENCE.items())).T
    low, high = np.array(list(pc.PFHUB_UPLOADS.values())).T
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="time", ylabel="total energy F", xlim=(0.1, 60))
    axes.plot(curve[1:], energies[1:], color=BLUE, label="pfsolid, 100² voxels, tolerance 1e-3")
    middle = (low + high) / 2
    axes.errorbar(times, middle, yerr=(middle - low, high - middle), fmt="none", color=GREY, capsize=3,
                  label="range of five uploads")
    axes.plot(times, reference, "o", color=ORANGE, label="reference")
    for time, value in zip(times, reference):
        axes.annotate(percent(found[time] / value - 1), (time, value), (-8, -3), textcoords="offset points",
                      fontsize=7.5, color=ORANGE, ha="right", va="top")
    axes.legend(loc="lower left")
    save(figure, "pfhub")


# --- conduction -----------------------------------------------------------------------------------------------------


def grid_error() -> tuple[str, str]:
    figure = Figure(figsize=(7.0, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    num_voxels, errors = cc.checkerboard_errors()
    order = cc.checkerboard_order()
    left.loglog(num_voxels, -errors, "o-", color=BLUE, label="measured")
    left.loglog(num_voxels, -errors[-1] * (num_voxels / num_voxels[-1]) ** -order, "--", color=GREY,
                label=f"order {order:.2f}, that of its corners")
    left.set(title="checkerboard 1 : 10", ylim=(0.01, 0.15), ylabel="relative error of the conductivity")
    local = np.log2(errors[:-1] / errors[1:])
    board = [[str(n), percent(error), value] for n, error, value in
             zip(num_voxels, errors, ["", *(f"{p:.2f}" for p in local)])]

    spheres = []
    for insulating, marker, style in ((True, "s", "-"), (False, "o", ":")):
        for fraction, colour in zip(cc.SPHERE_ARRAY, (BLUE, GREEN, ORANGE)):
            n, error = cc.sphere_array_errors(fraction, insulating)
            kind = "insulating" if insulating else "perfect"
            right.loglog(n, np.abs(error), marker + style, color=colour, label=f"{kind}, {fraction:g}")
            spheres.append([kind, f"{fraction:g}", *(percent(e) for e in error), f"{cc.fitted_order(n, error):.2f}",
                            f"{cc.fitted_order(n[-3:], error[-3:]):.2f}", percent(cc.extrapolated(n, error))])
    right.loglog(n, 0.08 * n[0] / n, "--", color=GREY, label="first order")
    right.set(title="simple cubic spheres", ylim=(1e-3, 0.09))
    right.legend(ncols=2, loc="lower left", fontsize=6.5)
    left.legend()
    for axes, ticks, errors in ((left, num_voxels, (1, 2, 5, 10)), (right, n, (0.2, 0.5, 1, 2, 5))):
        axes.set_xlabel("voxels along the cell")
        label_ticks(axes.xaxis, ticks, map(str, ticks))
        label_ticks(axes.yaxis, np.divide(errors, 100), [f"{error:g} %" for error in errors])
    save(figure, "grid_error")
    return (table(["voxels", "error", "order"], board),
            table(["spheres", "fraction", *(f"{size}³" for size in n), "order, all", "order, last three", "limit"],
                  spheres))


def estimate() -> str:
    found = cc.stops()
    hard = cc.stops(contrasts=cc.RESISTIVE_SURFACE)
    draw_estimate(found, hard)

    def row(name, selected):
        ratio = np.array([stop.true / stop.estimated for stop in selected])
        shares = (f"{100 * np.mean(condition):.1f} %" for condition in
                  (ratio > 2, ratio > 1, (ratio >= 0.1) & (ratio <= 2), ratio < 0.1, ratio < 0.01))
        return [name, str(len(ratio)), f"{ratio.max():.2f}", f"{np.median(ratio):.2f}", *shares]

    rows = [row("**all**", found)]
    rows += [row(f"contrast {name}", [stop for stop in found if stop.contrast == name]) for name in cc.CONTRASTS]
    rows += [row(f"tolerance {rtol:g}", [stop for stop in found if stop.rtol == rtol]) for rtol in cc.TOLERANCES]
    rows.append(row("apart: contrast " + next(iter(cc.RESISTIVE_SURFACE)), hard))
    return table(["stops with", "number", "largest true / estimated", "median", "> 2", "> 1", "0.1 … 2", "< 0.1",
                  "< 0.01"], rows)


def draw_estimate(found, hard) -> None:
    figure = Figure(figsize=(5.2, 4.0), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="estimated relative error of σ_eff",
                              ylabel="true relative error", xlim=(5e-7, 2e-2), ylim=(1e-8, 3e-2))
    line = np.array(axes.get_xlim())
    axes.fill_between(line, 0.1 * line, 2 * line, color=GREY, alpha=0.15, linewidth=0, label="0.1 … 2 times")
    axes.plot(line, line, color=GREY, linewidth=0.8)
    for (name, selected), colour in zip(
            [*((name, [stop for stop in found if stop.contrast == name]) for name in cc.CONTRASTS),
             (next(iter(cc.RESISTIVE_SURFACE)), hard)], (BLUE, GREEN, ORANGE, RED, GREY)):
        axes.plot([stop.estimated for stop in selected], [stop.true for stop in selected], ".", color=colour,
                  markersize=3.5, alpha=0.7, label=f"contrast {name}")
    axes.legend(loc="lower right")
    save(figure, "error_estimate")


def main() -> None:
    numba.set_num_threads(1)
    matplotlib.style.use(STYLE)
    fixed, adaptive = time_error()
    checkerboard, spheres = grid_error()
    put_tables(DOCUMENT, {
        "surface": surface(), "growth": growth(), "conservation": conservation(), "energy": energy(),
        "fixed": fixed, "adaptive": adaptive, "pfhub": pfhub(), "checkerboard": checkerboard,
        "spheres": spheres, "estimate": estimate()})


if __name__ == "__main__":
    main()
