"""Writes the page: text and numbers of a directory, its pictures, and the scene for the view, into the template."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..config.text import read_text
from ..errors import InputError, PfsolidError
from ..grid import AXES
from ..homogenization.report import relative_error, tensor_texts, with_error
from ..homogenization.representative import lines_of
from ..io.records import atomic_write_text
from ..io.run_directory import FIGURES, INPUT, MORPHOLOGY, REPORT, RESULT, check_output_file, looks_like_run
from ..results.conduction import ConductionResult, ErrorBar
from ..results.electrode import ElectrodeAxis, ElectrodeResult
from ..results.representative import RepresentativeResult
from ..results.run import UNSEPARATED, Provenance, Result
from ..sweeps.collect import table_of
from ..sweeps.plan import PLAN, load_plan
from ..sweeps.state import look, status_lines
from ..text import interval, percent, to_digits
from ..workflows.run import read_result
from .scene import scene_of

_TEMPLATE = Path(__file__).with_name("template.html")
_GENERATOR = '<meta name="generator" content="pfsolid report">'
MAX_BYTES = 8_000_000
_MOST_ROWS = 200
_CAPTIONS = {
    "slices": "Planes through the middle: density, and where there is one the current.", "evolution": "How it has grown.",
    "structure_3d": "The structure in space.", "conduction": "Conductivities, and the current through the middle.",
    "currents": "The current through the middle.",
    "electrode": "Two carriers in one electrode.", "arrhenius": "Conductivity by temperature.",
    "clusters": "What is connected.", "morphology": "Structure factor, correlation, chords, local thickness.",
    "representative": "Means and scatter of sub-volumes with their 95 % intervals; squares are the whole image."}


def write_report(directory: Path, output: Path | None = None, force: bool = False) -> Path:
    """Write the page of a finished run, image study, survey of sub-volumes or sweep.  For one rank.

    Parameters
    ----------
    directory : Path
    output : Path, optional
        Default: ``report.html`` in the directory.
    force : bool
        Replace an earlier report.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        There is nothing to report, or something else stands where the page would go.
    CheckpointError
        A file of the directory is damaged.
    OutputError
    """
    directory = Path(directory)
    path = Path(output) if output is not None else directory / REPORT
    is_sweep = (directory / PLAN).is_file()
    if not is_sweep and not looks_like_run(directory):
        raise InputError(f"{directory} is not the directory of a run or a sweep" if directory.exists()
                         else f"{directory} does not exist")
    if not is_sweep and not (directory / RESULT).exists():
        raise InputError(f"{directory}: is not finished, so there is nothing to report yet; go on with: pfsolid resume "
                         f"{directory}")
    check_output_file(path, force, is_own=_is_report)
    title, parts, scene = _sweep(directory) if is_sweep else _run(directory)
    atomic_write_text(path, _page(title, parts, scene))
    return path


def _is_report(path: Path) -> bool:
    try:
        return _GENERATOR in path.read_text(encoding="utf-8", errors="replace")[:400]
    except OSError:
        return False


def _page(title: str, parts: Sequence[str], scene: dict[str, Any] | None) -> str:
    # In a script element only an end tag is one: no name may end it.
    data = json.dumps(scene, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    head, _, rest = _TEMPLATE.read_text(encoding="utf-8").partition("@TITLE@")
    middle, _, rest = rest.partition("@BODY@")
    before, _, after = rest.partition("@SCENE@")
    text = "".join((head, escape(title), middle, "\n".join(parts), before, data, after))
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise InputError(f"the page would be {len(text) / 1e6:.1f} MB, more than {MAX_BYTES / 1e6:g}: draw smaller figures "
                         "(pfsolid plot DIR) first")
    return text


# --- a run, a study of an image, a survey ---------------------------------------------------------------------


def _run(directory: Path) -> tuple[str, list[str], dict[str, Any] | None]:
    result = read_result(directory)
    title = " ".join(result.title.split()) or directory.resolve().name
    scene = scene_of(directory, result)
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="about">{escape(_about(result))}</p>', *_leads(result)]
    for name, found in _conductions(result).items():
        parts += [f"<h2>Effective conductivity{escape(name and f' of carrier {name}')}</h2>", *_conduction(found)]
    if result.electrode is not None:
        parts += ["<h2>Both carriers together</h2>", *_electrode(result.electrode)]
    if result.representative is not None:
        parts += ["<h2>Is the sample large enough?</h2>", *_representative(result.representative)]
    if scene is not None:
        every = "" if scene["every"] == 1 else f"; every {_ordinal(scene['every'])} voxel is shown"
        parts += ["<h2>View</h2>", _VIEW.format(every=every)]
    parts += _morphology(directory, result)
    parts += _pictures(directory)
    parts += _provenance(result.provenance, directory / INPUT)
    return title, parts, scene


_VIEW = """<div id="view" class="off"><div><canvas aria-label="the structure, to be turned"></canvas>
<p class="about">Drag to turn, wheel to come nearer{every}. Edges: x orange, y green, z blue.</p></div>
<form onsubmit="return false"></form></div>
<p id="no-view" class="about">The view to turn needs WebGL and JavaScript, which are off here; the pictures below show the
structure.</p>"""


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}th")


def _about(result: Result) -> str:
    shape, edges = result.grid.shape, result.grid.voxel_size_nm
    size = "{} voxels of {} nm".format(" x ".join(map(str, shape)), " x ".join(f"{edge:g}" for edge in dict.fromkeys(edges)))
    parts = [result.source or "", size, result.boundary or "", f"made {result.provenance.created[:10]} by pfsolid "
             f"{result.provenance.pfsolid_version}"]
    return "; ".join(part for part in parts if part)


def _leads(result: Result) -> list[str]:
    """The line for the paper, and what else is said first."""
    lines = [f"{name}: {found.headline}" if name else found.headline
             for name, found in _conductions(result).items() if found.headline]
    if result.state == UNSEPARATED:
        lines.append("unseparated: the phases have not separated, so there is no conductivity")
    if result.representative is not None:
        conductivities = [one for one in result.representative.properties if one.boundary is not None]
        chosen = [one for one in conductivities if one.name == "sigma_mean"] or conductivities \
            or list(result.representative.properties)
        lines.append(chosen[0].line)
    if not lines and result.porosity is not None:
        lines.append(f"porosity {result.porosity:.4g}")
    return [f'<p class="lead">{escape(line)}</p>' for line in lines]


def _conductions(result: Result) -> dict[str, ConductionResult]:
    """Of each carrier by its name; of a single one under none."""
    if result.carriers is not None:
        return result.carriers
    return {} if result.conduction is None else {"": result.conduction}


def _conduction(found: ConductionResult) -> list[str]:
    rows = []
    for axis, name in enumerate(AXES):
        if name not in found.field_axes:
            continue
        value = float(found.sigma_eff_S_per_cm[axis, axis])
        bar, grid = found.error_bar, found.error_bar.grid
        ends = None if grid is None else grid.grid_interval_S_per_cm_xyz[axis]
        low, high = ends if ends is not None else (value, value)
        solver = value * (bar.solver_relative_xyz[axis] or 0.0)
        low, high = low - solver, high + solver
        width = max(high - value, value - low) if ends is not None else 5e-3 * value
        transport = (found.transport or {}).get(name)
        rows.append([f"σ_{name}{name}", to_digits(value, width),
                     interval(value, low, high, width) if ends and value else "–",
                     _factor(None if transport is None else transport.tortuosity_factor, bar, axis),
                     _factor(None if transport is None else transport.macmullin_number, bar, axis),
                     "yes" if found.conducting_phases_percolate_xyz[axis] else "no"])
    heads = ("", "S/cm", "interval", "tortuosity factor", "MacMullin number", "percolates")
    parts = [_table(heads, rows, numbers=(1, 2, 3, 4))]
    tensor = np.array(found.sigma_eff_S_per_cm)
    if np.any(np.nan_to_num(tensor[~np.eye(3, dtype=bool)])):
        parts.append(_table(("x", "y", "z"), tensor_texts(tensor, found.error_bar), numbers=(0, 1, 2),
                            caption="the tensor, S/cm"))
    bar = found.error_bar
    said = [f"grid: {bar.grid_method}"] if bar.grid_method else ["grid: not estimated"]
    said.append(f"sample: {bar.sample_method}" + ("" if bar.sample_relative_of_mean is None
                                                  else f", ± {percent(bar.sample_relative_of_mean)}"))
    said.append(f"solver: {found.solver}")
    parts.append(f'<p class="about">{escape("; ".join(said))}</p>')
    rows = [[name, f"{phase.fraction:.4f}", _sigma_text(phase.sigma_S_per_cm),
             ", ".join(f"{axis} {_share(found, name, axis, share)} %"
                       for axis, share in (phase.current_share_for_field_along or {}).items())]
            for name, phase in found.phases.items()]
    parts.append(_table(("phase", "volume fraction", "S/cm", "share of the current, field along"), rows, numbers=(1,)))
    if found.temperature_series is not None and len(found.temperature_series) > 1:
        rows = [[f"{one.temperature_K:g}", f"{one.mean_S_per_cm:.4g}"] for one in found.temperature_series]
        parts.append(_table(("K", "mean, S/cm"), rows, numbers=(0, 1)))
    return parts


def _electrode(found: ElectrodeResult) -> list[str]:
    """A column for each axis."""
    rows: list[tuple[str, Callable[[ElectrodeAxis], str]]] = [
        ("ambipolar conductivity, S/cm", lambda one: f"{one.ambipolar_S_per_cm:.4g}"),
        (f"transport number of {found.carriers[0]}", lambda one: _plain(one.transport_number)),
        *((f"active material that {name} reaches", lambda one, name=name: _plain((one.active_reached_by or {}).get(name)))
          for name in found.carriers),
        ("active material that both reach", lambda one: _plain(one.active_reached_by_both)),
        ("active area, nm²/nm³", lambda one: _plain(one.active_area_per_nm)),
        ("electrode tortuosity", lambda one: _plain(one.electrode_tortuosity)),
        ("penetration depth, nm", lambda one: "–" if one.front is None else f"{one.front.penetration_depth_nm:.4g}")]
    table = _table(("", *(f"along {axis}" for axis in found.axes)),
                   [[name, *(of(one) for one in found.axes.values())] for name, of in rows],
                   numbers=tuple(range(1, len(found.axes) + 1)))
    return [table, f'<p class="about">{escape(found.valid)}</p>']


def _share(found: ConductionResult, phase: str, axis: str, share: float) -> str:
    """Per cent of the current with its error; two digits along an axis where that is not known."""
    currents = (found.currents or {}).get(axis)
    known = None if currents is None else currents.phases.get(phase)
    if known is None or known.current_share_error is None:
        return f"{100 * share:.2g}"
    return with_error(100 * share, 100 * known.current_share_error)


def _factor(value: float | None, bar: ErrorBar, axis: int) -> str:
    """A number that is as uncertain as the conductivity."""
    return _plain(None) if value is None else to_digits(value, relative_error(bar, axis) * value)


def _representative(found: RepresentativeResult) -> list[str]:
    parts = [f"<p>{escape(line)}</p>" for line in lines_of(found)]
    rows = [[one.name, one.boundary or "", " x ".join(map(str, size.voxels)), str(size.number), f"{size.mean:.4g}",
             f"{size.standard_deviation:.3g}", "" if size.percolation_probability is None
             else f"{100 * size.percolation_probability:.3g} %"] for one in found.properties for size in one.sizes]
    heads = ("property", "condition", "voxels", "number", "mean", "deviation", "percolate")
    return [*parts, _folded("sub-volumes by size", _table(heads, rows, numbers=(3, 4, 5, 6)))]


def _morphology(directory: Path, result: Result) -> list[str]:
    """What was measured, of images of several phases beside the result."""
    if result.morphology is not None:
        one = result.morphology
        rows = [["connectivity (filler-matrix)", one.connectivity.label],
                ["interface", f"{one.surface.area_per_nm:.4g} nm²/nm³"]]
        return ["<h2>Morphology</h2>", _table(("", ""), rows)]
    try:
        data = json.loads((directory / MORPHOLOGY).read_text(encoding="utf-8"))["morphology"]
        rows = [[one["name"], f"{one['volume_fraction']:.4f}", one["percolates_along"] or "none",
                 f"{one['area_normals_per_nm']:.4g}"] for one in data["phases"]]
        lines = [[" | ".join(one["names"]), f"{one['area_normals_per_nm']:.4g} nm²/nm³"] for one in data["interfaces"]]
        lines += [[" | ".join(one["names"]), f"{one['length_per_nm2']:.4g} nm/nm³"] for one in data["triple_lines"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return ["<h2>Morphology</h2>", _table(("phase", "volume fraction", "percolates along", "area, nm²/nm³"), rows, (1, 3)),
            _table(("interface or triple line", "per volume"), lines, (1,))]


# --- a sweep ------------------------------------------------------------------------------------------------


def _sweep(directory: Path) -> tuple[str, list[str], None]:
    plan = load_plan(directory)
    title = f"sweep {plan.name}"
    done = sum(case.id in look(directory).done for case in plan.cases)
    try:
        rows, meanings = table_of(directory)
    except PfsolidError:
        rows, meanings = [], {}
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="lead">{done} of {len(plan.cases)} cases done; '
             f"{escape(', '.join(plan.keys))} varied</p>"]
    parts += [f"<p>{escape(line)}</p>" for line in status_lines(plan, directory)[:6]]
    wanted = [name for name in ("case", *plan.keys, "seed", "state", "porosity", "sigma_mean_S_per_cm", "sigma_xx_S_per_cm",
                                "sigma_yy_S_per_cm", "sigma_zz_S_per_cm") if rows and name in rows[0]]
    if rows:
        more = "" if len(rows) <= _MOST_ROWS else f"the first {_MOST_ROWS} of {len(rows)} cases; all are in dataset.csv"
        cells = [[_plain(row[name]) if isinstance(row[name], float) else "" if row[name] is None else str(row[name])
                  for name in wanted] for row in rows[:_MOST_ROWS]]
        parts += ["<h2>Cases</h2>", _table(wanted, cells, tuple(range(1, len(wanted))), caption=more)]
        parts.append(_folded("what the columns mean", _table(("column", "meaning"), [
            [name, meanings.get(name, "")] for name in wanted])))
    return title, [*parts, *_pictures(directory)], None


# --- pieces -------------------------------------------------------------------------------------------------


def _pictures(directory: Path) -> list[str]:
    made = []
    for path in sorted((directory / FIGURES).glob("*.png"), key=lambda one: (list(_CAPTIONS).index(one.stem)
                                                                         if one.stem in _CAPTIONS else 99, one.stem)):
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        caption = _CAPTIONS.get(path.stem, path.stem.replace("_", " "))
        made.append(f'<figure><img src="data:image/png;base64,{data}" alt="{escape(path.stem)}" loading="lazy">'
                    f"<figcaption>{escape(caption)}</figcaption></figure>")
    return ["<h2>Pictures</h2>", *made] if made else []


def _provenance(made: Provenance, input_file: Path) -> list[str]:
    rows = [[name.replace("_", " "), str(value)] for name, value in made.to_dict().items() if value not in (None, "")]
    parts = ["<h2>Where it is from</h2>", _folded("program, libraries and machine", _table(("", ""), rows))]
    if input_file.is_file():
        parts.append(_folded("the input, every key", f"<pre>{escape(read_text(input_file))}</pre>"))
    return parts


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), caption: str = "") -> str:
    def cells(kind: str, values: Sequence[str]) -> str:
        return "".join(f'<{kind}{" class=number" if place in numbers else ""}>{escape(value)}</{kind}>'
                       for place, value in enumerate(values))

    head = f"<tr>{cells('th', heads)}</tr>" if any(heads) else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{above}{head}{body}</table></div>'


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _sigma_text(value: Any) -> str:
    array = np.asarray(value, float)
    if array.ndim == 0:
        return f"{float(array):.4g}"
    return np.array2string(array, precision=4, separator=", ").replace("\n", "")
