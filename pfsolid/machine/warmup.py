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
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numba
import numpy as np

from .. import __version__
from ..conduction.effective import preconditioner_precision, solve_tensor
from ..conduction.faces import FaceSystem, SubvoxelSystem, smooth_faces
from ..conduction.finite_volumes import ConductionSystem
from ..conduction.phases import check_resistances, labels_from_density, open_faces_of_labels
from ..conduction.selection import coordination
from ..conduction.voxel_matrix import build_voxel_matrix
from ..config.conduction import SolverConfig
from ..config.image import ImageStudyConfig
from ..config.run import RunConfig, config_from_dict
from ..errors import EXIT_FAULT, Interrupted
from ..grid import PeriodicGrid
from ..homogenization.medium import Medium
from ..homogenization.solve import solve_conduction
from ..io.images.binning import majority
from ..kernel import KERNELS, cache_files, cache_folders, is_whole, processor
from ..labels import PairValues
from ..morphology.correlation import padded_grid
from ..morphology.layers import surface_layer
from ..morphology.multiphase import measure_phases
from ..morphology.open_image import OpenImage
from ..morphology.straighten import straighten_halved
from ..parallel.collective import PlaneExchange, all_come, raise_together
from ..parallel.launch import environment_for_mpirun, python_module
from ..parallel.session import Session
from ..spectral.transform import CosineSlabTransform, SlabTransform, slab_of
from ..workflows.console import open_session

_IN_HELPER = "PFSOLID_COMPILING"
_PACKAGE = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 600
_POLL_S = 0.2
_PATIENCE_S = 10  # the compiler hears a signal between two kernels
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

    One rank of each kind of processor does so: a login node's machine code is none for a compute node of another make.
    Should it fail, the run compiles them itself, and only the last bits of its numbers are another matter.

    Raises
    ------
    Interrupted
        On a signal.
    """
    if os.environ.get(_IN_HELPER) or numba.config.DISABLE_JIT:
        return
    folders = cache_folders()
    if not all(session.reducer.gather(bool(folders))):
        session.warn("compiled kernels can be kept nowhere, so they are compiled in memory, two or three minutes at each "
                     "start: name a folder that can be written in NUMBA_CACHE_DIR")
        return
    kinds = session.reducer.gather(processor())
    stamp = folders[0] / _stamp_name(_traits(config))
    is_first = kinds.index(kinds[session.reducer.rank]) == session.reducer.rank
    turns = session.reducer.gather(is_first and not _is_complete(stamp))
    if any(turns):
        session.announce("compiling kernels, once for this installation and kind of processor (two or three minutes)")
    # One after another: numba's lists of what a folder holds would lose what the other writes at the same time.
    for rank in np.flatnonzero(turns):
        error = None
        if rank == session.reducer.rank:
            try:
                _compile_elsewhere(_traits(config), stamp, session)
            except Exception as caught:
                error = caught
        all_come(session.comm)
        raise_together(session.comm, error)


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


def _compile_elsewhere(traits: dict, stamp: Path, session: Session) -> None:
    for path in cache_files():
        if not is_whole(path):
            with suppress(OSError):
                path.unlink()
    command = [*python_module("pfsolid.machine.warmup"), json.dumps(traits)]
    try:
        # A group of its own: Ctrl-C in a terminal goes to this process, which ends the helper.
        helper = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0,
                                  env=environment_for_mpirun() | {_IN_HELPER: "1"})
        with helper:
            said = _wait_for(helper, session)
    except OSError as error:
        said = str(error)
    if said:
        session.warn(f"the kernels could not be compiled beforehand ({said}): compiling them as they are needed")
        return
    with suppress(OSError):
        names = "\n".join(str(_from_package(path)) for path in cache_files() if is_whole(path))
        stamp.write_text(names, encoding="utf-8", errors="surrogateescape")


def _wait_for(helper: subprocess.Popen, session: Session) -> str:
    """Until it has ended; why it failed, empty if it did not."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            _, said = helper.communicate(timeout=_POLL_S)
            last = said.decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
            return f"status {helper.returncode}: {last[0]}" if helper.returncode else ""
        except subprocess.TimeoutExpired:
            late = time.monotonic() > deadline
            if not (late or session.stop_requested):
                continue
        helper.terminate()
        try:
            helper.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            helper.kill()
        if late:
            return f"not done after {_TIMEOUT_S} s"
        raise Interrupted("stopped on a signal while compiling kernels; nothing was computed yet")


def _stamp_name(traits: dict) -> str:
    """Of a file in numba's own cache folder, so that both go together; changes with whatever makes numba compile anew."""
    versions = (traits, __version__, numba.__version__, sys.version, processor(), sorted(kernel.stamp for kernel in KERNELS))
    return f"compiled-{hashlib.sha256(repr(versions).encode()).hexdigest()[:16]}"


def _from_package(path: Path) -> Path:
    """Where a file lies, from the package on where it lies there: a copy of the package takes its machine code along."""
    return path.relative_to(_PACKAGE) if path.is_relative_to(_PACKAGE) else path


def _is_complete(stamp: Path) -> bool:
    """Whether all that was compiled is there, and none of it damaged: else the ranks would compile it at once."""
    try:
        names = stamp.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    return bool(names) and all(is_whole(_PACKAGE / name) for name in names)


def _conduct_tiny(rtol: float, session: Session) -> None:
    """What the tiny run does not come by: electrodes, full tensors, faces below the voxel, layers, areas, PETSc's matrix."""
    precision = preconditioner_precision(rtol)
    grid = PeriodicGrid((16, 16, 16), (1.0,) * 3)  # so many that multigrid starts on a coarser level
    scalars = np.array([1.0, 0.5, 0.2])
    islands = np.array([1e-6, 1e-6, 1.0])
    tensors = scalars[:, None, None] * (np.eye(3) + 0.1)
    for kind, tables in ((SlabTransform, (scalars, tensors)), (CosineSlabTransform, (scalars,))):
        with kind(grid, session.comm, precision, session.threads) as transform:
            _conduct_with(transform, (*tables, islands), rtol)


def _conduct_with(transform: SlabTransform, tables, rtol: float) -> None:
    scalars, settings = tables[0], SolverConfig(relative_tolerance=rtol)
    rho = np.random.default_rng(1).random(transform.local_shape)
    labels = labels_from_density(rho, 0.2, 0.8, transform)
    surface_layer(labels, 2, 1, 1.0, transform, 2, (transform.periodic,) * 3)
    axes = (0, 1, 2) if transform.periodic else (0,)
    build_voxel_matrix(ConductionSystem(labels, scalars, transform))
    coordination(labels, scalars > 0.3, transform)
    for sigma in tables:
        medium = Medium(labels, lambda _, sigma=sigma: sigma, transform)
        solve_conduction(medium, settings, axes=axes)
    by_fft = settings.model_copy(update={"solver": "fft"})
    solve_conduction(Medium(labels, lambda _: scalars, transform), by_fft, axes=axes)
    resisting = Medium(labels, lambda _: scalars, transform, interface_resistance={(1, 2): 1.0})
    solve_conduction(resisting, settings, axes=axes)
    open_faces_of_labels(labels, scalars, check_resistances({(0, 2): np.inf}, len(scalars)), transform.periodic)
    straighten_halved(labels, (1, 1, 1), transform.first_plane, PairValues(others=1.0), transform.ghosts,
                      transform.periodic)
    if transform.periodic:
        dtype = transform.real.dtype
        linear = smooth_faces(rho, list(zip((0.2, 0.5, 0.8), scalars)), transform, dtype)
        for system in (SubvoxelSystem(rho, (0.2, 0.8), scalars, transform, dtype), FaceSystem(linear, transform)):
            solve_tensor(system, axes, rtol, on_solved=lambda axis, system: system.flux_jumps(axis))
            system.phase_currents(axes[-1])


def _measure_tiny(session: Session) -> None:
    """An image of three phases that ends at its faces."""
    majority(np.zeros((2, 4, 4), np.uint8), (2, 2, 2))
    grid = PeriodicGrid((6, 6, 6), (1.0,) * 3)
    image = OpenImage(grid, session.reducer, PlaneExchange(session.comm, mirrored=True), slab_of(grid, session.comm))
    phase = np.random.default_rng(1).integers(0, 3, (image.local_shape[0] + 2, 6, 6)).astype(np.uint8)
    with SlabTransform(padded_grid(grid), session.comm, threads=session.threads) as transform:
        measure_phases(phase, image, transform, 3, ("through",) * 3)


def compile_all(traits: dict) -> None:
    """Call every kernel once with the types that such a run has."""
    from ..workflows.run import run

    config = config_from_dict(_TINY | {
        "parallel": {"precision": traits["precision"]},
        "material": _TINY["material"] | {"interface_diffusion": traits["interface_diffusion"]},
        "conduction": _TINY["conduction"] | {"relative_tolerance": traits["relative_tolerance"]}})
    # The temporary directory may be full; where machine code is kept there is room, or all this is in vain.
    folder = next(iter(cache_folders()), None)
    with open_session(1, catch_signals=False) as session, tempfile.TemporaryDirectory(dir=folder) as scratch:
        run(config, Path(scratch) / "run", session)
        _conduct_tiny(traits["relative_tolerance"], session)
        _measure_tiny(session)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _main() -> None:
    # Ended by an exception, so that it removes what it has made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAULT))
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    compile_all(json.loads(sys.argv[1]))


if __name__ == "__main__":
    _main()
