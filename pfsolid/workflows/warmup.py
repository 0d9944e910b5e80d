"""Compile the numba kernels before a run, once for each installation, in a process of its own.

A kernel that numba has just compiled and the same one loaded from its cache differ in their rounding (the cached code is
optimised once more after linking).  A run that compiled its kernels itself would not be repeated to the last bit by a
later one, or by its own resumption.  So no run compiles: a helper process does, and it spares all ranks of a first
launch doing so at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numba

from .. import __version__
from ..conduction.effective import preconditioner_precision
from ..config import RunConfig, config_from_dict
from ..parallel import environment_for_mpirun, on_root
from ..phasefield import kernels
from .session import Session, open_session

_IN_HELPER = "PFSOLID_COMPILING"
_TIMEOUT_S = 600
_TINY = {
    "grid": {"shape": [8, 8, 8], "voxel_size_nm": 0.7},
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "microstructure": {"porosity": 0.5, "noise_amplitude": 0.2},
    "evolution": {"max_steps": 3},
    "conduction": {"sigma_bulk_S_per_cm": 1.0, "sigma_surf_S_per_cm": 1.0, "sigma_pore_S_per_cm": 0.5},
    "output": {"figures": False, "history_interval_steps": 1},
}


def ensure_compiled(config: RunConfig | None, session: Session) -> None:
    """Collective: if the kernels this run needs are not in numba's cache, have them compiled.

    Should that fail, the run compiles them itself, and only the last bits of its numbers are another matter.
    """
    if not os.environ.get(_IN_HELPER):
        on_root(session.comm, _compile_elsewhere, _traits(config), session)


def _traits(config: RunConfig | None) -> dict:
    """What decides which kernels are called with which types, as values for the tiny run."""
    if config is None:
        return {"precision": "double", "interface_diffusion": 0.0, "relative_tolerance": 1e-4}
    variable = config.material.interface_diffusion != 0 or config.material.mobility_ratio_pore_to_solid != 1
    exact = config.conduction is not None and preconditioner_precision(config.conduction.relative_tolerance) == "float64"
    return {"precision": config.parallel.precision, "interface_diffusion": 1.0 if variable else 0.0,
            "relative_tolerance": 1e-10 if exact else 1e-4}


def _compile_elsewhere(traits: dict, session: Session) -> None:
    stamp = _stamp(traits)
    if stamp.exists():
        return
    session.say("compiling kernels, once for this installation (about half a minute)")
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run([sys.executable, "-m", "pfsolid.workflows.warmup", json.dumps(traits)], check=True,
                       capture_output=True, timeout=_TIMEOUT_S, env=environment_for_mpirun() | {_IN_HELPER: "1"})
        stamp.touch()


def _stamp(traits: dict) -> Path:
    """In numba's own cache folder, so that both go together; its name changes with whatever makes numba compile anew."""
    package = Path(__file__).resolve().parents[1]
    sources = sorted([*package.glob("*/*kernels.py"), package / "morphology" / "union_find.py"])
    versions = (traits, __version__, numba.__version__, sys.version, numba.config.CPU_NAME)
    state = hashlib.sha256(repr(versions).encode())
    for path in sources:
        state.update(f"{path} {path.stat().st_mtime_ns}".encode())
    return Path(kernels.advance.stats.cache_path) / f"compiled-{state.hexdigest()[:16]}"


def _main() -> None:
    from .run import run

    traits = json.loads(sys.argv[1]) if len(sys.argv) > 1 else _traits(None)
    config = config_from_dict(_TINY | {
        "parallel": {"precision": traits["precision"]},
        "material": _TINY["material"] | {"interface_diffusion": traits["interface_diffusion"]},
        "conduction": _TINY["conduction"] | {"relative_tolerance": traits["relative_tolerance"]}})
    with tempfile.TemporaryDirectory() as folder:
        run(config, Path(folder) / "run", open_session(1))


if __name__ == "__main__":
    _main()
