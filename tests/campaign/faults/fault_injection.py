"""What the fault campaign's runs and sweeps have in common: where they are made, their launches, what is noted of each."""

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from helpers.faults import ROOT, Launch

_MESSAGE_LENGTH = 90


@dataclass
class Row:
    """One injection.

    Attributes
    ----------
    seed, commit : int, str
        Of the chain's choices, and the code it was made with.
    where : str
        What was done, and at which moment of the run or to which file.
    exit : int or str
        Status of the launch that suffered it; negative: the signal that ended it.
    message : str
        What it said last, or what is wrong.
    verdict : str
        ok, lost, wrong, unclear (of an error that should have been explained), hang, orphans.
    seconds : float
        Of that launch.
    """

    kind: str
    seed: int
    commit: str
    chain: int
    injection: int
    ranks: int
    where: str
    exit: int | str
    message: str
    verdict: str
    seconds: float

    @property
    def bad(self) -> bool:
        return self.verdict != "ok"

    def values(self) -> tuple:
        return astuple(self)


COLUMNS = [field.name for field in fields(Row)]


class Bench:
    """Where chains are made; references and templates are made once.

    Parameters
    ----------
    work : Path
    minutes : float
        After that `out_of_time`.
    """

    def __init__(self, work: Path, minutes: float = 600):
        self.commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True,
                                     text=True).stdout.strip()
        self.work = Path(work).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self._end = time.monotonic() + 60 * minutes
        self._lock, self._made = threading.Lock(), {}

    def launch(self, arguments, output: Path, environment: dict | None = None, **options) -> Launch:
        """Start pfsolid with Fourier plans of the campaign's own: the same bits need the same plans."""
        own = {"PFSOLID_CACHE": str(self.work / "fftw")}
        return Launch(arguments, output, environment=own | (environment or {}), **options)

    def out_of_time(self) -> bool:
        return time.monotonic() > self._end

    def once(self, name: str, make: Callable):
        """The value of ``make(folder)``, which is called once."""
        with self._lock:
            if name not in self._made:
                folder = self.work / name
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                self._made[name] = make(folder)
        return self._made[name]

    def undisturbed(self, command: list, directory: Path, differences: Callable[[Path, Path], str],
                    ranks: int | None) -> Path:
        """A directory made without faults.  The command runs twice: first to compile, if needed; both must be alike."""
        first = directory.with_name("first")
        for each in (first, directory):
            launch = self.launch([*command, "-o", each], directory.with_name("output"), ranks=ranks)
            if launch.wait() != 0:
                raise RuntimeError(f"without faults it fails: {launch.text}")
        if found := differences(first, directory):
            raise RuntimeError(f"two that were not disturbed differ: {found}")
        return directory

    def chain(self, kind: str, number: int, seed: int) -> "Chain":
        """The same seed gives the same choices; the moments depend on the machine as well."""
        return Chain(self, kind, number, seed)


class Chain:
    """One run or sweep and what is done to it."""

    def __init__(self, bench: Bench, kind: str, number: int, seed: int):
        self.bench, self.kind, self.number, self.seed = bench, kind, number, seed
        self.rng = random.Random(f"{kind} {seed} {number}")
        self.folder = bench.work / f"{kind}-{number}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.rows: list[Row] = []
        self._launches: list[Launch] = []
        self._row_of: dict[Launch, Row] = {}
        self._at_end: list[Callable] = []

    def launch(self, *arguments, **options) -> Launch:
        """Start pfsolid; see `faults.Launch`."""
        launch = self.bench.launch(arguments, self.folder / f"output-{len(self._launches)}", **options)
        self._launches.append(launch)
        return launch

    def finally_do(self, act: Callable) -> None:
        self._at_end.append(act)

    def injected(self, launch: Launch, where: str, verdict: str = "ok", message: str | None = None, ranks: int = 1) -> Row:
        """Note an injection, after the launch has ended if it is to end."""
        said = last_line(launch) if message is None else message
        row = Row(self.kind, self.seed, self.bench.commit, self.number, len(self.rows) + 1, ranks, where,
                  "" if launch.process.returncode is None else launch.process.returncode, said,
                  "hang" if launch.hung else verdict, round(time.monotonic() - launch.began, 1))
        self.rows.append(row)
        self._row_of[launch] = row
        return row

    def blame(self, verdict: str, message: str) -> None:
        """A fault of the result, noted with the last injection."""
        if self.rows and not self.rows[-1].bad:
            self.rows[-1].verdict, self.rows[-1].message = verdict, message

    def ends_well(self, launch: Launch) -> bool:
        """Whether a launch without faults comes to its end; if not, that is noted."""
        if launch.wait() == 0:
            return True
        self.blame("hang" if launch.hung else "lost", f"does not go on: {launch.text[-300:]}")
        return False

    def blame_if(self, verdict: str, message: str) -> None:
        """`blame` where there is something to say."""
        if message:
            self.blame(verdict, message)

    def close(self) -> list[Row]:
        """End what still runs, and clean up unless something was wrong."""
        for launch in self._launches:
            launch.wait()
            left = launch.orphans()
            row = self._row_of.get(launch, self.rows[-1] if self.rows else None)
            if row and not row.bad and (left or launch.hung):
                row.verdict, row.message = ("hang", "") if launch.hung else ("orphans", f"{left} processes are left")
        for act in self._at_end:
            act()
        if not any(row.bad for row in self.rows):
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.rows


def last_line(launch: Launch) -> str:
    """What pfsolid said of an error, or else the last line, without the place of the run."""
    lines = [line.strip() for line in launch.text.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("pfsolid: ") and "go on with" not in line]
    text = (own or lines or [""])[-1]
    return text.replace(str(launch.output.parent), "…")[:_MESSAGE_LENGTH]


def explained(launch: Launch, *reasons: str) -> str:
    """The verdict on an error that the user is to understand: exit status 1 or 2, a reason, no traceback."""
    text, status = launch.text, launch.process.returncode
    clear = status in (1, 2) and any(reason in text for reason in reasons) and "Traceback" not in text
    return "ok" if clear else "unclear"
