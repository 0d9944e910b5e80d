"""The figures of a run, drawn from its files alone.

For one process.  A field is never read as a whole: slices read one plane, statistics and the 3-D views some of
the voxels.  Matplotlib is used through Figure and the Agg canvas, without a display and without pyplot.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..errors import InputError
from ..io.peek import describe
from ..io.run_directory import FIELDS, HISTORY
from .clusters import clusters_figure
from .conduction import arrhenius_figure, conduction_figure, current_axis, currents_of, temperature_series
from .electrode import electrode_figure, has_profiles
from .evolution import evolution_figure
from .figure import Look, save_figure
from .impedance import impedance_figure, maps_figure, maps_of
from .morphology import measured, morphology_figure
from .representative import representative_figure
from .run_files import RunFiles, flat_axis, read_run
from .structure import slices_figure, structure_figure


def plot_run(directory, look: Look = Look(),
             say=lambda number, total, path: None) -> tuple[list[Path], dict[str, Exception]]:
    """Draw what can be drawn of a run, or of conduction on an image, into ``directory/figures``.

    ``slices`` and, in 3-D, ``structure_3d`` and ``clusters`` need ``rho`` in fields.h5; ``evolution`` needs history.csv;
    ``morphology`` what was measured in result.json, ``representative`` what `pfsolid rev` has found there, ``arrhenius``
    conductivities at several temperatures, and ``conduction`` (of several carriers ``conduction_ion`` ...) a conductivity
    there and ``phase`` and a current density in fields.h5.  A figure that fails costs no other.

    Parameters
    ----------
    directory : Path
        Of a run, finished or not, of `pfsolid conduct` or of conduction on an image.
    look : Look
    say : callable
        Told of each figure made: its number, how many there are, its path.

    Returns
    -------
    list of Path
        The figures made.
    dict of Exception
        By name, why the others were not.

    Raises
    ------
    InputError
        If the directory does not exist or holds nothing to draw, or result.json is damaged.
    CheckpointError
        If history.csv or the list of fields is damaged.
    """
    directory = Path(directory)
    run = read_run(directory)
    drawings = _drawings(run)
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: no {HISTORY} with rows in it, no density or current density "
                         f"in {FIELDS}")
    made, failures = [], {}
    for number, (name, draw) in enumerate(drawings.items(), 1):
        try:
            path = save_figure(directory, name, lambda draw=draw: draw(run), look)
        except Exception as error:  # of any kind: it must not cost the others
            failures[name] = error
            continue
        if path is not None:
            made.append(path)
            say(number, len(drawings), path)
    return made, failures


def _drawings(run: RunFiles) -> dict:
    found = run.result and run.result.conduction
    has_density = "rho" in run.fields
    drawings = {}
    if has_density:
        drawings["slices"] = slices_figure
    for carrier in currents_of(run):
        if current_axis(run, carrier) is not None:
            drawings["conduction" + f"_{carrier}".rstrip("_")] = partial(conduction_figure, carrier=carrier)
    if len(temperature_series(found)) > 1:
        drawings["arrhenius"] = arrhenius_figure
    if run.result and run.result.representative is not None:
        drawings["representative"] = representative_figure
    if run.result and run.result.impedance is not None:
        drawings["impedance"] = impedance_figure
        if maps_of(run):
            drawings["impedance_maps"] = maps_figure
    if has_profiles(run):
        drawings["electrode"] = electrode_figure
    if run.history:
        drawings["evolution"] = evolution_figure
    if measured(run) is not None:
        drawings["morphology"] = morphology_figure
    if has_density and flat_axis(describe(run.fields_path, "rho").grid_nm.shape) is None:
        drawings["structure_3d"] = structure_figure
        drawings["clusters"] = clusters_figure
    return drawings
