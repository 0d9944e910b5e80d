"""Labels of voxels: how many there can be, room for a slab of them, how often each occurs, values of pairs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .kernel import kernel
from .parallel.collective import Reducer
from .spectral.transform import SlabTransform

# Tables have a place for each label up to the highest one, so this bounds them; no table has one for each pair of labels.
NUM_LABELS = 1 << 24
MAX_LABEL = NUM_LABELS - 1
# Up to so many labels have numbers of their own in results: shares of the current, percentiles.
MOST_APART = 256
_SMALL = np.iinfo(np.uint8).max
_MOST_SHOWN = 20
_PAIR_BITS = 32


def label_dtype(highest: int) -> type:
    """Of an array of labels up to ``highest``: uint8 or uint32, the two that kernels are compiled for."""
    return np.uint8 if highest <= _SMALL else np.uint32


def count_labels(labels: np.ndarray, reducer: Reducer, least: int = 0) -> np.ndarray:
    """How many voxels have each label from 0 to the highest that occurs.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0, n1, n2)
        Without ghost planes.
    reducer : Reducer
    least : int
        Of entries.

    Returns
    -------
    ndarray (num_labels,)
    """
    highest = int(reducer.max(int(labels.max()) if labels.size else 0))
    counts = np.zeros(max(highest + 1, least))
    for plane in labels:  # bincount makes eight bytes of each
        found = np.bincount(plane.ravel())
        counts[:found.size] += found
    return reducer.sum(counts)


def empty_labels(transform: SlabTransform, dtype: npt.DTypeLike = np.uint8) -> np.ndarray:
    """Room for the labels of a slab and its ghost planes.

    Parameters
    ----------
    transform : SlabTransform
    dtype : {uint8, uint32}

    Returns
    -------
    ndarray, local (n0 + 2, n1, n2)
    """
    n0, n1, n2 = transform.local_shape
    return np.empty((n0 + 2, n1, n2), dtype)


def label_counts(labels: np.ndarray, reducer: Reducer) -> dict[int, int]:
    """How many voxels of the image have each label that occurs.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0, n1, n2)
        Without ghost planes.
    """
    counts = count_labels(labels, reducer)
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts)}


def check_label_known(counts: dict[int, int], known, what: str) -> None:
    """Raise InputError, with the counts of labels, where one that occurs is not among ``known``.

    Parameters
    ----------
    counts : dict of int to int
        `label_counts`.
    known : collection of int
    what : str
        What it lacks, such as 'conductivity'.
    """
    missing = [label for label in counts if label not in known]
    if not missing:
        return
    total = sum(counts.values())
    found = [f"{label} ({count} voxels, {100 * count / total:.3g} %)" for label, count in counts.items()]
    if len(found) > MOST_APART:
        raise InputError(f"label {missing[0]} has no {what}, nor have {len(missing) - 1} others of the {len(found)} labels "
                         "of the image: give thresholds if these are grey values, or a value for all others (*)")
    raise InputError(f"label {missing[0]} has no {what}; the image has the labels {_some(found)}, and given "
                     f"are {_some(list(map(str, sorted(known)))) or 'none'}")


def _some(texts: list[str]) -> str:
    rest = len(texts) - _MOST_SHOWN
    return ", ".join(texts[:_MOST_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


# --- values of pairs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PairValues:
    """A value for each two labels that differ, by sorted pairs: it grows with the pairs that are given, not with all.

    Attributes
    ----------
    keys : ndarray of int64 (num_pairs,)
        Rising: the lower label times 2^32 and the higher one.
    values : ndarray (num_pairs,)
    others : float
        Of the pairs that are not given.
    """

    keys: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    others: float = 0.0

    @classmethod
    def of(cls, given: Mapping[tuple[int, int], float] | PairValues | None, others: float = 0.0) -> PairValues:
        """From {(a, b): value}, either way round.

        Parameters
        ----------
        given : dict or PairValues
            Labels from 0 to MAX_LABEL.
        others : float
            Of the pairs that are not given.

        Returns
        -------
        PairValues
            What was given, where it was one.

        Raises
        ------
        InputError
            Two values for one pair, or a pair of one label.
        """
        if isinstance(given, PairValues):
            return given
        found: dict[int, float] = {}
        for (a, b), value in (given or {}).items():
            if not (0 <= a <= MAX_LABEL and 0 <= b <= MAX_LABEL and a != b):
                raise InputError(f"a value of labels {a} and {b}: two different labels from 0 to {MAX_LABEL} are needed")
            key = min(a, b) << _PAIR_BITS | max(a, b)
            if found.setdefault(key, value) != value:
                raise InputError(f"a value of labels {a} and {b} is given twice: {found[key]} and {value}")
        keys = np.array(sorted(found), np.int64)
        return cls(keys, np.array([found[key] for key in keys.tolist()], float), float(others))

    @property
    def table(self) -> tuple[np.ndarray, np.ndarray, float]:
        """For `pair_value`."""
        return self.keys, self.values, self.others

    @property
    def is_zero(self) -> bool:
        """Whether all values are."""
        return not (self.others or np.any(self.values))

    def scaled(self, factor: float) -> PairValues:
        """All values times a number."""
        return PairValues(self.keys, factor * self.values, factor * self.others)

    def only(self, wanted) -> PairValues:
        """Values of which ``wanted`` is false are 0: ``only(np.isfinite)``."""
        return PairValues(self.keys, np.where(wanted(self.values), self.values, 0.0),
                          self.others if wanted(self.others) else 0.0)


@kernel()
def pair_value(table, a, b):
    """The value of two labels, 0 where they are one; for other kernels.

    Parameters
    ----------
    table : tuple
        `PairValues.table`.
    a, b : int

    Returns
    -------
    float
    """
    keys, values, others = table
    if a == b:
        return 0.0
    if keys.size == 0:
        return others
    low, high = np.int64(min(a, b)), np.int64(max(a, b))
    wanted = (low << 32) | high
    first, last = 0, keys.size
    while first < last:
        middle = (first + last) // 2
        if keys[middle] < wanted:
            first = middle + 1
        else:
            last = middle
    if first < keys.size and keys[first] == wanted:
        return values[first]
    return others
