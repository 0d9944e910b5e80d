"""Text about an input or a run directory, for a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config.image import study_from_text
from ..config.review import Review, review
from ..config.run import config_from_text
from ..config.text import parse_toml, read_text
from ..errors import InputError, PfsolidError
from ..homogenization.report import headline
from ..homogenization.representative import lines_of
from ..homogenization.spectra import lines_of as lines_of_spectra
from ..io.checkpoint import list_checkpoints
from ..io.files import damage_errors
from ..io.run_directory import CHECKPOINTS, FIELDS, HISTORY, RESULT, looks_like_run, unfinished_part
from ..io.series import list_fields
from ..results.conduction import ConductionResult
from ..results.run import UNSEPARATED, Result
from ..text import as_word, percent
from ..workflows.carriers import electrode_lines
from ..workflows.image import review_study
from ..workflows.image_review import is_image, review_image
from ..workflows.run import read_result
from ..workflows.start import check_initial_field


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
    if is_image(path):
        if overrides:
            raise InputError(f"{path} is an image, which has no keys to --set; it is reviewed as it is")
        return review_image(path)
    text = read_text(path)
    if parse_toml(text, str(path)).keys() & {"image", "tubules"}:
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
        lines += _result_lines(read_result(directory))
    else:
        lines.append(f"not finished; go on with: pfsolid resume {as_word(directory)}")
    if unfinished_part(directory) != directory:
        lines.append(f"a run that is to replace it is not finished; go on with: pfsolid resume {as_word(directory)}")
    lines += _file_lines(directory)
    return lines


def _result_lines(result: Result) -> list[str]:
    made, grid = result.provenance, result.grid
    seed = "" if made.seed is None else f", seed {made.seed}"
    lines = [f"finished: {' '.join(result.title.split())}".rstrip(": "),
             f"  made {made.created} by pfsolid {made.pfsolid_version} ({made.git_commit or 'no checkout'}) "
             f"on {made.num_ranks} ranks x {made.threads_per_rank} threads{seed}"]
    of = f"{result.source}, {result.boundary}" if result.porosity is None else f"porosity {result.porosity:.4f}"
    lines.append(f"  {of}, grid {' x '.join(map(str, grid.shape))} of {' x '.join(map(str, grid.voxel_size_nm))} nm")
    if result.growth is not None:
        lines.append(f"  growth: {result.growth.reason}, {result.growth.steps} steps")
    if result.state == UNSEPARATED:
        lines.append("  unseparated: the phases have not separated, so there is no conductivity")
    for name, one in (result.carriers or {}).items():
        lines += [f"  {name}:", *_conduction_lines(result, one)]
    if result.electrode is not None:
        lines += [f"  {line}" for line in electrode_lines(result.electrode)]
    if result.representative is not None:
        lines += [f"  {line}" for line in lines_of(result.representative)]
    if result.impedance is not None:
        lines += [f"  {line}" for line in lines_of_spectra(result.impedance)]
    return lines if result.conduction is None else lines + _conduction_lines(result, result.conduction)


def _conduction_lines(result: Result, found: ConductionResult) -> list[str]:
    lines = [f"  {headline(found)}",
             f"  relative error: grid {_texts(found.error_bar.grid_relative_xyz, percent)}, solver "
             f"{_texts(found.solver_relative_error_xyz, percent)} along x, y, z"]
    limits = {}
    if result.rho_pore is not None:  # what the thresholds cut off is not the porosity
        limits = {"pore": f" (rho < {result.rho_pore:g})", "bulk": f" (rho > {result.rho_bulk:g})"}
    for name, phase in found.phases.items():
        lines.append(f"    {name + limits.get(name, ''):<16} {phase.fraction:.4f} of the volume, "
                     f"{_text(np.asarray(phase.sigma_S_per_cm).tolist())} S/cm")
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
    figures = sorted((directory / "figures").glob("[!.]*.*"))
    lines += [f"  figures/{path.name}" for path in figures]
    return lines
