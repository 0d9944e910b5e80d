"""Labels of voxels: how many there can be, room for a slab of them, how often each occurs."""

from __future__ import annotations

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
# Tables that labels are counted in where they are few.
_TABLES = 4


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
    tables = np.zeros((_TABLES if highest <= _SMALL else 1, max(highest + 1, least)), np.int64)
    _count(labels, tables)
    return reducer.sum(tables.sum(axis=0).astype(float))


@kernel()
def _count(labels, tables):
    """tables[m, label] += 1, each for every so many-th voxel of a row: to count one label twice in a row takes long."""
    num_tables = tables.shape[0]
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            whole = labels.shape[2] - labels.shape[2] % num_tables
            for k in range(0, whole, num_tables):
                for m in range(num_tables):
                    tables[m, labels[i, j, k + m]] += 1
            for k in range(whole, labels.shape[2]):
                tables[0, labels[i, j, k]] += 1


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
