"""Where voltage and power go, and with it how much sigma_eff depends on each conductivity and resistance.

For faces in series the power of a solved field is the sum of J^2 / sigma over half voxels and J^2 R over interfaces, and

    d ln sigma_eff / d ln sigma_k = share of the power in k,        d ln sigma_eff / d ln R_j = - share of the power in j,

exactly on the grid: sigma_eff is stationary in the potential.  The shares add to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Floats
from ..pairs import PairValues

# So many rules have rows of their own; where there are more, pairs of single labels count together.
MOST_RULES = 64
PAIRS = "pairs"  # what these are called
_CHANGES, _LEAST, GOAL = 3.0, 1e-3, 5e-3  # as of shares of the current


@dataclass(frozen=True)
class Part:
    """Of a phase, a kind of interface, or the plates.

    Attributes
    ----------
    power, voltage : float
        Shares of the whole; along the field, of the mean over all lines.
    error : float, optional
        How far the share of the power may be off because the potential is not exact.
    """

    power: float
    voltage: float
    error: float | None = None

    def judged_by(self, before: Part) -> Part:
        """With its error, from what has changed."""
        idle = self.power == 0 and before.power == 0
        return replace(self, error=0.0 if idle else max(_CHANGES * abs(self.power - before.power), _LEAST))


@dataclass(frozen=True)
class Dissipation:
    """Shares of power and voltage, for a field along one axis; the same on every rank.

    Attributes
    ----------
    phases : dict of int to Part
        By label, or the one that a label counts with.
    interfaces : dict of str to Part
        By rules of resistances.
    plates : Part or None
        Where electrodes resist.
    """

    phases: dict[int, Part]
    interfaces: dict[str, Part]
    plates: Part | None = None

    def judged_by(self, before: Dissipation) -> Dissipation:
        """With errors, from what has changed."""
        none = Part(0.0, 0.0)
        return Dissipation({label: part.judged_by(before.phases.get(label, none)) for label, part in self.phases.items()},
                           {name: part.judged_by(before.interfaces.get(name, none))
                            for name, part in self.interfaces.items()},
                           self.plates and self.plates.judged_by(before.plates or none))

    def exact(self) -> Dissipation:
        """With no errors but rounding."""
        def sure(part: Part) -> Part:
            return replace(part, error=1e-6 * part.power)

        return Dissipation({label: sure(part) for label, part in self.phases.items()},
                           {name: sure(part) for name, part in self.interfaces.items()}, self.plates and sure(self.plates))

    @property
    def settled(self) -> bool:
        """Whether the errors are small enough."""
        return all((part.error or 0.0) <= GOAL for part in [*self.phases.values(), *self.interfaces.values()])

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Dissipation:
        """Of what ``dataclasses.asdict`` and JSON have made of one."""
        return cls({int(label): Part(**part) for label, part in data["phases"].items()},
                   {name: Part(**part) for name, part in data["interfaces"].items()},
                   data["plates"] and Part(**data["plates"]))


def rows_of_rules(pairs: PairValues) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[str]]:
    """Row of each rule, and the names of rows: rules of pairs of labels share one where there are many.

    Parameters
    ----------
    pairs : PairValues

    Returns
    -------
    ndarray of int (num_rules,)
    list of str
    """
    names = list(pairs.names)
    if len(names) > MOST_RULES:
        single = np.zeros(len(names), bool)
        single[pairs.kinds] = True
        names = [PAIRS if alone else name for name, alone in zip(names, single.tolist())]
    rows = list(dict.fromkeys(names))
    place = {name: row for row, name in enumerate(rows)}
    return np.array([place[name] for name in names], np.int64), rows


def dissipation_of(sums: Floats, labels: list[int], rules: list[str]) -> Dissipation | None:
    """Shares, from sums of power and voltage over the whole image.

    Parameters
    ----------
    sums : ndarray (2, num_labels + num_rules + 1)
    labels : list of int
        Of the first rows.
    rules : list of str
        Of the rows after them; the last row is that of plates.

    Returns
    -------
    Dissipation or None
        None where no power is spent.
    """
    totals = sums.sum(axis=1)
    if not totals[0] > 0:
        return None
    power, voltage = (sums / np.where(totals > 0, totals, 1.0)[:, None]).tolist()
    parts = [Part(*both) for both in zip(power, voltage)]
    interfaces = {name: part for name, part in zip(rules, parts[len(labels):]) if part.power > 0}
    return Dissipation(dict(zip(labels, parts)), interfaces, parts[-1] if parts[-1].power > 0 else None)
