"""A second look at stored densities: what the paper's words could mean, and conduction on faces below the voxel.

For each explanation of a number that does not agree: the fractions and the percolation by other thresholds of rho, by
clusters that touch two faces of the cell instead of wrapping it, and by voxels that touch at corners.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from pfsolid.config.run import RunConfig
from pfsolid.parallel.quiet import quiet_session
from pfsolid.sweeps.dataset import read_stored
from pfsolid.sweeps.plan import load_plan
from pfsolid.sweeps.state import kept_path
from pfsolid.workflows.density import homogenize

WITH_PERCOLATION = ("porosity", "nucleated", "asymmetric", "large")
WITH_RESOLVED = ("porosity", "nucleated", "dilute", "large")
PHASES = {"pore01": lambda rho: rho < 0.1, "pore05": lambda rho: rho < 0.5, "solid05": lambda rho: rho >= 0.5,
          "solid09": lambda rho: rho > 0.9}
_FACES = ndimage.generate_binary_structure(3, 1)
_CORNERS = ndimage.generate_binary_structure(3, 3)


def with_closer_look(name: str, rows: list[dict], place: Path) -> list[dict]:
    """The rows with further columns, computed once a case and kept beside the sweep in ``closer.jsonl``."""
    if name not in WITH_PERCOLATION + WITH_RESOLVED:
        return rows
    path, plan = place / "closer.jsonl", load_plan(place)
    known = {}
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        known = {row["case"]: row for row in map(json.loads, (line for line in lines if line.endswith("}")))}
    cases = {case.id: case for case in plan.cases}
    with path.open("a", encoding="utf-8") as file:
        for row in rows:
            if row["case"] not in known and row["state"] == "separated":
                rho = read_stored(kept_path(place, row["case"], "rho"), "rho")[0].transpose(2, 1, 0)
                found = {"case": row["case"]}
                if name in WITH_PERCOLATION:
                    found |= percolation_by_words(rho)
                if name in WITH_RESOLVED:
                    found |= {"sigma_resolved_S_per_cm": resolved_conductivity(rho, plan.config_of(cases[row["case"]]))}
                known[row["case"]] = found
                file.write(json.dumps(found) + "\n")
                file.flush()
    columns = {name: None for found in known.values() for name in found if name != "case"}
    return [row | columns | {k: v for k, v in known.get(row["case"], {}).items() if k != "case"} for row in rows]


def percolation_by_words(rho: np.ndarray) -> dict:
    """Fractions by three thresholds, and the axes along which each phase runs from face to face of the cell.

    ``*_faces``: voxels that touch by faces; ``*_corners``: by corners too; in both, through the cell without wrapping it.
    """
    found = {"volume_below_01": float((rho < 0.1).mean()), "volume_below_05": float((rho < 0.5).mean()),
             "volume_below_09": float((rho <= 0.9).mean())}
    for name, mask_of in PHASES.items():
        mask = mask_of(rho)
        for kind, neighbours in (("faces", _FACES), ("corners", _CORNERS)):
            found[f"{name}_{kind}"] = spanned_axes(mask, neighbours)
    return found


def spanned_axes(mask: np.ndarray, neighbours: np.ndarray) -> str:
    """Axes along which one cluster of a mask touches both ends of the cell."""
    labels, _ = ndimage.label(mask, neighbours)
    found = ""
    for axis, letter in enumerate("xyz"):
        first, last = (set(np.unique(np.take(labels, end, axis))) - {0} for end in (0, -1))
        found += letter if first & last else ""
    return found


def resolved_conductivity(rho: np.ndarray, config: RunConfig) -> float:
    """Mean of the diagonal (S/cm) with faces below the voxel, on the same density."""
    conduction = config.conduction.model_copy(update={"profile": "subvoxel"})
    with quiet_session(None, None, None) as session:
        found = homogenize(np.ascontiguousarray(rho, dtype=np.float64), config.grid_nm, conduction, None, session)
    return float(np.diag(found.effective.tensor).mean() / 100)
