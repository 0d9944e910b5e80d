"""Labels of voxels: how many there can be, room for a slab of them, how often each occurs."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .parallel.collective import Reducer
from .spectral.transform import SlabTransform

NUM_LABELS = 256  # what uint8 holds
MAX_LABEL = NUM_LABELS - 1


def count_labels(labels: np.ndarray, reducer: Reducer) -> np.ndarray:
    """How many voxels have each of the possible labels, (NUM_LABELS,).  Collective.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0, n1, n2)
        Without ghost planes.
    """
    counts = np.zeros(NUM_LABELS)
    for plane in labels:  # bincount makes eight bytes of each
        counts += np.bincount(plane.ravel(), minlength=counts.size)
    return reducer.sum(counts)


def empty_labels(transform: SlabTransform) -> np.ndarray:
    """Room for the labels of a slab and its ghost planes."""
    n0, n1, n2 = transform.local_shape
    return np.empty((n0 + 2, n1, n2), dtype=np.uint8)


def label_counts(labels: np.ndarray, reducer: Reducer) -> dict[int, int]:
    """How many voxels of the image have each label that occurs.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0, n1, n2)
        Without ghost planes.
    """
    counts = count_labels(labels, reducer)
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts)}


def check_label_known(counts: dict[int, int], known, what: str) -> None:
    """Raise InputError, with the counts of all labels, where one that occurs is not among ``known``.

    Parameters
    ----------
    counts : dict of int to int
        `label_counts`.
    known : collection of int
    what : str
        What it lacks, such as 'conductivity'.
    """
    missing = [label for label in counts if label not in known]
    if missing:
        total = sum(counts.values())
        found = ", ".join(f"{label} ({count} voxels, {100 * count / total:.3g} %)" for label, count in counts.items())
        raise InputError(f"label {missing[0]} has no {what}; the image has the labels {found}, and given "
                         f"are {', '.join(map(str, sorted(known))) or 'none'}")
