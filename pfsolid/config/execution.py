"""What may change while a run or study is interrupted: how it is executed, not what comes out of it."""

from __future__ import annotations

import json

from pydantic import BaseModel

from ..errors import InputError
from .text import OVERRIDE_SOURCE, shown

# The last ones decide what is stored beside the result.
EXECUTION_KEYS = {
    "evolution": ("wall_clock_limit_s",),
    "output": ("checkpoint_interval_s", "figures", "save_current", "save_potential"),
    "parallel": ("threads", "wall_clock_limit_s"),
}


def physics_of(config: BaseModel) -> str:
    """All that decides the result, as text: equal for inputs that may go on with each other's checkpoints."""
    data = config.model_dump(mode="json")
    for section, names in EXECUTION_KEYS.items():
        for name in names:
            data.get(section, {}).pop(name, None)
    return json.dumps(data, sort_keys=True)


def check_execution_only(before: BaseModel, after: BaseModel, directory) -> None:
    """Raise InputError, naming the key, if what has changed decides the result."""
    if physics_of(before) == physics_of(after):
        return
    old, new = (json.loads(physics_of(config)) for config in (before, after))
    name, value = next(changed for changed in _entries(new) if changed not in list(_entries(old)))
    allowed = [f"{section}.{key}" for section, keys in EXECUTION_KEYS.items() for key in keys
               if key in getattr(type(getattr(after, section, None)), "model_fields", {})]
    command = "run" if hasattr(after, "evolution") else next(
        (name for name in ("rev", "impedance") if getattr(after, name, None) is not None), "conduct")
    raise InputError(f"{OVERRIDE_SOURCE} {name}={shown(value)}: decides the result, so it cannot change when a run is "
                     f"resumed ({', '.join(allowed)} can); begin another one: pfsolid {command} {directory}/input.toml "
                     f"{OVERRIDE_SOURCE} {name}=... -o OTHER")


def _entries(data: dict):
    for section, part in data.items():
        if isinstance(part, dict):
            for name, value in part.items():
                yield f"{section}.{name}", "not set" if value is None else value
        else:
            yield section, "not set" if part is None else part
