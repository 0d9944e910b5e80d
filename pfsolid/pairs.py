"""Values of pairs of labels, such as the resistance of their interface, by rules: the most specific one counts.

A rule is for one pair, for two classes of labels, or for all others; those of classes and of all others may go by the angle
of misorientation between two crystals.  No table has a place for each pair of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from .arrays import Bools, Floats, Integers
from .errors import InputError
from .kernel import kernel
from .labels import MAX_LABEL

ALL_OTHERS = "*:*"
_PAIR_BITS = 32
_NO_ANGLE = 360.0  # above all angles: the rule does not go by them
PairTable = tuple[Integers, Integers, npt.NDArray[np.int32], Integers, Floats, Floats, Floats, Floats]


def _pairs() -> Integers:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class PairValues:
    """A value for each two labels that differ; it takes memory for labels and rules, not for pairs.

    Attributes
    ----------
    keys : ndarray of int64 (num_pairs,)
        Pairs with a rule of their own, rising: the lower label times 2^32 and the higher one.
    kinds : ndarray of int64 (num_pairs,)
        Their rules.
    values : ndarray (num_rules,)
        Of each rule; the first is for all pairs that no other is for.
    classes : ndarray of int32 (num_labels,)
        Class of each label, 0 for none; labels beyond have none.
    class_kinds : ndarray of int64 (num_classes + 1, num_classes + 1)
        Rule of two classes, symmetric.
    limits : ndarray (num_rules,)
        Degrees: where two crystals are turned by more, the next rule counts instead; 360 where angles do not matter.
    turns : ndarray (num_labels, 4)
        Unit quaternions of the crystals; needed where a limit is below 360.
    symmetries : ndarray (num_symmetries, 4)
        Unit quaternions of the turns that leave a crystal as it was.
    names : tuple of str
        Of the rules.
    """

    keys: Integers = field(default_factory=_pairs)
    kinds: Integers = field(default_factory=_pairs)
    values: Floats = field(default_factory=lambda: np.zeros(1))
    classes: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    class_kinds: Integers = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    limits: Floats = field(default_factory=lambda: np.full(1, _NO_ANGLE))
    turns: Floats = field(default_factory=lambda: np.empty((0, 4)))
    symmetries: Floats = field(default_factory=lambda: np.empty((0, 4)))
    names: tuple[str, ...] = (ALL_OTHERS,)

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
        rules = PairRules()
        rules.put_others([others])
        found: dict[tuple[int, int], float] = {}
        for (a, b), value in (given or {}).items():
            if not (0 <= a <= MAX_LABEL and 0 <= b <= MAX_LABEL and a != b):
                raise InputError(f"a value of labels {a} and {b}: two different labels from 0 to {MAX_LABEL} are needed")
            pair = min(a, b), max(a, b)
            if found.setdefault(pair, value) != value:
                raise InputError(f"a value of labels {a} and {b} is given twice: {found[pair]} and {value}")
        for pair, value in found.items():
            rules.put_pair(pair, value)
        return rules.made()

    @property
    def table(self) -> PairTable:
        """For `pair_value` and `pair_kind`."""
        return (self.keys, self.kinds, self.classes, self.class_kinds, self.values, self.limits, self.turns,
                self.symmetries)

    @property
    def is_zero(self) -> bool:
        """Whether all values are."""
        return not np.any(self.values)

    def with_values(self, values: Floats) -> PairValues:
        """The same rules with other values, such as at another temperature.

        Parameters
        ----------
        values : ndarray (num_rules,)

        Returns
        -------
        PairValues
        """
        return replace(self, values=np.asarray(values, float))

    def scaled(self, factor: float) -> PairValues:
        """All values times a number."""
        return self.with_values(factor * self.values)

    def only(self, wanted: Callable[[Floats], Bools]) -> PairValues:
        """Values of which ``wanted`` is false are 0: ``only(np.isfinite)``."""
        return self.with_values(np.where(wanted(self.values), self.values, 0.0))


class PairRules:
    """Collects rules for `PairValues`."""

    def __init__(self) -> None:
        self._values: list[float] = [0.0]
        self._limits: list[float] = [_NO_ANGLE]
        self._names: list[str] = [ALL_OTHERS]
        self._pairs: dict[int, int] = {}
        self._classes: dict[tuple[int, int], int] = {}

    def put_others(self, values: Sequence[float], limits: Sequence[float] = ()) -> None:
        """For all pairs that no other rule is for.  Before the others.

        Parameters
        ----------
        values : sequence of float
            One, or one for each range of angles.
        limits : sequence of float
            Degrees, rising, where the ranges meet: one fewer than values.
        """
        self._values, self._limits, self._names = [], [], []
        self._put(ALL_OTHERS, values, limits)

    def put_classes(self, classes: tuple[int, int], name: str, values: Sequence[float],
                    limits: Sequence[float] = ()) -> None:
        """For two classes, or within one.

        Parameters
        ----------
        classes : tuple of 2 int
            From 1.
        name : str
        values, limits
            As of `put_others`.
        """
        a, b = classes
        self._classes[min(a, b), max(a, b)] = self._put(name, values, limits)

    def put_pair(self, pair: tuple[int, int], value: float) -> None:
        """For two labels.

        Parameters
        ----------
        pair : tuple of 2 int
        value : float
        """
        a, b = min(pair), max(pair)
        self._pairs[a << _PAIR_BITS | b] = self._put(f"{a}:{b}", [value], ())

    def _put(self, name: str, values: Sequence[float], limits: Sequence[float]) -> int:
        first, ends = len(self._values), [*limits, _NO_ANGLE]
        self._values += map(float, values)
        self._limits += map(float, ends)
        self._names += [name if not limits else f"{name} up to {end:g} deg" if end < _NO_ANGLE
                        else f"{name} above {limits[-1]:g} deg" for end in ends]
        return first

    def made(self, classes: npt.NDArray[np.int32] | None = None, turns: Floats | None = None,
             symmetries: Floats | None = None) -> PairValues:
        """What was put in.

        Parameters
        ----------
        classes, turns, symmetries
            As of `PairValues`.

        Returns
        -------
        PairValues
        """
        keys = np.array(sorted(self._pairs), np.int64)
        kinds = np.array([self._pairs[key] for key in keys.tolist()], np.int64)
        classes = np.empty(0, np.int32) if classes is None else classes
        size = 1 + max([int(classes.max(initial=0)), *(b for _, b in self._classes)])
        table = np.zeros((size, size), np.int64)
        for (a, b), kind in self._classes.items():
            table[a, b] = table[b, a] = kind
        return PairValues(keys, kinds, np.array(self._values), np.asarray(classes, np.int32), table,
                          np.array(self._limits), np.empty((0, 4)) if turns is None else turns,
                          np.empty((0, 4)) if symmetries is None else symmetries, tuple(self._names))


@kernel()
def misorientation(turns, symmetries, a, b):
    """Angle (degrees) between two crystals: the least over the turns that leave them as they were; for other kernels.

    Parameters
    ----------
    turns, symmetries
        As of `PairValues`.
    a, b : int

    Returns
    -------
    float
    """
    p, q = turns[a], turns[b]
    w = p[0] * q[0] + p[1] * q[1] + p[2] * q[2] + p[3] * q[3]
    x = p[0] * q[1] - p[1] * q[0] - p[2] * q[3] + p[3] * q[2]
    y = p[0] * q[2] - p[2] * q[0] - p[3] * q[1] + p[1] * q[3]
    z = p[0] * q[3] - p[3] * q[0] - p[1] * q[2] + p[2] * q[1]
    most = 0.0
    for s in symmetries:
        most = max(most, abs(s[0] * w - s[1] * x - s[2] * y - s[3] * z))
    return 360 / np.pi * np.arccos(min(most, 1.0))


@kernel()
def pair_kind(table, a, b):
    """Number of the rule of two different labels; for other kernels.

    Parameters
    ----------
    table : tuple
        `PairValues.table`.
    a, b : int

    Returns
    -------
    int
    """
    keys, kinds, classes, class_kinds, _, limits, turns, symmetries = table
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
        return kinds[first]
    kind = np.int64(0)
    if high < classes.size:
        kind = class_kinds[classes[low], classes[high]]
    if limits[kind] < 360.0:
        angle = misorientation(turns, symmetries, low, high)
        while angle > limits[kind]:
            kind += 1
    return kind


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
    if a == b:
        return 0.0
    return table[4][pair_kind(table, a, b)]
