"""The figures of a run, drawn from its files alone.

For one process.  A field is never read as a whole: slices read one plane, statistics and the 3-D view some of
the voxels.  Matplotlib is used through Figure and the Agg canvas, without a display and without pyplot.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..io.peek import describe
from ..io.run_directory import FIELDS, HISTORY
from .conduction import conduction_figure, current_axis
from .evolution import evolution_figure
from .figure import save_figure
from .run_files import RunFiles, flat_axis, read_run
from .structure import slices_figure, structure_figure


def plot_run(directory) -> list[Path]:
    """Draw what can be drawn of a run into ``directory/figures``.

    ``slices.png`` and, in 3-D, ``structure_3d.png`` need ``rho`` in fields.h5; ``evolution.png`` needs
    history.csv; ``conduction.png`` needs a conductivity in result.json and ``phase`` and a current density in
    fields.h5.

    Parameters
    ----------
    directory : Path
        Of a run, finished or not.

    Returns
    -------
    list of Path
        The figures made.

    Raises
    ------
    InputError
        If the directory does not exist or holds nothing to draw, or result.json is damaged.
    CheckpointError
        If another file is damaged.
    OutputError
        If a figure cannot be written.
    """
    directory = Path(directory)
    run = read_run(directory)
    drawings = _drawings(run)
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: no {HISTORY} with rows in it and no density "
                         f"in {FIELDS}")
    return [save_figure(directory, name, lambda draw=draw: draw(run)) for name, draw in drawings.items()]


def _drawings(run: RunFiles) -> dict:
    drawings = {}
    if "rho" in run.fields:
        drawings["slices"] = slices_figure
    if current_axis(run) is not None:
        drawings["conduction"] = conduction_figure
    if run.history:
        drawings["evolution"] = evolution_figure
    if "rho" in run.fields and flat_axis(describe(run.fields_path, "rho").grid_nm.shape) is None:
        drawings["structure_3d"] = structure_figure
    return drawings
