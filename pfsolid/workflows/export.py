"""What battery models take of a finished conduction, in a file of its own beside result.json."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import InputError
from ..homogenization import battery
from ..io.records import atomic_write_text
from ..io.run_directory import EXPORTS
from .run import read_result


def export_transport(directory: Path, kind: str, domain: str | None = None, component: str = "electrolyte",
                     direction: str | None = None) -> Path:
    """Write pybamm.json, bpx.json or transport.json into the directory of a finished conduction.  For one rank.

    Parameters
    ----------
    directory : Path
    kind : {'pybamm', 'bpx', 'json'}
    domain, component, direction
        As for `pfsolid.homogenization.battery.to_pybamm`; not for 'json', which has all directions.  Of two carriers the
        first is that of the electrolyte and the second that of the electrode.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        There is no result, or it has no such direction, or nothing percolates along it.
    OutputError
    """
    whole = read_result(directory)
    result, carriers = whole.conduction, list((whole.carriers or {}).values())
    if result is None and not carriers:
        raise InputError(f"the result in {directory} has no conductivity")
    if result is None and kind == "json":
        found = {name: battery.to_plain(one) for name, one in (whole.carriers or {}).items()}
    elif result is None:
        if len(carriers) != 2:
            raise InputError(f"{kind} takes two carriers, and the result in {directory} has {len(carriers)}")
        both = battery.both_to_pybamm if kind == "pybamm" else battery.both_to_bpx
        found = both(carriers[0], carriers[1], domain or "", direction)
    elif kind == "json":
        found = battery.to_plain(result)
    elif kind == "pybamm":
        found = battery.to_pybamm(result, domain, component, direction)
    else:
        found = battery.to_bpx(result, domain, component, direction)
    path = Path(directory) / EXPORTS[kind]
    atomic_write_text(path, json.dumps(found, indent=2) + "\n")
    return path
