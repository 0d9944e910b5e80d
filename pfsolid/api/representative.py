"""Is an image large enough?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.image import ImageStudyConfig
from ..config.rev import BOUNDARIES
from ..errors import InputError
from ..homogenization.parts import tell_of_spacing
from ..homogenization.representative import begin_survey, columns_of, lines_of, representative_of, survey, with_rev
from ..machine.warmup import ensure_compiled
from ..parallel.quiet import quiet_session
from ..results.representative import PropertyResult, RepresentativeResult
from .arguments import given, in_arguments
from .image import Image, as_image, check_same_on_all_ranks
from .optional import package
from .study import study_of

_NAME = "pfsolid.rev"


@dataclass(frozen=True, eq=False, repr=False)
class Representative:
    """What `rev` found; the same on every rank.

    Attributes
    ----------
    result : RepresentativeResult
        All numbers, as result.json has them.
    subvolumes : dict of str to ndarray
        Columns of the table of sub-volumes, NaN where one lies partly outside the field of view; the last row is the whole
        image, with size 0.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> noise = np.random.default_rng(1).random((16, 16, 16)) < 0.7
    >>> found = pf.rev(noise, voxel_nm=10, sizes=[8, 4])                              # fractions alone
    >>> int((found.subvolumes["size_voxels"] == 8).sum()), found.of("fraction of label 1").sample_relative < 0.1
    (8, True)
    """

    result: RepresentativeResult
    subvolumes: dict[str, npt.NDArray[Any]]
    _shape: tuple[int, int, int]
    _voxel_nm: tuple[float, float, float]

    @property
    def lines(self) -> list[str]:
        """A line for each property, as the command prints them."""
        return lines_of(self.result)

    def of(self, name: str, boundary: str | None = None) -> PropertyResult:
        """One property.

        Parameters
        ----------
        name : str
            Such as 'sigma_zz', 'sigma_mean', 'fraction of pore'.
        boundary : str, optional
            The condition; by default the first.

        Returns
        -------
        PropertyResult

        Raises
        ------
        InputError
            There is none of that name.
        """
        try:
            return self.result.of(name, boundary)
        except KeyError as error:
            raise InputError(f"Representative.of: {error.args[0]}") from None

    def to_dict(self) -> dict[str, Any]:
        """The numbers as tables, lists, numbers and texts of Python's own."""
        return self.result.to_dict()

    def to_dataframe(self) -> Any:
        """The sub-volumes as a pandas.DataFrame.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        return package("pandas", "Representative.to_dataframe").DataFrame(self.subvolumes)

    def plot(self, figure: Any = None) -> Any:
        """Means and scatter by size, with bars that are errors; in a new figure of pyplot unless one is given.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ..plots.representative import draw_representative  # loads matplotlib

        if figure is None:
            from matplotlib import pyplot

            figure = pyplot.figure(figsize=(7.6, 6.4))
        draw_representative(figure, self.result, float(np.prod(self._shape)), min(self._voxel_nm))
        return figure

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return "".join(f"<div>{escape(line)}</div>" for line in self.lines)


def rev(image: Any, sigma: Any = None, voxel_nm: Any = None, boundary: str | Sequence[str] = ("electrodes", "periodic"),
        directions: str | None = None, sizes: Sequence[int] | None = None, relative_error: float = 0.05, most: int = 64, *,
        temperature_K: Any = None, layer: Mapping[str, Any] | None = None, resistance: Mapping[Any, float] | None = None,
        exclude: Any = (), solver: str = "auto", tolerance: float = 1e-3, interface_normals: str | None = None,
        extrapolate: bool = False, axes: str | None = None, names: Mapping[int, str] | None = None, thresholds: Any = None,
        comm: Any = None, threads: int | None = None,
        progress: bool | Callable[[str], object] | None = None) -> Representative:
    """Is the image large enough?  How its parts scatter, the interval that it has itself, and what a smaller one takes.

    The same functions as `pfsolid rev IMAGE`, with the same numbers.  Sub-volumes of several sizes that do not overlap are
    solved each for itself; their variance falls as V^-g, g being fitted, and 1 where its 95 % interval holds that.
    Collective over ``comm``, whose ranks share the sub-volumes.

    Parameters
    ----------
    image, voxel_nm, axes, names, thresholds
        As for `pfsolid.conductivity`.
    sigma : dict, str, Path or pandas.DataFrame, optional
        S/cm of each label, as for `pfsolid.conductivity`; without it volume fractions only.
    boundary : str or sequence of str
        Conditions at the faces of image and sub-volumes: 'electrodes', 'periodic', 'mirror'.
    directions : str, optional
        Axes to apply a field along; by default all of more than one voxel.
    sizes : sequence of int, optional
        Edges of the sub-volumes in voxels of the smallest edge; by default up to three parts of the image.
    relative_error : float
        Half of the 95 % interval over the mean, for which a size is wanted.
    most : int
        Sub-volumes of a size; of more some are drawn, always the same ones.
    temperature_K, layer, resistance, exclude, solver, tolerance, interface_normals, extrapolate
        As for `pfsolid.conductivity`; of several temperatures the first.
    comm, threads, progress
        As for `pfsolid.conductivity`.

    Returns
    -------
    Representative

    Raises
    ------
    InputError
        A ValueError, before anything is computed.
    ConvergenceError

    Notes
    -----
    T. Kanit, S. Forest, I. Galliet, V. Mounoury, D. Jeulin, Int. J. Solids Struct. 40 (2003) 3647,
    doi:10.1016/S0020-7683(03)00143-4.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> noise = np.random.default_rng(1).random((32, 32, 32)) < 0.7
    >>> found = pf.rev(noise, {0: 0, 1: 1e-3}, voxel_nm=10, directions="z", boundary="periodic", sizes=[16, 10, 8])
    >>> one = found.of("sigma_zz")
    >>> one.exponent_low < 1 < one.exponent_high, one.sample_relative < 0.05
    (True, True)
    """
    with in_arguments(_NAME):
        image = as_image(image, voxel_nm=voxel_nm, axes=axes, names=names, thresholds=thresholds)
        boundaries = [boundary] if isinstance(boundary, str) else list(boundary)
        if not all(one in BOUNDARIES for one in boundaries):
            raise InputError(f"{_NAME}: boundary = {boundary!r}: must be one or several of {', '.join(BOUNDARIES)}")
        if sigma is None:
            boundaries, sigma = [], {"*": 1.0, 0: 1.0}  # nobody looks at them
        settings = given(solver=solver, relative_tolerance=tolerance, temperature_K=temperature_K, extrapolate=extrapolate)
        asked = given(sizes=sizes, boundaries=boundaries, most=most, relative_error=relative_error)
        study = study_of(image, sigma, layer, resistance, exclude, None, interface_normals, settings,
                         given(directions=directions), asked, _NAME)
        return _survey(image, with_rev(study), comm, threads, progress)


def _survey(image: Image, study: ImageStudyConfig, comm: Any, threads: int | None, progress: Any) -> Representative:
    with quiet_session(comm, threads, progress) as session:
        check_same_on_all_ranks(image, session.reducer)
        ensure_compiled(study, session)
        found = begin_survey(study, image._source, session)
        tell_of_spacing(study, found.info, session)
        survey(found, image._source, session)
    names, rows = columns_of(found)
    rows = [[0 if cell == "whole" else np.nan if cell == "" else cell for cell in row] for row in rows]
    columns = {name: np.array(column) for name, column in zip(names, zip(*rows))}
    return Representative(representative_of(found), columns, found.grid_nm.shape, found.grid_nm.spacing)
