"""One decorator for every compiled kernel, the list of them all, and the files that keep their machine code.

numba loads such a file as it finds it: a truncated one ends the program with a traceback, and a flipped bit is executed.
Here each ends with a checksum, and one that does not fit it is removed and made anew.  They are kept in the first place
that can be written: where NUMBA_CACHE_DIR says, beside the source, in the user's cache, in the temporary directory.  If
there is none, kernels are compiled in memory at each start.

What numba takes for a change of a kernel is the time of its file, and a kernel that it calls from another file may change
unseen.  Here it is what is written: in its own file, in the files of the kernels that its module has, and the constants it
uses.  So a copy of the sources, or a file that was only touched, needs no compiling.

numba names a file by the list it has just read, so that two processes which compile one kernel for different types could
take the same name, and a third run the wrong code.  Here they take turns, kernel by kernel, and who comes second finds it
done: several processes compile different kernels at the same time.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import stat
import tempfile
import time
import zlib
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

# Idle OpenMP threads must sleep, not spin: spinning ones keep the cores from FFTW's threads and a step takes 2.5 times as
# long.  The runtime reads this once, when numba loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba  # noqa: E402
from numba import njit  # noqa: E402
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache  # noqa: E402
from numba.core.registry import cpu_target  # noqa: E402

# Sums may be taken in another order and quotients as products, so that loops become vectors; NaN and infinity keep their
# meaning, on which the checks of a field rely.
_FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}
_CHECKSUM = b"\npfsolid crc32 "  # what follows the last pickle is not read by numba
_CHECKSUM_BYTES = len(_CHECKSUM) + 8
_TURNS = "turns"  # a file of each folder: one byte of it is locked by whoever compiles a kernel
_PATIENCE_S = 120.0  # for one kernel that another process compiles; then it is compiled here too, and not kept
_POLL_S = 0.02

KERNELS: list = []  # of the modules that are loaded, in the order of their loading


def kernel(parallel: bool = False, fast: bool = False, inline: bool = False, divides: bool = False):
    """Decorator: compile with numba at the first call, keep the machine code on disk, put the kernel on the list.

    Parameters
    ----------
    parallel : bool
        Its ``prange`` loops are divided over the threads.
    fast : bool
        Rounding may differ from that of the source's order, the same on every call.
    divides : bool
        Division by zero is not an error but infinity, without which loops with a division do not become vectors.
    inline : bool
        Becomes part of the kernels that call it and is not compiled by itself.
    """
    def make(function):
        if numba.config.DISABLE_JIT:
            return function
        compiled = njit(parallel=parallel, fastmath=_FAST_MATH if fast else False,
                        inline="always" if inline else "never", error_model="numpy" if divides else "python")(function)
        compiled.written_in = _written_in(function)
        compiled.stamp = _stamp_of(function, compiled.written_in)
        compiled._cache = _cache_of(function, compiled.stamp)
        KERNELS.append(compiled)
        return compiled

    return make


def _written_in(function) -> frozenset[Path]:
    """Files whose change may change a kernel: its own, and those of all kernels that its module has by now."""
    files = {Path(function.__code__.co_filename)}
    return frozenset(files.union(*(getattr(value, "written_in", ()) for value in function.__globals__.values())))


def _stamp_of(function, files: frozenset[Path]) -> str:
    """Of what is written in those files and of the constants that the kernel takes from its module."""
    used = {name: function.__globals__.get(name) for name in sorted(function.__code__.co_names)}
    state = hashlib.sha256(repr({name: value for name, value in used.items() if _is_constant(value)}).encode())
    for path in sorted(files):
        state.update(_digest(path))
    return state.hexdigest()


def _is_constant(value) -> bool:
    return all(map(_is_constant, value)) if isinstance(value, tuple) else isinstance(value, (bool, int, float, str))


@cache
def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:  # typed in, or in an archive: such a kernel is not kept
        return b""


def processor() -> tuple:
    """Of the machine that this process runs on, as numba tells apart what it has compiled: system, model, features."""
    return cpu_target.target_context.codegen().magic_tuple()


def cache_folders() -> list[Path]:
    """Where the machine code of the loaded kernels is kept; empty if it is not."""
    return sorted({Path(one._cache.cache_path) for one in KERNELS if one._cache.cache_path})


def cache_files() -> list[Path]:
    """All that is kept there."""
    return sorted(path for folder in cache_folders() for kind in ("*.nbi", "*.nbc") for path in folder.glob(kind))


def is_whole(path: Path) -> bool:
    """Whether a file of machine code is there and has its checksum."""
    try:
        raw = path.read_bytes()
    except OSError:
        return False
    return raw[-_CHECKSUM_BYTES:] == _checksum(raw[:-_CHECKSUM_BYTES])


def _checksum(raw: bytes) -> bytes:
    return _CHECKSUM + f"{zlib.crc32(raw):08x}".encode()


class _CheckedFiles(IndexDataCacheFile):
    """numba's files with a checksum at their end, and on the list only when they are there."""

    def save(self, key, data):
        with suppress(OSError):  # a full disk costs the time of compiling again, no more
            listed = self._load_index()
            names = (self._data_name(number) for number in count(1))
            name = listed.get(key) or next(name for name in names if name not in listed.values())
            self._save_data(name, data)
            self._save_index(listed | {key: name})

    def _load_index(self):
        return super()._load_index() if _is_usable(self._index_path) else {}

    def _load_data(self, name):
        if not _is_usable(self._data_path(name)):
            raise FileNotFoundError  # numba then compiles
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath):
        contents = io.BytesIO()
        yield contents
        with super()._open_for_write(filepath) as file:
            file.write(contents.getvalue() + _checksum(contents.getvalue()))


def _is_usable(path: str) -> bool:
    """Whether a file is whole; one that is not is removed."""
    if is_whole(Path(path)):
        return True
    with suppress(OSError):
        os.unlink(path)
    return False


class _Turn:
    """Of this process at compiling one kernel, among all that keep machine code in a folder.

    A lock of POSIX records: it ends with the process, and is known across nodes where the file system knows locks at all.
    Where it knows none everybody has his turn at any time.

    Parameters
    ----------
    folder : str
    name : str
        The kernel's.
    """

    def __init__(self, folder: str, name: str):
        self._folder, self._place = folder, zlib.crc32(name.encode())
        self.held = 0

    def take(self) -> bool:
        """Wait for it; whether it has come."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self.held and self._is_taken():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        self.held += 1  # compiling a kernel for one type may ask for the same one for another
        return True

    def _is_taken(self) -> bool:
        try:
            fcntl.lockf(_turns_of(self._folder, os.getpid()), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._place)
            return False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def give_back(self) -> None:
        self.held -= 1
        if not self.held:
            with suppress(OSError):
                fcntl.lockf(_turns_of(self._folder, os.getpid()), fcntl.LOCK_UN, 1, self._place)


@cache
def _turns_of(folder: str, _process: int) -> int:
    """Open for good: to close the file once would end all locks that this process has in it."""
    return os.open(os.path.join(folder, _TURNS), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


class _CheckedCache(FunctionCache):
    def __init__(self, function, stamp: str):
        super().__init__(function)
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base, stamp)
        self._turn = _Turn(self._cache_path, self._impl.filename_base)

    def load_overload(self, sig, target_context):
        found = super().load_overload(sig, target_context)
        if found is None and self._turn.take():
            found = super().load_overload(sig, target_context)  # which another has made meanwhile
            if found is not None:
                self._turn.give_back()
        return found

    def save_overload(self, sig, data):
        if self._turn.held:
            try:
                super().save_overload(sig, data)
            finally:
                self._turn.give_back()


def _cache_of(function, stamp: str):
    """The cache of one kernel, in the first place that can be written."""
    place = _place_for(Path(function.__code__.co_filename).parent)
    if place is None:
        return NullCache()
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(place)  # empty: beside the source
    try:
        return _CheckedCache(function, stamp)
    except RuntimeError:  # its source is no file
        return NullCache()
    finally:
        numba.config.CACHE_DIR = before


@cache
def _place_for(source: Path) -> Path | str | None:
    """Folder for the machine code of the modules in ``source``; '' is beside them, None nowhere."""
    asked = numba.config.CACHE_DIR
    if asked and _can_be_written(Path(asked)):
        return Path(asked)
    if _can_be_written(source / "__pycache__"):
        return ""
    places = [folder / "numba" for folder in user_caches()]
    last = private_temporary_folder()
    return next((folder for folder in [*places, *([last] if last else [])] if _can_be_written(folder)), None)


def user_caches() -> list[Path]:
    """Folders for what can be made again, the best one first: $PFSOLID_CACHE, ~/.cache/pfsolid."""
    asked = os.environ.get("PFSOLID_CACHE")
    folders = [Path(asked)] if asked else []
    with suppress(RuntimeError):  # nobody knows this user's home
        folders.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pfsolid")
    return folders


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def private_temporary_folder() -> Path | None:
    """One that nobody else can have put machine code into; None where there is none."""
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"pfsolid-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
            return folder
    return None
