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
import numpy as np

from .. import __version__
from ..conduction.effective import preconditioner_precision, solve_tensor
from ..conduction.faces import FaceSystem, smooth_faces, subvoxel_faces
from ..conduction.finite_volumes import ConductionSystem
from ..conduction.phases import labels_from_density
from ..conduction.selection import coordination
from ..conduction.voxel_matrix import build_voxel_matrix
from ..config.conduction import SolverConfig
from ..config.image import ImageStudyConfig
from ..config.run import RunConfig, config_from_dict
from ..grid import PeriodicGrid
from ..homogenization.solve import Medium, solve_conduction
from ..kernel import KERNELS
from ..morphology.areas import area_by_normals
from ..morphology.layers import surface_layer
from ..morphology.straighten import straighten_halved
from ..parallel.collective import on_root
from ..parallel.launch import environment_for_mpirun
from ..parallel.session import Session
from ..phasefield import kernels
from ..spectral.transform import CosineSlabTransform, SlabTransform
from ..workflows.console import open_session

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


def ensure_compiled(config: RunConfig | ImageStudyConfig | None, session: Session) -> None:
    """Collective: if the kernels this run needs are not in numba's cache, have them compiled.

    Should that fail, the run compiles them itself, and only the last bits of its numbers are another matter.
    """
    if not os.environ.get(_IN_HELPER):
        on_root(session.comm, _compile_elsewhere, _traits(config), session)


def _traits(config: RunConfig | ImageStudyConfig | None) -> dict:
    """What decides which kernels are called with which types, as values for the tiny run."""
    traits = {"precision": "double", "interface_diffusion": 0.0, "relative_tolerance": 1e-4}
    if isinstance(config, RunConfig):
        material = config.material
        variable = material.interface_diffusion != 0 or material.mobility_ratio_pore_to_solid != 1
        traits |= {"precision": config.parallel.precision, "interface_diffusion": 1.0 if variable else 0.0}
    conduction = config and config.conduction
    if conduction is not None and preconditioner_precision(conduction.relative_tolerance) == "float64":
        traits["relative_tolerance"] = 1e-10
    return traits


def _compile_elsewhere(traits: dict, session: Session) -> None:
    stamp = _stamp(traits)
    if stamp.exists():
        return
    session.say("compiling kernels, once for this installation (about a minute)")
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run([sys.executable, "-m", "pfsolid.machine.warmup", json.dumps(traits)], check=True,
                       capture_output=True, timeout=_TIMEOUT_S, env=environment_for_mpirun() | {_IN_HELPER: "1"})
        stamp.touch()


def _stamp(traits: dict) -> Path:
    """In numba's own cache folder, so that both go together; its name changes with whatever makes numba compile anew."""
    sources = sorted({Path(kernel.py_func.__code__.co_filename) for kernel in KERNELS})
    versions = (traits, __version__, numba.__version__, sys.version, numba.config.CPU_NAME)
    state = hashlib.sha256(repr(versions).encode())
    for path in sources:
        state.update(f"{path} {path.stat().st_mtime_ns}".encode())
    return Path(kernels.advance.stats.cache_path) / f"compiled-{state.hexdigest()[:16]}"


def _conduct_tiny(rtol: float, session: Session) -> None:
    """What the tiny run does not come by: electrodes, full tensors, faces below the voxel, layers, areas, PETSc's matrix."""
    precision = preconditioner_precision(rtol)
    settings, by_fft = SolverConfig(relative_tolerance=rtol), SolverConfig(relative_tolerance=rtol, solver="fft")
    grid = PeriodicGrid((16, 16, 16), (1.0,) * 3)  # so many that multigrid starts on a coarser level
    scalars = np.array([1.0, 0.5, 0.2])
    islands = np.array([1e-6, 1e-6, 1.0])
    tensors = scalars[:, None, None] * (np.eye(3) + 0.1)
    for kind, tables in ((SlabTransform, (scalars, tensors)), (CosineSlabTransform, (scalars,))):
        transform = kind(grid, session.comm, precision, session.threads)
        rho = np.random.default_rng(1).random(transform.local_shape)
        labels = labels_from_density(rho, 0.2, 0.8, transform)
        area_by_normals(labels, transform)
        surface_layer(labels, 2, 1, 1.0, transform, 2, (transform.periodic,) * 3)
        axes = (0, 1, 2) if transform.periodic else (0,)
        build_voxel_matrix(ConductionSystem(labels, scalars, transform))
        coordination(labels, scalars > 0.3, transform)
        for sigma in (*tables, islands):
            medium = Medium(labels, lambda _, sigma=sigma: sigma, transform)
            solve_conduction(medium, settings, session, axes)
        solve_conduction(Medium(labels, lambda _: scalars, transform), by_fft, session, axes)
        resisting = Medium(labels, lambda _: scalars, transform, interface_resistance={(1, 2): 1.0})
        solve_conduction(resisting, settings, session, axes)
        straighten_halved(labels, (1, 1, 1), transform.first_plane, np.ones((3, 3), bool), transform.ghosts,
                          transform.periodic)
        if transform.periodic:
            dtype = transform.real.dtype
            for faces in (subvoxel_faces(rho, (0.2, 0.8), scalars, transform, dtype),
                          smooth_faces(rho, list(zip((0.2, 0.5, 0.8), scalars)), transform, dtype)):
                solve_tensor(FaceSystem(faces, transform), axes, rtol,
                             on_solved=lambda axis, system: system.flux_jumps(axis))
        transform.close()


def compile_all(traits: dict) -> None:
    """Call every kernel once with the types that such a run has."""
    from ..workflows.run import run

    config = config_from_dict(_TINY | {
        "parallel": {"precision": traits["precision"]},
        "material": _TINY["material"] | {"interface_diffusion": traits["interface_diffusion"]},
        "conduction": _TINY["conduction"] | {"relative_tolerance": traits["relative_tolerance"]}})
    session = open_session(1)
    with tempfile.TemporaryDirectory() as folder:
        run(config, Path(folder) / "run", session)
    _conduct_tiny(traits["relative_tolerance"], session)


if __name__ == "__main__":
    compile_all(json.loads(sys.argv[1]))
