"""One case of a sweep: a run that leaves only what is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..config.run import RunConfig
from ..errors import CheckpointError
from ..io.files import make_folder
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.run import Result
from .run import (
    attributes_of,
    last_checkpoint,
    made_by,
    report_growth,
    result_of,
    solved_before,
    store_density,
    with_properties,
)
from .simulate import grow


def run_case(config: RunConfig, directory: Path, session: Session, kept=frozenset()) -> Result:
    """As `run`, or `resume` where there is a checkpoint, leaving only what is asked for.  Collective.

    Nothing but checkpoints is written otherwise: a sweep stores the result itself.  The input must have been reviewed.

    Parameters
    ----------
    directory : Path
        Made when something goes into it.
    kept : set of str
        Of 'rho', stored in single precision, 'phase', 'history' and 'currents': the statistics of the current, which take
        about as many iterations as the conductivity, and stand in the result.

    Returns
    -------
    Result
        What result.json would hold.

    Raises
    ------
    Interrupted, ConvergenceError, InputError, OutputError
    """
    output = config.output.model_copy(update={"save_current": False, "save_potential": False,
                                              "snapshot_interval_reduced_time": None})
    config = config.model_copy(update={"output": output})
    if kept:
        on_root(session.comm, make_folder, directory)
    try:
        checkpoint = last_checkpoint(config, directory, session)
    except CheckpointError as error:
        session.warn(f"{error}; starting from the beginning")
        checkpoint = None
    if checkpoint is not None:
        session.say(f"going on at step {checkpoint.step}")
    made = made_by(config, session)
    attributes = attributes_of(made, config)
    session.limit_s = config.evolution.wall_clock_limit_s
    limited = session.limit_s is not None
    growth = grow(config, directory, session, checkpoint, attributes, with_history="history" in kept, save_at_end=limited)
    # What takes no longer than the time between two checkpoints is done again if it is stopped, unless it is to be stopped.
    grown_s = session.reducer.max(growth.summary.wall_clock_s)
    is_kept = limited or grown_s > config.output.checkpoint_interval_s
    report_growth(growth, session)
    if "rho" in kept:
        store_density(growth.rho, "float32", directory, config, attributes, session)
    summary = replace(growth.summary, low_modes=tuple(growth.low_modes.tolist()))
    result = replace(result_of(growth, config, made), growth=summary)
    rho = growth.rho
    del growth
    memory = solved_before(result, rho, config, directory, session) if is_kept else None
    return with_properties(result, rho, config, directory if "phase" in kept else None, session, memory,
                           with_currents="currents" in kept)
