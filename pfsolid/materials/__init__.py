"""What electrolytes conduct: Arrhenius laws, hopping, and values that carry their source.

- `names()`: the electrolytes that are known
- `get(name)`: one of them, an `Electrolyte` with all `values` and their sources
- `fit_arrhenius`: activation energy of a series of temperatures
- `nernst_einstein`, `vacancy_conductivity`: hopping conduction

>>> import pfsolid as pf
>>> pf.materials.names()[:2]
['beta-Li3PS4', 'nanoporous-Li3PS4']
>>> lps = pf.materials.get("beta-Li3PS4")
>>> lps                                                                           # doctest: +ELLIPSIS
beta-Li3PS4: bulk conductivity, surface conductivity, surface energy, surface depth, ...
>>> round(lps.sigma_S_per_cm("bulk", 298.15), 9)
8.93e-07
"""

from .arrhenius import fit_arrhenius
from .electrolytes import Electrolyte, Source, Value, load_electrolytes
from .electrolytes import electrolyte as get
from .hopping import nernst_einstein, vacancy_conductivity

__all__ = ["Electrolyte", "Source", "Value", "fit_arrhenius", "get", "names", "nernst_einstein", "vacancy_conductivity"]


def names() -> list[str]:
    """Names of the electrolytes that are known, as inputs and `pfsolid.grow` take them.

    Examples
    --------
    >>> from pfsolid import materials
    >>> materials.names()[0]
    'beta-Li3PS4'
    """
    return list(load_electrolytes())
