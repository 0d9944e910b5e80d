"""Who works on what, among processes that share nothing but a file system.

A piece of work is claimed by creating a file that must not exist yet (``O_EXCL``, atomic on local disks, Lustre, GPFS and
NFS from version 3).  Whoever holds a claim counts up a number in it.  A holder is taken for dead

* at once, if it was a process of this machine and this boot that no longer runs (a process of the observer's own launch
  lives: where one rank dies, mpirun ends all);
* else if its number has not changed while somebody watched for `EXPIRY_S` on his own steady clock.

No time of day is compared with another, so clocks may differ or jump.  The work of a dead holder is taken over by creating
the claim of the next generation, ``name.claim1`` after ``name.claim0``, which again only one process can do; the claim
with the highest number is the one that counts.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .files import output_errors

JOB = "SLURM_JOB_ID"  # variable with the number of the job
BEAT_S = 5.0
EXPIRY_S = 300.0  # a holder planning a large transform may be silent for a minute
_COUNT_DIGITS = 12
_PATTERN = re.compile(r"(.+)\.claim(\d+)")


@dataclass(frozen=True)
class Claim:
    """A held claim."""

    path: Path
    token: str

    def is_mine(self) -> bool:
        """Whether the file still stands there with this token: not so after a takeover, or if somebody removed it."""
        try:
            return read_holder(self.path)["token"] == self.token
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return True  # a read that failed says nothing

    def beat(self, count: int) -> bool:
        """Show that the holder lives; False if the claim is lost."""
        if not self.is_mine():
            return False
        # Opened each time: NFS sends what was written on closing.
        with suppress(OSError), open(self.path, "r+b") as file:
            file.write(f"{count:0{_COUNT_DIGITS}d}".encode())
        return True

    def release(self) -> None:
        """Give the work back, with the claims of earlier generations first: the highest one counts."""
        if not self.is_mine():
            return
        name, generation = split_name(self.path.name)
        for earlier in range(generation + 1):
            with suppress(FileNotFoundError):
                claim_path(self.path.parent, name, earlier).unlink()


def claim_path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}.claim{generation}"


def split_name(file_name: str) -> tuple[str, int] | None:
    """What is claimed and the generation, from the name of a claim's file; None for another file."""
    found = _PATTERN.fullmatch(file_name)
    return (found[1], int(found[2])) if found else None


def take(folder: Path, name: str, generation: int = 0, launch: str = "") -> Claim | None:
    """Claim a piece of work; None if somebody else was first.

    Parameters
    ----------
    launch : str
        Known to all ranks of one mpirun and to nobody else.

    Raises
    ------
    OutputError
    """
    path, token = claim_path(folder, name, generation), uuid.uuid4().hex
    text = f"{0:0{_COUNT_DIGITS}d}\n{json.dumps(_this_process() | {'token': token, 'launch': launch})}\n"
    with output_errors(path):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return None
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            path.unlink()
            raise
    return Claim(path, token)


def read_holder(path: Path) -> dict:
    """Who holds a claim: host, pid, job, token and ``count``, the number that is counted up.

    Raises
    ------
    OSError, ValueError
        It is gone; it is not yet written, or never was.
    """
    count, text = path.read_text(encoding="utf-8").split("\n", 1)
    return json.loads(text) | {"count": count}


class Watch:
    """One observer's memory of how other holders' numbers stood, and since when."""

    def __init__(self, expiry_s: float = EXPIRY_S, launch: str = ""):
        self._expiry_s, self._launch = expiry_s, launch
        self._seen: dict[Path, tuple[str, float]] = {}
        self._alive: set[Path] = set()

    def state(self, path: Path) -> str:
        """'alive', 'dead', 'gone', or 'unknown': not yet watched for long enough."""
        try:
            holder = read_holder(path)
            count = holder["count"]
        except FileNotFoundError:
            return "gone"
        except (OSError, ValueError):
            holder, count = None, ""
        if holder is not None and holder["machine"] is not None and holder["machine"] == _machine():
            return "alive" if _start_of(holder["pid"]) == holder["started"] else "dead"
        if holder is not None and self._launch and holder["launch"] == self._launch:
            return "alive"
        now = time.monotonic()
        known, since = self._seen.setdefault(path, (count, now))
        if known != count:
            self._seen[path] = (count, now)
            self._alive.add(path)
        elif now - since > self._expiry_s:
            return "dead"
        return "alive" if path in self._alive else "unknown"


@contextmanager
def beating(claim: Claim, on_lost, beat_s: float = BEAT_S):
    """Count the claim up from a thread of its own while the block runs; ``on_lost()`` is called if it was taken away."""
    ended = threading.Event()

    def work() -> None:
        count = 0
        while not ended.wait(beat_s):
            count += 1
            if not claim.beat(count):
                on_lost()
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def exclusive(folder: Path, name: str, beat_s: float = BEAT_S, expiry_s: float = EXPIRY_S):
    """The block is run by one process at a time; waits for the others.

    Raises
    ------
    OutputError
    """
    watch = Watch(expiry_s)
    while True:
        held = [split_name(path.name)[1] for path in folder.glob(f"{name}.claim*")]
        generation = max(held, default=-1)
        if generation < 0 or watch.state(claim_path(folder, name, generation)) == "dead":
            claim = take(folder, name, generation + 1)
            if claim is not None:
                break
        time.sleep(0.1)
    try:
        with beating(claim, lambda: None, beat_s):
            yield
    finally:
        claim.release()


# --- this process and others of this machine ----------------------------------------------------------------


def _this_process() -> dict:
    return {"host": socket.gethostname(), "pid": os.getpid(), "machine": _machine(), "started": _start_of(os.getpid()),
            "job": os.environ.get(JOB)}


def _machine() -> str | None:
    """This boot of this machine and the space its process numbers belong to; None where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _start_of(pid: int) -> str | None:
    """When a process began, in ticks since the boot; None if there is no such process, or only its remains."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]
