"""Going on with whatever a directory holds unfinished: a run, a study of an image or of its parts, a stored density."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

from ..config.execution import check_execution_only
from ..config.image import ImageStudyConfig, study_from_text
from ..config.run import RunConfig, config_from_text, to_toml
from ..config.text import read_text
from ..errors import InputError
from ..io.records import atomic_write_text
from ..io.run_directory import INPUT, LOG, RESULT, SOLVED, about_run, interrupted_run, looks_like_run, unfinished_part
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.run import Result
from ..text import in_words
from . import carriers, image, impedance, rev, stored_density
from .console import log_to
from .run import check_initial_limits, damage_of_result, go_on

Config = RunConfig | ImageStudyConfig


def read_resumable(directory: Path, overrides=()) -> Config:
    """The input of what is to be gone on with, with changes of how it is executed.  For one rank.

    Raises
    ------
    InputError
        There is nothing to go on with, or a change decides the result.
    """
    directory = Path(directory)
    check_resumable(directory)
    path = unfinished_part(directory) / INPUT
    text = read_text(path)
    read = study_from_text if image.is_study(text) else config_from_text
    before = read(text, str(path))
    if not overrides:
        return before
    after = read(text, str(path), overrides)
    check_execution_only(before, after, directory)
    return after


def resume(config: Config, directory: Path, session: Session) -> Result:
    """Go on from the last good checkpoint.  Collective.

    Parameters
    ----------
    config : RunConfig or ImageStudyConfig
        Of `read_resumable`.

    Returns
    -------
    Result
        What result.json holds.

    Raises
    ------
    InputError
        If it does not fit this launch, or the directory is in use or finished.
    CheckpointError
        If there are checkpoints of growth and none is good.
    Interrupted, ConvergenceError, OutputError
    """
    directory = Path(directory)
    prepared, study = None, image
    if isinstance(config, ImageStudyConfig):
        study = _of_kind(config)
        prepared = study.prepare(config, session)
    else:
        check_initial_limits(config, session)
    with prepared or nullcontext(), interrupted_run(directory, session.comm, session.lose) as place:
        on_root(session.comm, check_resumable, directory)
        log_to(place.path / LOG, session)
        about = on_root(session.comm, about_run, place.path)
        if prepared is not None:
            on_root(session.comm, atomic_write_text, place.path / INPUT, prepared.text)
            result = study.leave_results(prepared, place, session)
        else:
            on_root(session.comm, atomic_write_text, place.path / INPUT, to_toml(config))
            if "density" in about:
                result = stored_density.go_on(Path(about["density"]), config, place, session)
            else:
                result = go_on(config, place, session)
    session.say(f"done in {in_words(session.elapsed_s)}: {directory / RESULT}")
    return result


def _of_kind(config: ImageStudyConfig):
    """The module whose study it is."""
    if config.rev is not None:
        return rev
    if config.impedance is not None:
        return impedance
    return carriers if carriers.is_of_carriers(config) else image


def check_resumable(directory: Path) -> None:
    """For one rank: raise InputError unless the directory holds an unfinished run, or one whose result is damaged.

    What a finished run was solved from is removed, should it have been killed before it could do so itself.
    """
    directory = Path(directory)
    if not directory.exists():
        raise InputError(f"{directory} does not exist")
    part = unfinished_part(directory)
    if not looks_like_run(directory) or not (part / INPUT).is_file():
        raise InputError(f"{directory} is not the directory of a run (it has no {INPUT})")
    if (part / RESULT).exists() and not damage_of_result(part):
        shutil.rmtree(part / SOLVED, ignore_errors=True)
        raise InputError(f"the run in {directory} is finished: see {directory / RESULT}")
