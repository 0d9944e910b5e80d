"""Compile the numba kernels before a run, once for each installation, in a process of its own.

A kernel that numba has just compiled and the same one loaded from its cache differ in their rounding (the cached code is
optimised once more after linking).  A run that compiled its kernels itself would not be repeated to the last bit by a
later one, or by its own resumption.  So no run compiles: a helper process does, with a worker on each core, and it spares
all ranks of a first launch doing so at once.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from itertools import product
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
from ..config.grains import GrainsConfig
from ..config.image import ImageStudyConfig
from ..config.run import RunConfig, config_from_dict
from ..errors import EXIT_FAULT, Interrupted
from ..grid import PeriodicGrid
from ..homogenization.medium import Medium
from ..homogenization.solve import solve_conduction
from ..io.images.binning import majority
from ..kernel import KERNELS, cache_files, cache_folders, is_whole, processor
from ..morphology.correlation import padded_grid
from ..morphology.layers import surface_layer
from ..morphology.multiphase import measure_phases
from ..morphology.open_image import OpenImage
from ..morphology.ray_kernels import first_meetings
from ..morphology.straighten import straighten_halved
from ..pairs import PairValues
from ..parallel.collective import PlaneExchange, all_come, raise_together
from ..parallel.launch import environment_for_mpirun, python_module
from ..parallel.session import Session
from ..spectral.transform import CosineSlabTransform, SlabTransform, slab_of
from ..text import plural
from ..workflows.console import open_session
from ..workflows.grains import make_grains

_IN_HELPER = "PFSOLID_COMPILING"
_PACKAGE = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 900
_POLL_S = 0.2
_KERNEL = "kernel "  # how such a line of a stamp begins
_MOST_WORKERS = 8  # beyond, they would wait for each other; each takes 0.8 GB
_MINUTES = "one to three minutes"
_PATIENCE_S = 10  # the compiler hears a signal between two kernels
_TINY = {
    "grid": {"shape": [8, 8, 8], "voxel_size_nm": 0.7},
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "microstructure": {"porosity": 0.5, "noise_amplitude": 0.2},
    "evolution": {"max_steps": 3},
    "conduction": {"sigma_bulk_S_per_cm": 1.0, "sigma_surf_S_per_cm": 1.0, "sigma_pore_S_per_cm": 0.5},
    "output": {"figures": False, "history_interval_steps": 1},
}
Part = tuple[Callable[..., None], tuple]  # a function of a session and of these arguments
# What decides which kernels are called with which types.
USUAL = {"precision": "double", "interface_diffusion": 0.0, "relative_tolerance": 1e-4, "wide_labels": False,
         "spectrum": False, "grains": False}
EVERY = [*(USUAL | dict(zip(USUAL, values)) for values in product(("double", "single"), (0.0, 1.0), (1e-4, 1e-10),
                                                                  (False, True), (False, True))), USUAL | {"grains": True}]


def ensure_compiled(config: RunConfig | ImageStudyConfig | None, session: Session) -> None:
    """Collective: if the kernels this run needs are not in numba's cache, have them compiled on all cores.

    One rank of each kind of processor does so: a login node's machine code is none for a compute node of another make.
    Should it fail, the run compiles them itself, and only the last bits of its numbers are another matter.

    Raises
    ------
    Interrupted
        On a signal.
    """
    compile_for([_kind_of(config)], session)


def compile_for(kinds: list[dict], session: Session) -> bool:
    """Collective: `ensure_compiled` for several kinds of runs, each as `USUAL`; whether all is kept from here on."""
    if os.environ.get(_IN_HELPER) or numba.config.DISABLE_JIT:
        return False
    folders = cache_folders()
    if not all(session.reducer.gather(bool(folders))):
        session.warn("compiled kernels can be kept nowhere, so they are compiled in memory, two or three minutes at each "
                     "start: name a folder that can be written in NUMBA_CACHE_DIR")
        return False
    processors = session.reducer.gather(processor())
    stamps = [folders[0] / _stamp_name(kind) for kind in kinds]
    is_first = processors.index(processors[session.reducer.rank]) == session.reducer.rank
    turns = session.reducer.gather(is_first and not all(map(_is_complete, stamps)))
    if any(turns):
        session.announce(f"compiling kernels on {plural(_workers(session), 'core')}, once for this installation and kind of "
                         f"processor ({_MINUTES if len(kinds) == 1 else 'some minutes'})")
    # One after another: each takes all cores.
    for rank in np.flatnonzero(turns):
        error = None
        if rank == session.reducer.rank:
            try:
                _compile_elsewhere(kinds, stamps, session)
            except Exception as caught:
                error = caught
        all_come(session.comm)
        raise_together(session.comm, error)
    return all(session.reducer.gather(all(map(_is_complete, stamps))))


def _kind_of(config: RunConfig | ImageStudyConfig | None) -> dict:
    kind = dict(USUAL)
    if isinstance(config, RunConfig):
        material = config.material
        variable = material.interface_diffusion != 0 or material.mobility_ratio_pore_to_solid != 1
        kind |= {"precision": config.parallel.precision, "interface_diffusion": 1.0 if variable else 0.0}
    conduction = config and config.conduction
    if conduction is not None and preconditioner_precision(conduction.relative_tolerance) == "float64":
        kind["relative_tolerance"] = 1e-10
    if getattr(config, "impedance", None) is not None:
        kind["spectrum"] = True
    return kind


def _workers(session: Session) -> int:
    """As many cores as the launch computes with, of those of this rank's node; the other ranks wait."""
    return min(len(os.sched_getaffinity(0)), session.threads * session.comm.Get_size(), _MOST_WORKERS)


def _compile_elsewhere(kinds: list[dict], stamps: list[Path], session: Session) -> None:
    for path in cache_files():
        if not is_whole(path):
            with suppress(OSError):
                path.unlink()
    command = [*python_module("pfsolid.machine.warmup"), json.dumps(kinds), str(_workers(session))]
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
    names = "\n".join([*(str(_from_package(path)) for path in cache_files() if is_whole(path)), *_written_kernels()])
    for stamp in stamps:
        with suppress(OSError):
            stamp.write_text(names, encoding="utf-8", errors="surrogateescape")


def _wait_for(helper: subprocess.Popen, session: Session) -> str:
    """Until it has ended; why it failed, empty if it did not."""
    start, before = time.monotonic(), len(cache_files())
    session.hold_progress()
    while True:
        try:
            _, said = helper.communicate(timeout=_POLL_S)
            last = said.decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
            return f"status {helper.returncode}: {last[0]}" if helper.returncode else ""
        except subprocess.TimeoutExpired:
            late = time.monotonic() > start + _TIMEOUT_S
            if not (late or session.stop_requested):
                session.progress(lambda: f"compiling kernels: {len(cache_files()) - before} files after "
                                         f"{time.monotonic() - start:.0f} s")
                continue
        helper.terminate()
        try:
            helper.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            helper.kill()
        if late:
            return f"not done after {_TIMEOUT_S} s"
        raise Interrupted("stopped on a signal while compiling kernels; nothing was computed yet")


def _stamp_name(kind: dict) -> str:
    """Of a file in numba's own cache folder, so that both go together; what is written in the kernels stands in it."""
    versions = (kind, __version__, numba.__version__, sys.version, processor())
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
    files = [name for name in names if not name.startswith(_KERNEL)]
    then = dict(name.rpartition(" ")[::2] for name in names if name.startswith(_KERNEL))
    # A command may have loaded kernels that the helper has not: they do not count.
    now = dict(name.rpartition(" ")[::2] for name in _written_kernels())
    return bool(files) and all(is_whole(_PACKAGE / name) for name in files) and \
        all(then.get(name, written) == written for name, written in now.items())


def _written_kernels() -> list[str]:
    """What is written in each kernel that is loaded, as lines of a stamp."""
    return [f"{_KERNEL}{kernel.py_func.__module__}.{kernel.__name__} {kernel.stamp}" for kernel in KERNELS]


# --- what is compiled: parts of which each worker takes one after another --------------------------------------------


def parts_of(kinds: Iterable[dict]) -> list[Part]:
    """What such runs call, each part once, what takes longest first: a function's name and its arguments."""
    kinds = list(kinds)
    parts: list[Part] = []
    for wide in sorted({kind["wide_labels"] for kind in kinds}):
        for tolerance in sorted({kind["relative_tolerance"] for kind in kinds}, reverse=True):
            parts += [(_solve, (table, periodic, tolerance, wide)) for table, periodic in (
                ("scalars", True), ("tensors", True), ("islands", True), ("scalars", False), ("islands", False))]
            parts += [(_solve_otherwise, (periodic, tolerance, wide)) for periodic in (True, False)]
            parts += [(_solve_density, (tolerance,))] if not wide else []
        parts += [(_measure, (wide,)), *((_prepare, (periodic, wide)) for periodic in (True, False))]
    parts += [(_grow, (precision, mobility)) for precision in sorted({kind["precision"] for kind in kinds})
              for mobility in sorted({kind["interface_diffusion"] for kind in kinds})]
    parts += sorted({(_spectrum, (periodic, kind["relative_tolerance"], kind["wide_labels"])) for kind in kinds
                     if kind["spectrum"] for periodic in (True, False)}, key=lambda part: part[1], reverse=True)
    parts += [(_make_grains, ())] if any(kind["grains"] for kind in kinds) else []
    return sorted(parts, key=lambda part: _ORDER.index(part[0]))


def _grow(session: Session, precision: str, interface_diffusion: float) -> None:
    """A run of three steps, with its measures and its conductivity."""
    from ..workflows.run import run

    config = config_from_dict(_TINY | {
        "parallel": {"precision": precision},
        "material": _TINY["material"] | {"interface_diffusion": interface_diffusion}})
    # The temporary directory may be full; where machine code is kept there is room, or all this is in vain.
    folder = next(iter(cache_folders()), None)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        run(config, Path(scratch) / "run", session)


@contextmanager
def _random_labels(session: Session, periodic: bool, tolerance: float, wide: bool) -> Iterator[tuple]:
    grid = PeriodicGrid((16, 16, 16), (1.0,) * 3)  # so many that multigrid starts on a coarser level
    kind = SlabTransform if periodic else CosineSlabTransform
    with kind(grid, session.comm, preconditioner_precision(tolerance), session.threads) as transform:
        rho = np.random.default_rng(1).random(transform.local_shape)
        labels = labels_from_density(rho, 0.2, 0.8, transform)
        yield labels.astype(np.uint32) if wide else labels, rho, transform


def _solve(session: Session, table: str, periodic: bool, tolerance: float, wide: bool) -> None:
    """By the solver that is chosen by itself."""
    with _random_labels(session, periodic, tolerance, wide) as (labels, _, transform):
        medium = Medium(labels, lambda _: _TABLES[table], transform)
        solve_conduction(medium, SolverConfig(relative_tolerance=tolerance), axes=_axes(transform))


def _solve_otherwise(session: Session, periodic: bool, tolerance: float, wide: bool) -> None:
    """By the solver of plane waves, and with interfaces that resist."""
    settings = SolverConfig(relative_tolerance=tolerance)
    with _random_labels(session, periodic, tolerance, wide) as (labels, _, transform):
        by_fft = Medium(labels, lambda _: _TABLES["scalars"], transform)
        solve_conduction(by_fft, settings.model_copy(update={"solver": "fft"}), axes=_axes(transform))
        resisting = Medium(labels, lambda _: _TABLES["scalars"], transform, interface_resistance={(1, 2): 1.0})
        solve_conduction(resisting, settings, axes=_axes(transform))


def _spectrum(session: Session, periodic: bool, tolerance: float, wide: bool) -> None:
    """Complex admittivities, with boundaries, at two frequencies; and a map."""
    from ..homogenization.impedance import Dielectric, SpectrumSolver  # for those who solve spectra alone

    with _random_labels(session, periodic, tolerance, wide) as (labels, _, transform):
        medium = Medium(labels, lambda _: _TABLES["scalars"], transform, interface_resistance={(1, 2): 1.0})
        SpectrumSolver(medium, Dielectric(np.full(3, 10.0), 1e-3)).solve(
            0, (1e6, 1e9), tolerance, on_solved=lambda *solved: solved[3].current_magnitude())


def _axes(transform: SlabTransform) -> tuple[int, ...]:
    return (0, 1, 2) if transform.periodic else (0,)


def _solve_density(session: Session, tolerance: float) -> None:
    """Faces from the density below the voxel."""
    with _random_labels(session, True, tolerance, False) as (_, rho, transform):
        dtype, scalars = transform.real.dtype, _TABLES["scalars"]
        linear = smooth_faces(rho, list(zip((0.2, 0.5, 0.8), scalars)), transform, dtype)
        for system in (SubvoxelSystem(rho, (0.2, 0.8), scalars, transform, dtype), FaceSystem(linear, transform)):
            solve_tensor(system, (0, 1, 2), tolerance, on_solved=lambda axis, system: system.flux_jumps(axis))
            system.phase_currents(2)


def _prepare(session: Session, periodic: bool, wide: bool) -> None:
    """What labels go through before they are solved for: layers, areas, contacts, PETSc's matrix."""
    with _random_labels(session, periodic, 1e-4, wide) as (labels, _, transform):
        scalars = _TABLES["scalars"]
        surface_layer(labels, 2, 1, 1.0, transform, 2, (transform.periodic,) * 3)
        build_voxel_matrix(ConductionSystem(labels, scalars, transform))
        coordination(labels, scalars > 0.3, transform)
        open_faces_of_labels(labels, scalars, check_resistances({(0, 2): np.inf}, len(scalars)), transform.periodic)
        straighten_halved(labels, (1, 1, 1), transform.first_plane, PairValues.of({}, 1.0), transform.ghosts,
                          transform.periodic)


def _make_grains(session: Session) -> None:
    """A polycrystal with films, channels and pores."""
    make_grains(GrainsConfig(shape=(12, 12, 12), voxel_size_nm=(1.0, 1.0, 1.0), number=4, film_nm=1.0, triple_line_nm=2.0,
                             porosity=0.1, pore_nm=3.0), session)


def _measure(session: Session, wide: bool) -> None:
    """An image of three phases that ends at its faces; and a body in space, as it is drawn."""
    dtype = np.uint32 if wide else np.uint8
    majority(np.zeros((2, 4, 4), dtype), (2, 2, 2))
    grid = PeriodicGrid((6, 6, 6), (1.0,) * 3)
    image = OpenImage(grid, session.reducer, PlaneExchange(session.comm, mirrored=True), slab_of(grid, session.comm))
    phase = np.random.default_rng(1).integers(0, 3, (image.local_shape[0] + 2, 6, 6)).astype(dtype)
    with SlabTransform(padded_grid(grid), session.comm, threads=session.threads) as transform:
        measure_phases(phase, image, transform, 3, ("through",) * 3)
    samples, ray = np.zeros((2, 2, 2), np.float32), np.ones(3)
    first_meetings(samples, samples, ray, np.zeros((1, 2)), ray, ray, ray, 0.5, 1.0, 0.5, 1)


_TABLES = {"scalars": np.array([1.0, 0.5, 0.2]), "islands": np.array([1e-6, 1e-6, 1.0])}
_TABLES["tensors"] = _TABLES["scalars"][:, None, None] * (np.eye(3) + 0.1)
_ORDER = (_solve, _solve_density, _grow, _measure, _make_grains, _solve_otherwise, _spectrum, _prepare)


def compile_all(kinds: Iterable[dict]) -> None:
    """Call every kernel once with the types that such runs have."""
    with open_session(1, catch_signals=False) as session:
        for part, arguments in parts_of(kinds):
            part(session, *arguments)


# --- the helper and its workers --------------------------------------------------------------------------------------


def _compile_part(part: Part) -> None:
    try:
        with open_session(1, catch_signals=False) as session:
            part[0](session, *part[1])
    except SystemExit:  # which the pool would take for the part's result, and go on with the next one
        os._exit(EXIT_FAULT)


def _end_with(parent: int) -> None:
    """End this process by an exception, so that it removes what it has made: on a signal, and when its parent is gone."""
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(*_) -> None:
    for worker in multiprocessing.active_children():
        worker.terminate()
    sys.exit(EXIT_FAULT)


def _main() -> None:
    """Compile what the kinds of runs in the first argument call, in as many processes as the second says."""
    _end_with(os.getppid())
    parts = parts_of(json.loads(sys.argv[1]))
    workers = min(int(sys.argv[2]), len(parts))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with, (os.getpid(),)) as pool:
        for done in as_completed([pool.submit(_compile_part, part) for part in parts]):
            done.result()


if __name__ == "__main__":
    _main()
