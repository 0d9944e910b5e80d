"""What a microstructure is, in numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..config.text import read_text
from ..errors import InputError
from ..io.orientations import ANGLES
from ..parallel.collective import on_root
from ..parallel.quiet import quiet_session
from ..polycrystals.misorientation import SYMMETRIES
from ..results.measured import GRAINS, measured_from_dict
from ..results.morphology import GrainMorphology as GrainMorphology
from ..results.morphology import LabelMorphology as LabelMorphology
from ..results.morphology import MorphologyResult
from ..spectral.transform import check_rank_count
from ..workflows.labelled import LabelOptions, measure_labels
from ..workflows.measure import characterize
from ..workflows.measured_grains import measure_as_grains
from ..workflows.measured_source import describe_source
from .arguments import in_arguments, path_of, plain
from .image import Image, as_image, check_same_on_all_ranks

_NAME = "pfsolid.measure"
_BOUNDARIES = ("open", "periodic", "mirror")


@dataclass(frozen=True, eq=False, repr=False)
class Morphology:
    """What `measure` found; the same on every rank.

    The filler is what lies below a density of 1/2, the pores, or the label asked for; the matrix is all else.

    Parameters
    ----------
    found : MorphologyResult
        The section ``morphology`` of result.json.

    Attributes
    ----------
    connectivity : str
        Class, filler first: '3-3' where both percolate along three axes.
    percolates : dict
        {'filler': 'xyz', 'matrix': 'xy' ...}: the axes along which each percolates.
    porosity : float
        1 - <rho>, or the volume fraction of the filler.
    area_per_nm : float
        Interface per volume, 1/nm.
    mean_chord_nm : dict
        {'filler': nm, 'matrix': nm}: 2 x length in the phase / phase changes; NaN where it is endless.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> density = np.repeat([0.0, 1.0], 8)[:, None, None] * np.ones((16, 16, 16))     # a pore across z, the first axis
    >>> found = pf.measure(density, voxel_nm=2, boundary="periodic")
    >>> found.connectivity, found.percolates["filler"], found.porosity
    ('2-2', 'xy', 0.5)
    """

    found: MorphologyResult

    @property
    def connectivity(self) -> str:
        """Newnham's class, filler first."""
        return self.found.connectivity.label

    @property
    def percolates(self) -> dict[str, str]:
        """The axes along which each phase percolates."""
        connectivity = self.found.connectivity
        parts = {"filler": connectivity.filler, "matrix": connectivity.matrix, "surface": connectivity.surface}
        return {name: part.percolates_along for name, part in parts.items() if part is not None}

    @property
    def porosity(self) -> float:
        """Volume fraction of the filler."""
        surface = self.found.surface
        found = surface.filler_fraction if surface.porosity_by_mean is None else surface.porosity_by_mean
        return np.nan if found is None else found

    @property
    def area_per_nm(self) -> float:
        """Interface per volume, 1/nm."""
        return self.found.surface.area_per_nm

    @property
    def mean_chord_nm(self) -> dict[str, float]:
        """Of filler and matrix, nm."""
        lengths = [None if chords is None else chords.mean_nm for chords in self.found.chords]
        return {name: np.nan if length is None else length for name, length in zip(("filler", "matrix"), lengths)}

    def to_dict(self) -> dict[str, Any]:
        """All that was measured, as numbers, lists and texts of Python's own: docs/measure.md says what each is."""
        return self.found.to_dict()

    def __repr__(self) -> str:
        chords = ", ".join(f"{name} {length:.4g} nm" for name, length in self.mean_chord_nm.items())
        return (f"Morphology: {self.connectivity}, filler {self.porosity:.4g} of the volume, interface "
                f"{self.area_per_nm:.4g} nm^2/nm^3, mean chords {chords}")


def measure(image: Any, voxel_nm: Any = None, filler: int | str | None = None, boundary: str = "open", *,
            values: str | None = None, exclude: Any = (), active: Mapping[Any, str] | None = None, axes: str | None = None,
            names: Mapping[int, str] | None = None, orientations: Any = None, crystal_symmetry: str | None = None,
            comm: Any = None, threads: int | None = None,
            progress: bool | Callable[[str], object] | None = None) -> Morphology | LabelMorphology | GrainMorphology:
    """Measure an image of labels or a density: connectivity, surfaces, triple lines, chords, thickness, grains.

    The same functions as `pfsolid measure`, with the same numbers.  Collective over ``comm``.

    Parameters
    ----------
    image : Image or array_like (n0, n1[, n2])
        Labels, whole numbers each of which is a phase; or a density, 0 in the pores and 1 in the solid.
    voxel_nm : float or 3 floats, optional
        nm, edges of a voxel along x, y, z, where the image does not say them.
    filler : int or str, optional
        Number or name of a label that is measured against all others, the matrix.
    boundary : {'open', 'periodic', 'mirror'}
        How it goes on beyond its faces.
    values : {'labels', 'grains', 'density'}, optional
        What the values are; by default whole numbers (integers, bool) and what is given ``names`` are labels, each a phase.
        'grains': each is a grain.
    exclude : label or sequence of labels
        Numbers or names of labels outside the field of view: no phase, and no volume; of grains those that are none.
    active : mapping of label to {'through', 'first', 'last', 'either'}, optional
        What phases must be connected to along an axis where a triple line is active: a cluster that percolates (the
        default), the plate where the axis begins or ends, either of them.
    axes, names
        As for `pfsolid.Image`, where an array is given.
    orientations : str, Path, pandas.DataFrame or dict, optional
        Of grains: a file with Bunge's angles (a table of CSV, Neper, DREAM.3D), such a table, or phi1, Phi, phi2 in degrees
        by label; by default those in the image's own file.
    crystal_symmetry : {'cubic', 'hexagonal', 'trigonal', 'tetragonal', 'orthorhombic', 'none'}, optional
        Of grains: their lattice, for misorientations.
    comm, threads, progress
        As for `pfsolid.conductivity`.

    Returns
    -------
    LabelMorphology
        Of labels; ``GrainMorphology`` of grains, ``Morphology`` of a density, and of one label against the others.

    Raises
    ------
    InputError
        A ValueError, before anything is computed.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> plates = np.repeat([0, 1, 0, 1], 4)[:, None, None] * np.ones((16, 16, 16))     # across z, the first axis
    >>> pf.measure(plates, voxel_nm=2, boundary="periodic").percolates["matrix"]
    'xy'
    >>> layers = pf.measure(plates.astype(int), voxel_nm=2, boundary="periodic", names={0: "pore", 1: "solid"})
    >>> layers.volume_fractions["pore"], layers.area_per_nm["pore", "solid"]
    (0.5, 0.125)
    >>> made = pf.grains(32, 20, 40)
    >>> found = pf.measure(made.image, boundary="periodic", values="grains", orientations=made.to_dataframe())
    >>> found.num_grains, f"{found.sizes.mean_nm:.0f} nm"
    (40, '207 nm')
    """
    with in_arguments(_NAME):
        if boundary not in _BOUNDARIES:
            raise InputError(f"{_NAME}: boundary = {boundary!r}: must be one of {', '.join(_BOUNDARIES)}")
        image = as_image(image, voxel_nm=voxel_nm, axes=axes, names=names)
        if image.crop is not None or image.thresholds is not None or image.bin > 1:
            image = Image(image.to_array(), image.binned_nm, image.axes, image.names)
        if values not in (None, "labels", "grains", "density"):
            raise InputError(f"{_NAME}: values = {values!r}: must be 'labels', 'grains' or 'density'")
        if crystal_symmetry not in (None, *SYMMETRIES):
            raise InputError(f"{_NAME}: crystal_symmetry = {crystal_symmetry!r}: must be one of {', '.join(SYMMETRIES)}")
        options = LabelOptions(values, _listed(exclude), _needs(active), None, _orientations(orientations), crystal_symmetry)
        with quiet_session(comm, threads, progress) as session:
            check_same_on_all_ranks(image, session.reducer)
            asked = on_root(session.comm, describe_source, image._source, None if filler is None else str(plain(filler)),
                            image.voxel_nm, boundary, image.names, image._layout, values)
            options.check(asked)
            check_rank_count(asked.grid_nm, session.reducer.size)
            if values == GRAINS:
                return measure_as_grains(asked, session, options.excluded(asked), options.orientations, crystal_symmetry)
            if asked.labelled:
                return measure_labels(asked, session, options.excluded(asked), options.needs(asked))
            rho, labels = asked.read(session.comm)
            found = characterize(rho, asked.grid_nm, asked.thresholds, asked.surface_depth_nm, session, distributions=True,
                                 periodic=boundary != "open", labels=labels is not None)
    return Morphology(found)


def _orientations(given: Any) -> str | dict[int, Any] | None:
    """The name of a file, or Bunge's angles by label."""
    if given is None or isinstance(given, (str, Path)):
        return None if given is None else str(given)
    if hasattr(given, "columns"):  # of pandas, which is not loaded for it
        rows = (given.reset_index() if given.index.name == "label" else given).to_dict("records")
        given = {row.get("label"): tuple(row.get(name) for name in ANGLES) for row in rows}
        given = {label: angles for label, angles in given.items() if None not in angles}
    try:
        found = {int(label): tuple(map(float, angles)) for label, angles in dict(given).items()}
    except (TypeError, ValueError):
        found = {}
    found = {label: angles for label, angles in found.items() if not np.isnan(angles).any()}
    wrong = next((label for label, angles in found.items()
                  if len(angles) != 3 or not np.isfinite(angles).all() or not 0 <= angles[1] <= 180), None)
    if not found or wrong is not None:
        what = "" if wrong is None else f": {wrong}: {found[wrong]}"
        raise InputError(f"{_NAME}: orientations{what}: must be a file, a table or {{label: (phi1, Phi, phi2)}} in degrees, "
                         "Phi from 0 to 180")
    return found


def open_morphology(path: str | Path) -> Morphology | LabelMorphology | GrainMorphology:
    """What `pfsolid measure` has written: morphology.json.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    LabelMorphology
        Of labels; ``GrainMorphology`` of grains, ``Morphology`` of a density, and of one label against the others.

    Raises
    ------
    InputError
        It does not exist, is no such file, or is of a newer version.

    Examples
    --------
    >>> import json
    >>> import pfsolid as pf
    >>> _ = (folder / "morphology.json").write_text(json.dumps({"schema_version": 99}))
    >>> pf.open_morphology(folder / "morphology.json")                                # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pfsolid.errors.InputError: .../morphology.json: schema_version 99 is of a newer pfsolid; this one reads up to 1
    """
    path = path_of(path, "pfsolid.open_morphology")
    text = read_text(path)
    try:
        found = measured_from_dict(json.loads(text)).morphology
    except (ValueError, InputError) as error:
        raise InputError(f"{path}: {error}") from None
    return Morphology(found) if isinstance(found, MorphologyResult) else found


def _listed(labels: Any) -> str | None:
    """Labels as the command line has them."""
    labels = list(labels) if isinstance(labels, range) else plain(labels)
    labels = labels if isinstance(labels, list) else [labels]
    return ",".join(map(str, labels)) or None


def _needs(active: Mapping[Any, Any] | None) -> str | None:
    return ",".join(f"{label}={need}" for label, need in plain(active).items()) if active else None
