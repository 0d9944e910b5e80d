"""A microstructure that was grown in memory as the directory of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config.run import RunConfig, to_toml
from ..io.records import atomic_write_text, csv_text
from ..io.run_directory import HISTORY, new_run
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.run import HISTORY_COLUMNS, Result
from .run import attributes_of, finish, made_by, result_of, store_density
from .simulate import Growth

_WHOLE = ("step", "rejections")


def save_growth(growth: Growth, history: dict[str, np.ndarray], config: RunConfig, directory: Path, session: Session,
                force: bool = False) -> Result:
    """Density, history and result as `pfsolid run` leaves them, without conduction.  Collective.

    Parameters
    ----------
    growth : Growth
    history : dict
        Columns of history.csv; NaN is left empty.
    config : RunConfig
        The input that it was grown by.
    directory : Path
    force : bool
        Old results of pfsolid there may be replaced.

    Raises
    ------
    InputError
        The directory is in use or holds something else.
    OutputError
    """
    made = made_by(config, session)
    with new_run(directory, to_toml(config), force, session.comm, on_lost=session.lose) as place:
        store_density(growth.rho, "float64", place.path, config, attributes_of(made, config), session)
        rows = zip(*([_cell(name, value) for value in history[name]] for name in HISTORY_COLUMNS))
        on_root(session.comm, atomic_write_text, place.path / HISTORY, csv_text([HISTORY_COLUMNS, *rows]))
        return finish(result_of(growth, config, made), growth.rho, config, place.path, session)


def _cell(name: str, value: float):
    if np.isnan(value):
        return ""
    return int(value) if name in _WHOLE else float(value)
