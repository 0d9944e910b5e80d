"""The figures of a sweep, drawn from its dataset: conductivity over what varies, and the phase diagram in shape factors.

An unfinished sweep is drawn as far as it is collected; what is missing stays blank.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from .config_text import shown
from .errors import InputError
from .grid import AXES
from .materials.electrolytes import S_PER_M
from .plots import save_figure
from .plots_sweep_gallery import draw_gallery, has_pictures
from .plots_sweep_phases import draw_phase_diagram
from .plots_theory import EXPERIMENT, LINES, _new_figure
from .theory.effective_medium import CoatedPores, core_fraction
from .workflows.effective_medium import Theory
from .workflows.sweep_table import POROSITY, SHAPE_FACTORS, Table, described, evenly, label_of, read_table, spread

LI3PS4 = 0.0, 3.14e-3, 8.93e-7  # S/cm, pore, surface and bulk of Hu 2017, to which the experiment belongs
PAPER_RADIUS_NM = 14.0  # of the pores, in the paper's effective-medium curves
MOST_CURVES, FEW_VALUES, CURVE_POINTS = 5, 12, 200
COMPONENT_COLOURS = LINES[0], LINES[2], LINES[3]
SIGMA = "effective conductivity (S/cm)"
MEAN = r"effective conductivity, mean of $\sigma_{xx}, \sigma_{yy}, \sigma_{zz}$ (S/cm)"


def plot_sweep(directory: Path) -> tuple[list[Path], list[str]]:
    """Draw what can be drawn of a collected sweep into ``directory/figures``.  For one process.

    ``sigma_porosity.png`` needs an axis of porosities, ``phase_diagram.png`` both shape factors as axes, ``gallery.png``
    the kept field ``phase``; ``sigma_axes.png`` shows the conductivity over each axis, whatever it is.

    Parameters
    ----------
    directory : Path
        Of a sweep, with its dataset.

    Returns
    -------
    list of Path
        The figures made.
    list of str
        What is not drawn, and why.

    Raises
    ------
    InputError
        The directory is not that of a sweep, has no dataset, or nothing in it can be drawn.
    CheckpointError
        A file is damaged.
    OutputError
    """
    table = read_table(Path(directory))
    varied, conducts = table.varied(), np.isfinite(table.numbers["sigma_mean_S_per_cm"]).any()
    drawings, left_out = {}, []
    if conducts:
        if POROSITY in varied:
            drawings["sigma_porosity"] = _porosity_figure
        if varied:
            drawings["sigma_axes"] = _axes_figure
    else:
        left_out.append("no conductivities: no case has one that means something")
    if set(SHAPE_FACTORS) <= set(varied) and any(table.connectivity):
        drawings["phase_diagram"] = draw_phase_diagram
    if has_pictures(table):
        drawings["gallery"] = draw_gallery
    else:
        left_out.append('no gallery: the sweep keeps no phases; plan it with keep = ["phase"]')
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: {'; '.join(left_out)}")
    return [save_figure(table.directory, name, lambda draw=draw: draw(table)) for name, draw in drawings.items()], left_out
