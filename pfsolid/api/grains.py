"""Polycrystals in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.grains import GrainsConfig, grains_config
from ..errors import InputError
from ..orientation import order_of_axes
from ..parallel.quiet import quiet_session
from ..polycrystals.polycrystal import COLUMNS, GRAIN, PORE, SECOND, Polycrystal
from ..polycrystals.texture import rotations
from ..spectral.transform import slab_of
from ..workflows.grains import make_grains
from .arguments import by_axes, edges, given, in_arguments, in_array_order, plain
from .image import Image
from .optional import package

_NAME = "pfsolid.grains"


@dataclass(frozen=True, eq=False, repr=False)
class Grains:
    """Grains that fill a periodic cell; label k is grain k, the next is the second phase and the one after it pores.

    Attributes
    ----------
    labels : ndarray of uint32 (n0, n1, n2)
        In the order of `axes`; with ``comm`` this rank's part, which lies at `slices`.
    slices : tuple of slice
    voxel_nm : tuple of 3 float
        nm, along x, y, z.
    axes : str
    volumes_nm3, diameters_nm : ndarray (num_grains,)
        nm^3, and nm of spheres of these volumes, as the voxels have them.
    seeds_nm : ndarray (num_grains, 3)
        nm, x, y, z.
    euler_deg : ndarray (num_grains, 3)
        Bunge's phi1, Phi, phi2, degrees.
    """

    labels: npt.NDArray[np.uint32]
    slices: tuple[slice, ...]
    voxel_nm: tuple[float, float, float]
    axes: str
    _made: Polycrystal = field(repr=False)
    _config: GrainsConfig = field(repr=False)

    @property
    def volumes_nm3(self) -> npt.NDArray[np.float64]:
        """nm^3."""
        return np.asarray(self._made.voxels * self._made.voxel_nm3, np.float64)

    @property
    def diameters_nm(self) -> npt.NDArray[np.float64]:
        """nm, of spheres of these volumes."""
        return np.asarray(self._made.diameters_nm, np.float64)

    @property
    def seeds_nm(self) -> npt.NDArray[np.float64]:
        """nm, x, y, z."""
        return np.asarray(self._made.diagram.seeds, np.float64)

    @property
    def euler_deg(self) -> npt.NDArray[np.float64]:
        """Bunge's phi1, Phi, phi2, degrees."""
        return np.asarray(self._made.angles, np.float64)

    @property
    def second_phase_fraction(self) -> float:
        """Of the volume."""
        return self._made.fractions[0]

    @property
    def porosity(self) -> float:
        """Of the volume."""
        return self._made.fractions[1]

    @property
    def classes(self) -> dict[str, Any]:
        """Labels by what they are, those that there are: for ``pfsolid.conductivity(classes=…)``."""
        number = self._config.number
        found: dict[str, Any] = {GRAIN: range(number)}
        return found | {name: number + offset for offset, name in enumerate((SECOND, PORE))
                        if self._made.voxels_between[offset]}

    @property
    def image(self) -> Image:
        """The labels as an image, to be conducted, measured or drawn."""
        return Image(self.labels, self.voxel_nm, self.axes)

    def tensors(self, crystal: Any) -> npt.NDArray[np.float64]:
        """A tensor of the crystal in the sample's axes, by grains: ``sigma=dict(enumerate(made.tensors([1, 1, 0.1])))``.

        Parameters
        ----------
        crystal : array_like (3,) or (3, 3)
            Principal values along the crystal's axes a, b, c, or the tensor, in any unit.

        Returns
        -------
        ndarray (num_grains, 3, 3)
            ``R T R^T``.

        Raises
        ------
        InputError
            It is neither.

        Examples
        --------
        >>> import numpy as np
        >>> import pfsolid as pf
        >>> made = pf.grains(16, 20, 20, texture="fibre:x")
        >>> np.round(made.tensors([1.0, 1.0, 3.0])[0], 12) + 0.0
        array([[3., 0., 0.],
               [0., 1., 0.],
               [0., 0., 1.]])
        """
        tensor = np.asarray(crystal, float)
        if tensor.shape == (3,):
            tensor = np.diag(tensor)
        if tensor.shape != (3, 3):
            raise InputError(f"Grains.tensors: crystal = {crystal!r}: must be three principal values or a tensor of 3 x 3")
        turn = rotations(self._made.angles)
        turned = turn @ tensor @ turn.transpose(0, 2, 1)
        # Symmetric to the last bit, which rounding may spoil, where the crystal's is.
        return np.asarray(0.5 * (turned + turned.transpose(0, 2, 1)) if np.array_equal(tensor, tensor.T) else turned)

    def to_dataframe(self) -> Any:
        """A row for each grain as a pandas.DataFrame: the table that `pfsolid grains` writes.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        return package("pandas", "Grains.to_dataframe").DataFrame(self._made.rows(), columns=COLUMNS).set_index("label")

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self._config.shape))
        return (f"{self._config.number} grains in {shape} voxels (x, y, z) of {_edges(self.voxel_nm)} nm: mean diameter "
                f"{self.diameters_nm.mean():.3g} nm")


def grains(shape: Any, voxel_nm: Any, grains: int, lognormal: float = 0.35, aspect: Any = (1, 1, 1),
           texture: str = "random", seed: int = 1, *, film_nm: float = 0, wetted: float = 1, triple_line_nm: float = 0,
           porosity: float = 0, pore_nm: float | None = None, pores: Any = None, axes: str = "zyx", comm: Any = None,
           threads: int | None = None) -> Grains:
    """A polycrystal: a periodic power diagram with log-normal grain sizes and a texture, films between grains, and pores.

    A voxel at x belongs to the grain whose |x - seed|^2 - weight is least; weights are fitted until volumes are the
    quantiles of the distribution within 2 % of the mean volume.  The grains do not depend on the voxels: a finer grid of the
    same cell shows the same ones.  Nothing is written.  Collective over ``comm``, with the same labels on any number of
    ranks.

    Parameters
    ----------
    shape : int or 3 ints
        Voxels along the axes of the labels, in the order of ``axes``.
    voxel_nm : float or 3 floats
        nm, edges of a voxel along x, y, z.
    grains : int
    lognormal : float
        Standard deviation of ln of the diameter; 0: volumes all alike.
    aspect : 3 floats
        How many times longer grains are along x, y, z, up to a common factor.
    texture : str
        'random', 'single', or 'fibre:x', 'fibre:y', 'fibre:z': the crystals' c along an axis, any angle about it.
    seed : int
    film_nm : float
        nm, thickness of a second phase on the facets, by the exact distance to them; at least the edge of a voxel.
    wetted : float
        Share of the facets that have it, drawn one by one.
    triple_line_nm : float
        nm, diameter of channels of the second phase along triple lines.
    porosity, pore_nm : float
        Volume fraction of spherical pores at random places, and about their diameter in nm, which is set to meet it.
    pores : array_like of bool, optional
        In place of those: where there are pores, in the shape of the labels.
    axes : str
        Order of the axes of the labels, first index first.
    comm, threads
        As for `pfsolid.conductivity`.

    Returns
    -------
    Grains

    Raises
    ------
    InputError
        An argument cannot be, or volumes cannot be had.

    Notes
    -----
    D. P. Bourne et al., Phil. Mag. 100 (2020) 2677, doi:10.1080/14786435.2020.1790053.

    Examples
    --------
    >>> import pfsolid as pf
    >>> made = pf.grains(32, voxel_nm=20, grains=40)
    >>> made
    40 grains in 32 x 32 x 32 voxels (x, y, z) of 20 nm: mean diameter 207 nm
    >>> made.labels.dtype, made.euler_deg.shape
    (dtype('uint32'), (40, 3))
    >>> pf.grains(32, 20, 40, film_nm=25, porosity=0.05, pore_nm=80).classes
    {'grain': range(0, 40), 'second_phase': 40, 'pore': 41}
    """
    with in_arguments(_NAME):
        order = order_of_axes(axes) if isinstance(axes, str) else None
        if order is None or len(order) != 3:
            raise InputError(f"{_NAME}: axes = {axes!r}: must be 'zyx' or another order of three axes")
        sizes = plain(shape)
        if isinstance(sizes, list):
            sizes = [sizes[order.index(name)] for name in "xyz"] if len(sizes) == 3 else sizes
        config = grains_config({"shape": sizes, "voxel_size_nm": edges(voxel_nm), "number": plain(grains),
                                "lognormal": plain(lognormal), "aspect": plain(aspect), "texture": texture,
                                "film_nm": plain(film_nm), "wetted": plain(wetted), "triple_line_nm": plain(triple_line_nm),
                                "porosity": plain(porosity), "seed": plain(seed)} | given(pore_nm=plain(pore_nm)), _NAME)
        where = None if pores is None else _where(pores, config, order)
        with quiet_session(comm, threads) as session:
            slab = slab_of(config.grid_nm, session.comm)
            made, labels = make_grains(config, session, None if where is None else where[slab])
            slices = by_axes(slab, order)
    return Grains(in_array_order(labels, order), slices, config.voxel_size_nm, order, made, config)


def _where(pores: Any, config: GrainsConfig, order: str) -> npt.NDArray[np.bool_]:
    """Pores along x, y, z."""
    where = np.asarray(pores)
    expected = tuple(config.shape["xyz".index(name)] for name in order)
    if where.dtype != bool or where.shape != expected:
        raise InputError(f"{_NAME}: pores: must be an array of bool of shape {expected}, not of {where.dtype} and "
                         f"{where.shape}")
    if config.porosity:
        raise InputError(f"{_NAME}: pores goes in place of porosity = {config.porosity:g}")
    return where.transpose([order.index(name) for name in "xyz"])


def _edges(voxel_nm: tuple[float, float, float]) -> str:
    return f"{voxel_nm[0]:g}" if len(set(voxel_nm)) == 1 else " x ".join(f"{edge:g}" for edge in voxel_nm)
