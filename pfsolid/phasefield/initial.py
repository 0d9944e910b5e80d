"""Initial fields."""

from __future__ import annotations

from ..spectral.noise import fill_gaussian
from ..spectral.transform import SlabTransform


def fill_noise(transform: SlabTransform, mean: float, amplitude: float, seed: int) -> None:
    """Collective: ``transform.real`` = mean + amplitude * unit Gaussian noise, its global mean exact.

    Parameters
    ----------
    mean : float
        <rho> = 1 - porosity.
    amplitude : float
        Standard deviation of rho.
    seed : int
        The field depends on the seed and the grid only, not on the number of ranks.
    """
    fill_gaussian(transform.real, transform.first_plane, seed, transform.reducer)
    transform.real *= amplitude
    transform.real += mean
