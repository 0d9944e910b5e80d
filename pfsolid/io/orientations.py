"""Orientations of crystals that files keep beside labels: DREAM.3D, Neper, tables."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from ..errors import InputError
from .hdf5 import h5py
from .images.neper import read_head

Angles = dict[int, tuple[float, float, float]]  # Bunge's phi1, Phi, phi2 in degrees, by label

ANGLES = ("phi1_deg", "Phi_deg", "phi2_deg")  # columns of a table
_COLUMNS = ("label", *ANGLES)
_OF_FEATURES = ("AvgEulerAngles", "EulerAngles")  # DREAM.3D's, in radians; feature 0 is none


def angles_beside(path: Path, dataset: str | None) -> Angles | None:
    """Those in the very file of an image, if it is one of DREAM.3D or Neper and has any; for one rank.

    Parameters
    ----------
    path : Path
    dataset : str or None
        Of the labels.

    Returns
    -------
    dict or None
    """
    if path.suffix.lower() == ".tesr":
        return _of_tessellation(path)
    if dataset is None or not h5py.is_hdf5(path):
        return None
    container = dataset.strip("/").rpartition("/")[0].rpartition("/")[0]
    with h5py.File(path, "r") as file:
        group = file[container or "/"]
        stored = [one[name] for one in group.values() if isinstance(one, h5py.Group) for name in _OF_FEATURES if name in one]
        fit = [np.asarray(one) for one in stored if isinstance(one, h5py.Dataset) and one.ndim == 2 and one.shape[1] == 3]
    if not fit:
        return None
    return {label: tuple(row) for label, row in enumerate(np.degrees(fit[0]).tolist()) if label}


def _of_tessellation(path: Path) -> Angles | None:
    found = read_head(path)
    if found.angles is None:
        return None
    labels = range(1, len(found.angles) + 1) if found.ids is None else found.ids.tolist()
    return dict(zip(labels, map(tuple, found.angles.tolist())))


def read_angles(source: str, option: str) -> Angles:
    """Those of a table or of a file of DREAM.3D or Neper; for one rank.

    Parameters
    ----------
    source : str
        FILE.csv with the columns label, phi1_deg, Phi_deg, phi2_deg (others, and rows without angles, are passed over), such
        as `pfsolid grains` writes; FILE.tesr; or FILE.dream3d:DATASET, the dataset of labels beside which they are.
    option : str
        For messages.

    Returns
    -------
    dict

    Raises
    ------
    InputError
    """
    path = Path(source)
    if path.suffix.lower() != ".csv":
        before, colon, after = source.rpartition(":")
        path, dataset = (Path(before), after) if colon else (path, None)
        try:
            found = angles_beside(path, dataset)
        except OSError as error:
            raise InputError(f"{option} {source}: cannot be read: {error.strerror or error}") from error
        if not found:
            raise InputError(f"{option} {source}: has no orientations; a table needs the name FILE.csv and the columns "
                             f"{', '.join(_COLUMNS)}")
        return found
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(line for line in file if line.strip() and not line.startswith("#")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{option} {source}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return _of_rows(rows, f"{option} {source}")


def _of_rows(rows: list[dict[str, str]], what: str) -> Angles:
    if not rows or any(name not in rows[0] for name in _COLUMNS):
        raise InputError(f"{what}: needs the columns {', '.join(_COLUMNS)}")
    found: Angles = {}
    for number, row in enumerate(rows, 2):
        texts = [row[name] or "" for name in _COLUMNS]
        if not any(texts[1:]):
            continue
        try:
            label, angles = int(texts[0]), tuple(float(text) for text in texts[1:])
        except ValueError:
            label, angles = -1, (math.nan,) * 3
        if label < 0 or not (all(abs(one) <= 360 for one in angles) and 0 <= angles[1] <= 180):
            raise InputError(f"{what}: row {number} = {','.join(texts)}: must be a label and three angles in degrees, phi1 "
                             "and phi2 from -360 to 360, Phi from 0 to 180")
        if label in found:
            raise InputError(f"{what}: row {number}: label {label} stands there twice")
        found[label] = (angles[0], angles[1], angles[2])
    return found
