"""The formulas of effective-medium theory by name, each with its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import bricks, effective_medium
from .bounds import Bounds, hashin_shtrikman_bounds, wiener_bounds
from .effective_medium import AS_PRINTED, CYLINDER, SPHERE, CoatedPores, Reading, phase_fractions, three_phase_gem

SOURCE = "Hu et al. 2017, doi:10.1021/acsami.7b11292"


@dataclass(frozen=True)
class Model:
    """A formula and what it assumes.

    Attributes
    ----------
    about : str
    dimension : int
        3: coated spheres, an isotropic medium; 2: coated pillars, along them.
    formula : callable or None
        (porosity, depth over radius, phases) -> conductivity; None: eq 8, which has parameters besides.
    """

    about: str
    dimension: int = SPHERE
    formula: Callable | None = None


MODELS = {
    "gemt": Model(f"three-phase GEMT, eq 8 of {SOURCE}; spheres"),
    "bruggeman": Model("Bruggeman's symmetric theory of coated spheres and matrix",
                       formula=effective_medium.coated_bruggeman),
    "maxwell-garnett": Model("Maxwell–Garnett, coated spheres that keep apart in a matrix",
                             formula=effective_medium.coated_maxwell_garnett),
    "brick": Model(f"parallel brick layer along hollow pillars, {SOURCE}", CYLINDER,
                   formula=bricks.parallel_pillars),
}


@dataclass(frozen=True)
class Theory:
    """A model with its parameters; conductivities in S/cm.

    Attributes
    ----------
    model : str
        A key of `MODELS`.
    phases : CoatedPores
    percolation_threshold, exponent : float
    reading : Reading
        These three of eq 8 alone.
    """

    model: str
    phases: CoatedPores
    percolation_threshold: float = 0.32
    exponent: float = 0.85
    reading: Reading = AS_PRINTED

    def conductivity(self, porosity, depth_over_radius) -> np.ndarray:
        """S/cm; arrays broadcast.

        Parameters
        ----------
        porosity, depth_over_radius : array_like
            g, volume fraction of the cores, and λ/r.

        Returns
        -------
        ndarray
            S/cm.

        Raises
        ------
        InputError
            Outside the range of validity.
        """
        model = MODELS[self.model]
        if model.formula:
            return model.formula(porosity, depth_over_radius, self.phases)
        return three_phase_gem(porosity, depth_over_radius, self.phases, self.percolation_threshold, self.exponent,
                               self.reading)

    def bounds(self, porosity, depth_over_radius) -> Bounds:
        """Of the same volume fractions: Hashin–Shtrikman for spheres, Wiener for pillars; S/cm.

        Parameters
        ----------
        porosity, depth_over_radius : array_like
            As in `conductivity`.

        Returns
        -------
        Bounds
            S/cm.
        """
        dimension = MODELS[self.model].dimension
        limits = hashin_shtrikman_bounds if dimension == SPHERE else wiener_bounds
        return limits(phase_fractions(porosity, depth_over_radius, dimension),
                      [self.phases.core, self.phases.surface, self.phases.matrix])

    @property
    def about(self) -> str:
        """What is computed, for a person."""
        model = MODELS[self.model]
        return model.about if model.formula else (f"{model.about}; p_c = {self.percolation_threshold:g}, "
                                                  f"t = {self.exponent:g}{reading_text(self.reading)}")


def reading_text(reading: Reading) -> str:
    """How eq 8 is read where that is not as printed."""
    words = {"coated": "exact coated spheres", "porosity": "p_c of the porosity"}
    said = [words[choice] for choice in (reading.composite, reading.threshold_of) if choice in words]
    return f" ({', '.join(said)})" if said else ""
