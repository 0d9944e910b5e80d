"""Nuclei of the minority phase, for mean densities at which a uniform field is metastable.  Reduced units.

Classical nucleation (Simmons, Shen & Wang, Scr. Mater. 43 (2000) 935, doi:10.1016/S1359-6462(00)00517-0; Hu 2017,
doi:10.1021/acsami.7b11292, eqs 5 and 6):

    j = N exp(-dG* / k_B T),  p = 1 - exp(-j dt) for each voxel,  r* = 2 gamma / dg_v,  dG* = 16 pi gamma^3 / (3 dg_v^2)

In the coordinates r_i / sqrt(8 kappa_i) the energy is isotropic with gamma = 1/12 and an interface of width 1, so a
nucleus is a sphere there: an ellipsoid in space, and a rod or a plate where that is longer than the cell.  Three
things follow from the cell's being finite:

- What the nuclei take is missing outside.  r* is taken at the density that is left there, not at the mean.
- All nuclei together must take less than the minority phase will, or they shrink: see ``FILLER_SHARE``.
- A nucleus that wraps one axis is a cylinder, with half the mean curvature and critical radius of a sphere; one that
  wraps two is a flat layer, which has none and lasts if it is thicker than its interfaces.  So a nucleus that
  takes too much of the cell is made thinner, down to what its own shape needs and no further.

`seed_nuclei` places them at the start (site saturation): the events of the nucleation period, in the order in which they
happen, each where no earlier nucleus is.  `nucleation_in_time` puts each into the run at its time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..spectral.noise import plane_generator
from ..spectral.transform import SlabTransform
from .free_energy import REDUCED_KAPPA, bulk_energy, bulk_potential

SURFACE_ENERGY = 1 / 12
# Nuclei together take this share of the minority phase: the rest feeds their growth.
FILLER_SHARE = 0.4
# What a single nucleus may take where it cannot be smaller.
LARGEST_SHARE = 0.6
RADIUS_FACTOR = 1.5
# A thinner layer does not reach the density of its phase: its middle is above 0.13 already here.
SMALLEST_RADIUS = 0.45
# Between the surfaces of two nuclei, in interface widths.
SMALLEST_GAP = 1.0
# The profile is cut off where tanh is 1 to 4e-9.
_REACH = 5.0
# Events come from other random streams than the noise of the same seed.
_EVENTS = 2**40


def nucleus_density(mean_density: float) -> float:
    """Density inside a nucleus: that of the minority phase, pore (0) in a dense matrix and solid (1) in a thin one."""
    return 0.0 if mean_density > 0.5 else 1.0


def driving_force(density: float, nucleus: float) -> float:
    """dg_v = f(rho) + f'(rho)(rho_nucleus - rho) - f(rho_nucleus) of a matrix of this density, in units of 16 w."""
    return bulk_energy(density) + bulk_potential(density) * (nucleus - density) - bulk_energy(nucleus)


def critical_radius(force: float) -> float:
    """r* = 2 gamma / dg_v of a sphere, in units of lambda."""
    return 2 * SURFACE_ENERGY / force


def nucleation_barrier(force: float, kappa=(REDUCED_KAPPA,) * 3) -> float:
    """dG* = 16 pi gamma^3 / (3 dg_v^2) sqrt(prod 8 kappa_i), in units of 16 w lambda^3 (12 gamma lambda^2)."""
    return 16 * math.pi * SURFACE_ENERGY**3 / (3 * force**2) * math.prod(_stretch(kappa))


def nucleation_rate(prefactor: float, barrier_in_kt: float) -> float:
    """j = N exp(-dG*/k_B T) in the units of N; zero where the exponential is below the smallest number."""
    return prefactor * math.exp(-barrier_in_kt)


def _stretch(kappa) -> tuple[float, float, float]:
    """Interface width along each axis."""
    return tuple(math.sqrt(kappa_i / REDUCED_KAPPA) for kappa_i in kappa)


@dataclass(frozen=True)
class NucleationPlan:
    """The nuclei to be placed; lengths in units of the surface depth.

    Attributes
    ----------
    mean_density, nucleus_density : float
    filler_fraction : float
        Of the volume: what the phase of the nuclei will take, |mean - majority's density|.
    critical_radius : float
        Of a sphere in the uniform field, before any nucleus has taken its share.
    radius : float
        Of the nuclei, in the coordinates in which they are spheres.
    smallest_radius : float
        The critical one for the nuclei's shape in what they leave of the matrix.
    widths : tuple of 3 float
        Interface width along each axis; ``semi_axes`` are ``radius`` times these.
    wraps : tuple of 3 bool
        Axes along which a nucleus goes through the whole cell, with the same cross-section all the way.
    nucleus_fraction : float
        Of the volume, one nucleus with its share of the interface.
    max_number : int
        How many may be placed.
    expected : float
        How many nucleation events there are on average.
    events_are_counted : bool
        Whether their number is a Poisson number of that mean; if not, events go on until ``max_number`` is reached.
    """

    mean_density: float
    nucleus_density: float
    filler_fraction: float
    critical_radius: float
    radius: float
    smallest_radius: float
    widths: tuple[float, float, float]
    wraps: tuple[bool, bool, bool]
    nucleus_fraction: float
    max_number: int
    expected: float
    events_are_counted: bool

    @property
    def semi_axes(self) -> tuple[float, float, float]:
        return tuple(self.radius * width for width in self.widths)

    @property
    def shape(self) -> str:
        """sphere, ellipsoid, rod along x, plate normal to z, ..."""
        wrapped = [axis for axis, wraps in zip(AXES, self.wraps) if wraps]
        if len(wrapped) == 1:
            return f"rod along {wrapped[0]}"
        if len(wrapped) == 2:
            return f"plate normal to {next(axis for axis in AXES if axis not in wrapped)}"
        return "sphere" if len(set(self.widths)) == 1 else "ellipsoid"

    @property
    def description(self) -> str:
        """One line for the log."""
        phase = "pore" if self.nucleus_density == 0 else "solid"
        axes = " x ".join(f"{axis:.3g}" for axis in self.semi_axes)
        return (f"nucleation of {phase} at mean density {self.mean_density:.4g}: {self.expected:.4g} nuclei "
                f"expected, room for {self.max_number}; each a {self.shape} with semi-axes {axes} surface depths "
                f"({self.radius / self.smallest_radius:.2f} times the smallest that lasts; critical sphere in the "
                f"uniform field: {self.critical_radius:.3g}), {100 * self.nucleus_fraction:.2g} % of the cell, of "
                f"{100 * self.filler_fraction:.3g} % that the phase will fill")


def plan_nucleation(grid: PeriodicGrid, mean_density: float, kappa=(REDUCED_KAPPA,) * 3,
                    expected: float | None = None, radius_factor: float = RADIUS_FACTOR,
                    filler_share: float = FILLER_SHARE) -> NucleationPlan:
    """How large the nuclei are and how many there can be.

    Parameters
    ----------
    grid : PeriodicGrid
        In units of the surface depth.
    mean_density : float
        <rho>.
    kappa : tuple of 3 float
        Gradient energy coefficients, reduced.
    expected : float, optional
        Number of nucleation events to be expected in the cell: rate * duration * volume, or number density * volume.
        Without it events go on until the nuclei take ``filler_share`` of their phase's volume.
    radius_factor : float
        Radius over the critical one at the density outside.
    filler_share : float

    Raises
    ------
    InputError
        If no nucleus is to be expected, or the cell is too small or its voxels are too large for one.
    """
    nucleus = nucleus_density(mean_density)
    filler = abs(mean_density - (1 - nucleus))
    if not 0 < filler < 1 or not 0 < filler_share <= LARGEST_SHARE or not radius_factor >= 1:
        raise InputError(f"nucleation with mean density {mean_density:g}, radius_factor {radius_factor:g} and "
                         f"filler_share {filler_share:g}: the density must lie between 0 and 1, the factor be at least "
                         f"1 and the share above 0 and at most {LARGEST_SHARE:g}")
    widths = _stretch(kappa)
    cell = [length / width for length, width in zip(grid.lengths, widths)]
    radius = radius_factor * critical_radius(_force_outside(mean_density, nucleus, filler_share * filler))
    for wraps in _shapes(radius, cell):
        fitted, fraction = _fit(radius, _unrolled(cell, wraps), LARGEST_SHARE * filler)
        taken = max(fraction, filler_share * filler)
        smallest = _smallest_radius(wraps, _force_outside(mean_density, nucleus, taken))
        if fitted >= smallest:
            break
    _check_fit(grid, fitted, smallest, widths, wraps, filler)
    room = max(1, round(filler_share * filler / fraction))
    if expected is not None and not expected >= 1:
        raise InputError(f"nucleation: {expected:.3g} nuclei are expected in the cell, so it would stay uniform; "
                         "give a higher nucleation rate or effective temperature, a number density, or a larger cell")
    return NucleationPlan(
        mean_density, nucleus, filler, critical_radius(driving_force(mean_density, nucleus)), fitted, smallest, widths,
        wraps, fraction, room, float(room if expected is None else expected), expected is not None)


def _force_outside(mean: float, nucleus: float, fraction: float) -> float:
    """dg_v in the matrix once nuclei take a fraction of the cell."""
    return driving_force((mean - nucleus * fraction) / (1 - fraction), nucleus)


def _shapes(radius: float, cell) -> list[tuple[bool, ...]]:
    """Axes that a nucleus wraps: first those on which it is longer than the cell, then more of the stiff ones.

    A nucleus that takes too much of the cell as an ellipsoid may fit as a rod or a plate.
    """
    shapes = [tuple(radius >= length / 2 for length in cell)]
    for bound in sorted(cell):
        wider = tuple(wraps or length <= bound * (1 + 1e-9) for wraps, length in zip(shapes[-1], cell))
        if bound < max(cell) / 2 and wider != shapes[-1]:
            shapes.append(wider)
    return shapes


def _unrolled(cell, wraps) -> list[float]:
    """The cell with no length along the axes that a nucleus wraps: the same cross-section all along them."""
    return [0.0 if wrapped else length for length, wrapped in zip(cell, wraps)]


def _smallest_radius(wraps, force: float) -> float:
    """(2 - wrapped axes) gamma / dg_v: the critical radius of a sphere, a cylinder, a layer."""
    return max(SMALLEST_RADIUS, (2 - sum(wraps)) * SURFACE_ENERGY / force)


def _check_fit(grid: PeriodicGrid, radius: float, smallest: float, widths, wraps, filler: float) -> None:
    if radius < smallest:
        raise InputError(f"nucleation: the nuclei cannot fit: one of {LARGEST_SHARE:.0%} of the minority phase, which "
                         f"is {100 * filler:.3g} % of the cell, would have the radius {radius:.3g} surface depths, and "
                         f"below {smallest:.3g} it dissolves; take a larger cell or more of that phase")
    for axis, spacing, width, wrapped in zip(AXES, grid.spacing, widths, wraps):
        if radius * width < spacing and not wrapped:
            raise InputError(f"nucleation: nuclei with a semi-axis of {radius * width:.3g} surface depths along {axis} "
                             f"are smaller than a voxel ({spacing:.3g})")


def _fit(radius: float, cell, allowed: float) -> tuple[float, float]:
    """The radius, or the one below it at which a nucleus takes what is allowed; the fraction of the cell it takes."""
    fraction = _ball_fraction(radius, cell)
    if fraction <= allowed:
        return radius, fraction
    low, high = 0.0, radius
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _ball_fraction(middle, cell) < allowed else (low, middle)
    return low, _ball_fraction(low, cell)


def _ball_fraction(radius: float, cell, samples: int = 40) -> float:
    """Fraction of a periodic cell inside the smooth profile of one ball and its images: the mean of `_profile`."""
    squares, volume = [], 1.0
    for length in filter(None, cell):
        reach = min(length / 2, radius + _REACH)
        squares.append(((np.arange(samples) + 0.5) * (reach / samples)) ** 2)
        volume *= 2 * reach / length
    return volume * float(_profile(sum(np.ix_(*squares)), radius).mean())


def _profile(distance_squared, radius: float):
    """1 inside, 0 outside: the equilibrium interface about the surface of a ball."""
    return 0.5 - 0.5 * np.tanh(2 * (np.sqrt(distance_squared) - radius))


# --- placing them -------------------------------------------------------------------------------------------------


def seed_nuclei(transform: SlabTransform, plan: NucleationPlan, seed: int) -> int:
    """``transform.real`` = the nuclei in a uniform matrix, <rho> exact; how many there are.  Collective.

    The density outside the nuclei makes up for what they take.  The same field, to the last bit, at every rank count.

    Parameters
    ----------
    transform : SlabTransform
        On the grid of the plan.
    plan : NucleationPlan
    seed : int
        0 <= seed < 2**64.

    Raises
    ------
    InputError
        If even a single nucleus takes more than its phase will fill.
    """
    centres = _choose_centres(plan, transform.grid, seed)
    taken = draw_nuclei(transform, plan, centres)
    outside = (plan.mean_density - plan.nucleus_density * taken) / (1 - taken)
    if not 0 < outside < 1:
        raise InputError(f"nucleation: one nucleus takes {100 * taken:.3g} % of the cell and its phase only "
                         f"{100 * plan.filler_fraction:.3g} %; take a larger cell")
    transform.real *= plan.nucleus_density - outside
    transform.real += outside
    return len(centres)


def draw_events(plan: NucleationPlan, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Nucleation events in order of time: times (n,), in units of the nucleation period, and places (n, 3) in the cell.

    A Poisson process in time and space: p = 1 - exp(-j dt) of a voxel and step in the limit of small ones.  It follows
    from the seed and the plan's expected number alone, so a cell has the same events on every grid and rank; places are
    fractions of the edges.
    """
    # Some lie too near to an earlier nucleus, and more than this many are not needed.
    most = 200 + 50 * plan.max_number
    times, places = (plane_generator(seed, _EVENTS + stream) for stream in range(2))
    times = np.cumsum(-np.log1p(-times.random(most))) / plan.expected
    return times, places.random((most, 3))


def events_within(plan: NucleationPlan, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`draw_events` of one nucleation period; a plan that expects a nucleus gets at least one."""
    times, places = draw_events(plan, seed)
    number = max(1, np.count_nonzero(times <= 1))
    return np.minimum(times[:number], 1), places[:number]


def sphere_coordinates(places: np.ndarray, grid: PeriodicGrid, plan: NucleationPlan) -> np.ndarray:
    """Places in the cell in the coordinates in which nuclei are spheres; 0 along an axis that they wrap."""
    return places * np.where(plan.wraps, 0.0, np.array(grid.lengths) / plan.widths)


def _choose_centres(plan: NucleationPlan, grid: PeriodicGrid, seed: int) -> np.ndarray:
    """The first events that keep their distance, in coordinates in which nuclei are spheres."""
    _, places = (events_within if plan.events_are_counted else draw_events)(plan, seed)
    cell = sphere_coordinates(np.ones(3), grid, plan)
    apart = (2 * plan.radius + SMALLEST_GAP) ** 2
    centres = np.empty((0, 3))
    for event in sphere_coordinates(places, grid, plan):
        away = np.abs(centres - event)
        if np.all((np.minimum(away, cell - away) ** 2).sum(axis=1) >= apart):
            centres = np.vstack([centres, event])
            if len(centres) == plan.max_number:
                break
    return centres


def draw_nuclei(transform: SlabTransform, plan: NucleationPlan, centres: np.ndarray) -> float:
    """``transform.real`` = 1 in the nuclei, 0 outside, smooth between; its mean.  Collective."""
    grid, field = transform.grid, transform.real
    scales = [0.0 if wraps else 1 / width for wraps, width in zip(plan.wraps, plan.widths)]
    cell = [length * scale for length, scale in zip(grid.lengths, scales)]
    axes = [points.ravel() * scale for points, scale in zip(transform.coordinates(), scales)]
    reach = plan.radius + _REACH
    field[...] = reach**2
    for centre in centres:
        away = [np.abs(points - c) for points, c in zip(axes, centre)]
        squares = [np.minimum(a, length - a) ** 2 for a, length in zip(away, cell)]
        near = [np.flatnonzero(square < reach**2) for square in squares]
        x, y, z = np.ix_(*(square[index] for square, index in zip(squares, near)))
        box = np.ix_(*near)
        field[box] = np.minimum(field[box], x + y + z)
    plane_means = np.empty(len(field))
    for i, plane in enumerate(field):
        plane[...] = _profile(plane, plan.radius)
        plane_means[i] = plane.mean(dtype=np.float64)
    return float(transform.reducer.concatenate(plane_means).mean())
