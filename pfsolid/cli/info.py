"""Text about an input or a run directory, for a person."""

from __future__ import annotations

from pathlib import Path

from ..config.image import study_from_text
from ..config.review import Review, review
from ..config.run import config_from_text
from ..config.text import parse_toml, read_text
from ..errors import InputError, PfsolidError
from ..homogenization.report import headline
from ..io.checkpoint import list_checkpoints
from ..io.files import damage_errors
from ..io.json_pattern import NOTHING, NUMBER, misfit
from ..io.run_directory import CHECKPOINTS, FIELDS, HISTORY, RESULT, looks_like_run, unfinished_part
from ..io.series import list_fields
from ..text import as_word, percent
from ..workflows.image import review_study
from ..workflows.run import UNSEPARATED, read_result
from ..workflows.simulate import check_initial_field

# What is said of result.json.
_RESULT = {
    "title": str, "porosity?": NUMBER, "source?": str, "boundary?": str,
    "grid": {"shape": [int], "voxel_size_nm": [NUMBER]},
    "provenance": {"created": str, "pfsolid_version": str, "num_ranks": int, "threads_per_rank": int,
                   "git_commit": (str, NOTHING), "seed": (int, NOTHING)},
    "growth?": {"reason": str, "steps": int, "final": {"pore_size_nm": (*NUMBER, NOTHING), "reduced_time?": NUMBER}},
    "morphology?": dict, "currents?": {"*": dict}, "temperature_series?": list,
}
_IMAGE = {"source": str, "boundary": str}
_ROWS = [[(*NUMBER, NOTHING)]]
_CONDUCTION = {
    "sigma_eff_S_per_cm": _ROWS, "sigma_eff_S_per_m": _ROWS, "mean_S_per_cm": NUMBER, "applied_field_V_per_m": NUMBER,
    "iterations_xyz": list, "solver_relative_error_xyz": [NUMBER], "field_axes": str, "temperature_K?": NUMBER,
    "error_bar": {"solver_relative_xyz": [NUMBER], "grid_relative_xyz": [(*NUMBER, NOTHING)],
                  "sample_relative_of_mean": (*NUMBER, NOTHING), "grid_interval_S_per_cm_xyz?": (list, NOTHING)},
    "phases": {"*": {"fraction": NUMBER, "sigma_S_per_cm": (*NUMBER, list)}},
}


def review_lines(path: Path, checked: Review) -> list[str]:
    """What `pfsolid validate` prints."""
    width = max(len(name) for name, _, _ in checked.parameters)
    lines = [str(path)]
    lines += [f"  {name:<{width}}  {value} {unit}".rstrip() for name, value, unit in checked.parameters]
    lines += [f"warning: {text}" for text in checked.warnings]
    lines += [f"error: {text}" for text in checked.errors]
    lines.append("not valid: it would not run" if checked.errors else "valid")
    return lines


def reviewed(path: Path, overrides, num_ranks: int, threads: int | None) -> Review:
    """The review of an input of either kind; for one rank.  What it reads is looked for, not read."""
    text = read_text(path)
    if "image" in parse_toml(text, str(path)):
        return review_study(study_from_text(text, str(path), overrides), num_ranks)
    config = config_from_text(text, str(path), overrides)
    checked = review(config, num_ranks, threads or config.parallel.threads or 1)
    if config.microstructure.initial_field is not None:
        try:
            check_initial_field(config)
        except InputError as error:
            checked.errors.append(str(error))
    return checked


def describe_run(directory: Path) -> list[str]:
    """What `pfsolid info` prints; for one rank.

    Raises
    ------
    InputError
        If it is not a run directory.
    """
    directory = Path(directory)
    if not looks_like_run(directory):
        raise InputError(f"{directory} is not the directory of a run" if directory.exists()
                         else f"{directory} does not exist")
    lines = [str(directory)]
    if (directory / RESULT).exists():
        lines += _result_lines(_checked(read_result(directory), directory / RESULT))
    else:
        lines.append(f"not finished; go on with: pfsolid resume {as_word(directory)}")
    if unfinished_part(directory) != directory:
        lines.append(f"a run that is to replace it is not finished; go on with: pfsolid resume {as_word(directory)}")
    lines += _file_lines(directory)
    return lines


def _checked(result: dict, path: Path) -> dict:
    """The result, if it has all that is said of it; InputError else."""
    wrong = misfit(result, _RESULT)
    if not wrong and "porosity" not in result:
        wrong = misfit(result, _IMAGE)
    if not wrong and result.get("sigma_eff_S_per_cm") is not None:
        wrong = misfit(result, _CONDUCTION)
    if wrong:
        raise InputError(f"{path} is not a result of pfsolid: {wrong}")
    return result


def _result_lines(result: dict) -> list[str]:
    made = result["provenance"]
    seed = "" if made["seed"] is None else f", seed {made['seed']}"
    lines = [f"finished: {' '.join(result['title'].split())}".rstrip(": "),
             f"  made {made['created']} by pfsolid {made['pfsolid_version']} ({made['git_commit'] or 'no checkout'}) "
             f"on {made['num_ranks']} ranks x {made['threads_per_rank']} threads{seed}"]
    of = f"porosity {result['porosity']:.4f}" if "porosity" in result else f"{result['source']}, {result['boundary']}"
    lines.append(f"  {of}, grid {' x '.join(map(str, result['grid']['shape']))} of "
                 f"{' x '.join(map(str, result['grid']['voxel_size_nm']))} nm")
    if "growth" in result:
        growth = result["growth"]
        lines.append(f"  growth: {growth['reason']}, {growth['steps']} steps")
    if result.get("state") == UNSEPARATED:
        lines.append("  unseparated: the phases have not separated, so there is no conductivity")
    if result.get("sigma_eff_S_per_cm") is not None:
        lines.append(f"  {headline(result)}")
        lines.append(f"  relative error: grid {_texts(result['error_bar']['grid_relative_xyz'], percent)}, solver "
                     f"{_texts(result['solver_relative_error_xyz'], percent)} along x, y, z")
        limits = {}
        if "rho_pore" in result:  # what the thresholds cut off is not the porosity
            limits = {"pore": f" (rho < {result['rho_pore']:g})", "bulk": f" (rho > {result['rho_bulk']:g})"}
        for name, phase in result["phases"].items():
            lines.append(f"    {name + limits.get(name, ''):<16} {phase['fraction']:.4f} of the volume, "
                         f"{_text(phase['sigma_S_per_cm'])} S/cm")
    return lines


def _texts(values, written) -> str:
    return ", ".join("-" if value is None else written(value) for value in values)


def _text(sigma) -> str:
    """A number, or the numbers of a tensor."""
    return f"[{', '.join(map(_text, sigma))}]" if isinstance(sigma, list) else f"{sigma:.4g}"


def _file_lines(directory: Path) -> list[str]:
    lines = []
    history = directory / HISTORY
    if history.exists():
        with damage_errors(history):
            rows = len(history.read_text(encoding="utf-8").splitlines()) - 1
        lines.append(f"  {HISTORY}: {max(0, rows)} rows")
    if (directory / CHECKPOINTS).is_dir():
        lines += [f"  {CHECKPOINTS}/{path.name}" for path in list_checkpoints(directory / CHECKPOINTS)]
    if (directory / FIELDS).exists():
        try:
            lines.append(f"  {FIELDS}: {', '.join(list_fields(directory / FIELDS))}")
        except PfsolidError as error:
            lines.append(f"  {FIELDS}: {error}")
    figures = sorted((directory / "figures").glob("*.png"))
    lines += [f"  figures/{path.name}" for path in figures]
    return lines
