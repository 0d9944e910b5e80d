"""Effective conductivity without a microstructure: effective-medium theory, bounds, brick layers, and their fit.

All formulas take conductivities in any one unit and broadcast over arrays; fractions come first, then conductivities.

- `wiener`, `hashin_shtrikman`: bounds from the volume fractions alone: of any structure, of isotropic ones
- `maxwell`, `maxwell_garnett`: spheres that keep apart in a matrix
- `bruggeman`: symmetric effective medium
- `gem`: McLachlan's general effective-medium equation, two phases or more
- `three_phase_gem`: pores with a surface layer, eq 8 of Hu 2017, of `CoatedPores`
- `coated_maxwell_garnett`, `coated_bruggeman`, `parallel_pillars`: the same pores by other theories
- `brick_layer`: grains and their boundaries
- `ambipolar_conductivity`, `transport_number`: two carriers in one porous electrode; more in `pfsolid.theory.electrode`
- `fit_percolation`: threshold and exponent of `three_phase_gem` from simulations

>>> import pfsolid as pf
>>> low, high = pf.theory.hashin_shtrikman((0.3, 0.7), (0.0, 1e-3))
>>> round(float(low), 9), round(float(high), 9)
(0.0, 0.000608696)
>>> float(pf.theory.bruggeman((0.3, 0.7), (0.0, 1.0))).__round__(6)
0.55
"""

from .bounds import Bounds, hashin_shtrikman_bounds, wiener_bounds
from .bricks import brick_layer, parallel_pillars
from .effective_medium import (
    CoatedPores,
    Reading,
    bruggeman,
    coated_bruggeman,
    coated_maxwell_garnett,
    gem,
    maxwell_garnett,
    three_phase_gem,
)
from .electrode import ambipolar_conductivity, transport_number

wiener, hashin_shtrikman, maxwell = wiener_bounds, hashin_shtrikman_bounds, maxwell_garnett

__all__ = ["Bounds", "CoatedPores", "Reading", "ambipolar_conductivity", "brick_layer", "bruggeman", "coated_bruggeman",
           "coated_maxwell_garnett", "fit_percolation", "gem", "hashin_shtrikman", "maxwell", "maxwell_garnett",
           "parallel_pillars", "three_phase_gem", "transport_number", "wiener"]


def __getattr__(name: str):
    if name != "fit_percolation":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .fit import fit_percolation  # loads scipy

    return fit_percolation
