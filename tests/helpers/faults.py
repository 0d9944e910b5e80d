"""Faults for launches of pfsolid: killed processes, damaged files, small and read-only disks, a clock that jumps."""

import ctypes
import os
import random
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

from pfsolid.parallel.launch import environment_for_mpirun

ROOT = Path(__file__).resolve().parents[2]
MARK = "PFSOLID_FAULT_MARK"
# A launch takes some 3 s of processor time, and about 100 more where it has to compile.  Seconds on the wall would say
# more of the machine's other work than of the launch.
PROCESSOR_LIMIT_S = 400.0
STANDSTILL_S = 120.0  # without a fifth of a second of processor time in it
YEAR_S = 365 * 86400


class Launch:
    """One launch of pfsolid, all processes of which can be found again, and which may not hang.

    Parameters
    ----------
    arguments : sequence of str
        Of pfsolid.
    output : Path
        What it prints goes there.
    ranks : int, optional
        Under mpirun.
    environment : dict
        Added to the usual one.
    unprivileged : bool
        Bound by permission bits, which root is not.
    screen : {None, 'full', 'closed', 'reader'}
        What the program prints to instead: a full disk, nothing, somebody who goes away after ``screen_bytes``.
    """

    def __init__(self, arguments, output: Path, ranks: int | None = None, environment: dict | None = None,
                 unprivileged: bool = False, screen: str | None = None, screen_bytes: int = 0):
        self.token, self.output = uuid.uuid4().hex, Path(output)
        usual = {MARK: self.token, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive",
                 # Ranks that wait for one another on a crowded machine leave it to those that work.
                 "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1"}
        command = [*(["mpirun", "-n", str(ranks)] if ranks else []), sys.executable, "-m", "pfsolid", *map(str, arguments)]
        if unprivileged and os.geteuid() == 0:
            command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
        if screen == "closed":
            command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
        self.began = time.monotonic()
        self.output.touch()
        with open("/dev/full" if screen == "full" else self.output, "w") as file:
            shown = subprocess.PIPE if screen == "reader" else file
            self.process = subprocess.Popen(command, stdout=shown, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            env=environment_for_mpirun() | usual | (environment or {}),
                                            start_new_session=True)
        if screen == "reader":
            threading.Thread(target=self._look_a_while, args=(screen_bytes,), daemon=True).start()
        self.hung = False
        self._spent_s, self._moved, self._look_again = 0.0, self.began, self.began

    def _look_a_while(self, num_bytes: int) -> None:
        self.output.write_bytes(self.process.stdout.read(num_bytes))
        self.process.stdout.close()

    def processes(self) -> dict[int, dict[str, str]]:
        """The environments of those that run, by their numbers."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                raw = path.read_bytes()
                if f"{MARK}={self.token}".encode() in raw:
                    pairs = (text.partition("=") for text in raw.decode(errors="replace").split("\0"))
                    found[int(path.parent.name)] = {name: value for name, _, value in pairs}
        return found

    def children(self, variable: str) -> list[int]:
        """Processes that the launched one has started itself, those that have a variable in their environment."""
        found = []
        for pid, environment in self.processes().items():
            with suppress(OSError):
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and variable in environment:
                    found.append(pid)
        return found

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def until(self, condition: Callable[[], bool], delay_s: float = 0.0) -> bool:
        """Wait for a condition and a moment longer; False if the launch ends before that."""
        since = None
        while self.process.poll() is None and not self._overdue():
            since = since or (time.monotonic() if condition() else None)
            if since is not None and time.monotonic() - since >= delay_s:
                return True
            time.sleep(0.004)
        return False

    def kill(self, pids=None) -> None:
        """SIGKILL to some processes, or to all."""
        for pid in self.processes() if pids is None else pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit status; what works for too long or stands still for too long is ended, and has hung."""
        while self.process.poll() is None:
            if self._overdue():
                self.hung = True
                self.kill()
            time.sleep(0.02)
        return self.process.returncode

    def orphans(self, patience_s: float = 15.0) -> int:
        """How many processes outlive the launch by more than a while; they are ended."""
        deadline = time.monotonic() + patience_s
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.kill(left)
        return len(left)

    def _overdue(self) -> bool:
        now = time.monotonic()
        if now < self._look_again:
            return False
        self._look_again = now + 2
        spent = sum(map(_processor_seconds, self.processes()))
        if abs(spent - self._spent_s) > 0.2:  # less where a process has ended
            self._spent_s, self._moved = spent, now
        return spent > PROCESSOR_LIMIT_S or now - self._moved > STANDSTILL_S


def _processor_seconds(pid: int) -> float:
    with suppress(OSError):
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0.0


# --- files that are being written ---------------------------------------------------------------------------

_CREATE, _MODIFY, _MOVED_FROM, _CLOSE_WRITE = 0x100, 0x2, 0x40, 0x8


class Watch:
    """The kernel's notices of what happens to the files of some folders (Linux's inotify)."""

    def __init__(self, folder: Path):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd, self._folders = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), {}
        for each in (folder, *(one for one in folder.iterdir() if one.is_dir())):
            self._add(each)

    def _add(self, folder: Path) -> None:
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _CREATE | _MODIFY | _MOVED_FROM | _CLOSE_WRITE)
        self._folders[number] = folder

    def events(self, patience_s: float = 0.05) -> list[tuple[str, bool]]:
        """(name, whether it was just created); new folders are watched as well."""
        if not select.select([self._fd], [], [], patience_s)[0]:
            return []
        raw, found = os.read(self._fd, 65536), []
        while raw:
            number, mask, _, length = struct.unpack_from("iIII", raw)
            name = raw[16:16 + length].rstrip(b"\0").decode()
            raw = raw[16 + length:]
            path = self._folders[number] / name
            if mask & _CREATE and path.is_dir():
                self._add(path)
            found.append((name, bool(mask & _CREATE)))
        return found

    def close(self) -> None:
        os.close(self._fd)


def while_writing(launch: Launch, folder: Path, skipped: int, num_events: int, act: Callable[[], None]) -> str | None:
    """``act()`` at the ``num_events``-th notice of a file, of those being written the one after ``skipped`` others.

    Its temporary name; None if the launch ended before.
    """
    watch, current, left = Watch(folder), None, 0
    try:
        while launch.process.poll() is None:
            for name, created in watch.events():
                part = name.endswith(".part")
                if part and created and current is None:
                    skipped -= 1
                    if skipped < 0:
                        current, left = name, num_events
                if name == current:
                    left -= 1
                    if left <= 0:
                        act()
                        return current
        return None
    finally:
        watch.close()


# --- damage -------------------------------------------------------------------------------------------------


def damage(path: Path, rng: random.Random) -> str:
    """Change a file behind the program's back; what was done."""
    raw = bytearray(path.read_bytes())
    kind = rng.choice(("truncated", "one bit flipped", "one bit flipped", "64 bytes overwritten", "512 zeros", "emptied"))
    where = rng.randrange(len(raw))
    before = bytes(raw)
    if kind == "truncated":
        del raw[where:]
    elif kind == "one bit flipped":
        raw[where] ^= 1 << rng.randrange(8)
    elif kind == "64 bytes overwritten":
        raw[where:where + 64] = rng.randbytes(len(raw[where:where + 64]))
    elif kind == "512 zeros":
        raw[where:where + 512] = bytes(len(raw[where:where + 512]))
    else:
        raw.clear()
    if raw == before:  # zeros where there were zeros
        raw[where] ^= 1
    path.write_bytes(raw)
    return f"{kind} at {where} of {len(before)}"


# --- disks --------------------------------------------------------------------------------------------------


def can_mount() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                                                capture_output=True).returncode == 0


class SmallDisk:
    """A file system in memory whose size can be changed."""

    def __init__(self, folder: Path, num_bytes: int):
        self.folder = folder
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", folder], check=True)

    def used(self) -> int:
        status = os.statvfs(self.folder)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def left(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def resize(self, num_bytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={num_bytes}", self.folder], check=True)

    def fill(self) -> None:
        """Let somebody else's file take all that is left."""
        with suppress(OSError), open(self.folder / "ballast", "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def free(self) -> None:
        """Remove that file."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)


@contextmanager
def read_only(folder: Path):
    """No permission to write for those whom permissions bind."""
    before = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(before)


# --- the clock ----------------------------------------------------------------------------------------------


# The time of day is shifted by what a file says, at every call; the steady clock is left alone, as it is when somebody sets
# the time.  (libfaketime 0.9.10 makes time.sleep fail while its offset changes.)
_SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *offset_s;

__attribute__((constructor)) static void find_offset(void)
{
    const char *path = getenv("FAULTS_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *mapped = mmap(0, sizeof *offset_s, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offset_s = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int status = syscall(SYS_clock_gettime, clock, now);
    if (!status && offset_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset_s;
    return status;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """A time of day that jumps, for processes started with `environment`.  Needs a C compiler."""

    def __init__(self, folder: Path):
        source, library, self._offset = folder / "clock.c", folder / "clock.so", folder / "clock"
        source.write_text(_SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self._offset.write_bytes(struct.pack("q", 0))
        self.environment = {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(self._offset)}

    def jump(self, rng: random.Random) -> str:
        """To somewhere within 20 years of the true time, mostly nearer."""
        seconds = rng.choice((-1, 1)) * round(rng.choice((1, 60, 3600, 86400, YEAR_S)) * rng.uniform(1, 20))
        with open(self._offset, "r+b") as file:
            file.write(struct.pack("q", seconds))
        return f"{seconds:+d} s"


def is_locked(path: Path) -> bool:
    """Whether some process holds the file by flock; asking for the lock to see would be in that process's way."""
    with suppress(FileNotFoundError):
        number = path.stat().st_ino
        return any(line.split()[1] == "FLOCK" and int(line.split()[5].split(":")[2]) == number
                   for line in Path("/proc/locks").read_text().splitlines() if "->" not in line)
    return False
