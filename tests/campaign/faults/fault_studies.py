"""Faults of image studies, of launches that meet in one directory, and of launches that replace old results (--force)."""

import hashlib
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from fault_injection import Bench, Chain, explained
from fault_runs import DISK_FULL, Run, differences, input_text, lasting, reference
from helpers.faults import Launch, SmallDisk, damage, is_locked, while_writing

# Solved tightly: some seconds, in which to hit it, on a small image.
OPTIONS = ("--voxel-nm", "5", "--axes-order", "xyz", "--sigma", "0=1e-7,1={value=1e-3,at_K=298,activation_energy_eV=0.3}",
           "--temperature", "298,310,330", "--tolerance", "1e-10", "--set", "output.figures=false")
_INJECTIONS = 7  # in a chain
_SIZE = 48
# A solve that was stopped half-way and gone on with has other last digits; its bound is the tolerance.
_STOPPED_RTOL = 1e-8


class Study:
    """An image study that is launched again until it is done."""

    def __init__(self, chain: Chain, directory: Path | None = None, ranks: int | None = None):
        self.chain, self.ranks = chain, ranks
        self.directory = directory or chain.folder / "study"
        self.image = image_of(chain.bench)
        self.stopped = False
        self._last: Launch | None = None
        self.promised = 0  # axes that were solved when the last launch ended, undamaged

    @property
    def finished(self) -> bool:
        return (self.directory / "result.json").exists()

    def launch(self, **options) -> Launch:
        """As a user goes on."""
        self.check_kept()
        self.promised = self.newest()
        if (self.directory / "input.toml").exists():
            command = ("resume", self.directory)
        else:
            command = ("conduct", self.image, *OPTIONS, "-o", self.directory, "--force")
        self._last = self.chain.launch(*command, "--threads", "1", ranks=self.ranks, **options)
        return self._last

    def solved(self) -> list[Path]:
        return sorted((self.directory / "solved").glob("*/step_*.h5"), key=lambda path: path.name)

    def newest(self) -> int:
        """Number of the last thing that was kept."""
        return max((int(path.stem.removeprefix("step_")) for path in self.solved()), default=0)

    def place(self) -> str:
        if self.finished:
            return "at the end"
        return f"{self.newest()} solves kept" if self.solved() else "start-up or first solve"

    def wait_for_moment(self, launch: Launch) -> bool:
        """Until a random moment of start-up or of the solves; False if the launch ended before."""
        rng = self.chain.rng
        if rng.random() < 0.3:
            return launch.until(lambda: True, rng.uniform(0, 4))
        number = self.newest() + rng.randint(0, 4)
        return launch.until(lambda: self.newest() >= number and "pfsolid: conduction" in launch.text, rng.uniform(0, 0.4))

    def check_kept(self) -> None:
        """The last launch must have gone on from what had been kept."""
        text = "" if self._last is None else self._last.text
        if self.promised and "iteration" in text and "going on after" not in text:
            self.chain.blame("lost", f"{self.promised} solves had been kept and it began anew")

    def finish(self) -> None:
        """Bring it to its end without further faults and compare."""
        if not self.finished:
            if not self.chain.ends_well(self.launch()):
                return
            self.check_kept()
        elif (self.directory / "solved").exists():  # killed between its result and the end
            self.chain.launch("resume", self.directory, "--threads", "1").wait()
        if (self.directory / "solved").exists():
            self.chain.blame("lost", "solves are left behind")
        self.chain.blame_if("wrong", study_differences(self.directory, studied(self.chain.bench, self.ranks), self.stopped))


def image_of(bench: Bench) -> Path:
    def make(folder: Path) -> Path:
        rng = np.random.default_rng(3)
        np.save(folder / "image.npy", (rng.random((_SIZE, _SIZE - 2, _SIZE - 4)) < 0.45).astype(np.uint8))
        return folder / "image.npy"

    return bench.once("image", make)


def studied(bench: Bench, ranks: int | None) -> Path:
    """An undisturbed study."""
    command = ["conduct", image_of(bench), *OPTIONS, "--threads", 1]
    return bench.once(f"studied-{ranks or 1}",
                      lambda folder: bench.undisturbed(command, folder / "study", study_differences, ranks))


def study_differences(directory: Path, reference: Path, stopped: bool = False) -> str:
    """What two studies do not share: to the last bit, or to the tolerance where a solve was stopped half-way."""
    try:
        results = [json.loads((folder / "result.json").read_text()) for folder in (directory, reference)]
        tensors = [np.array([one["sigma_eff_S_per_cm"] for one in result["temperature_series"]]) for result in results]
        with h5py.File(directory / "fields.h5") as file, h5py.File(reference / "fields.h5") as other:
            same = set(file) == set(other) and all(
                np.allclose(file[name][()], other[name][()], rtol=1e-4, atol=1e-4 * np.abs(other[name][()]).max())
                if stopped else np.array_equal(file[name][()], other[name][()]) for name in file)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        return f"cannot be read: {error}"
    if not same:
        return "fields.h5"
    scale = _STOPPED_RTOL * np.abs(tensors[1]).max()
    if stopped:
        return "" if np.allclose(*tensors, rtol=0, atol=scale) else "the tensors"
    lasts = [lasting(result) for result in results]
    return ", ".join(name for name in {*lasts[0], *lasts[1]} if lasts[0].get(name) != lasts[1].get(name))


# --- image studies ------------------------------------------------------------------------------------------


def study_kill_chain(chain: Chain, ranks: int | None = None) -> None:
    study = Study(chain, ranks=ranks)
    for _ in range(_INJECTIONS):
        launch = study.launch()
        if not study.wait_for_moment(launch):
            launch.wait()
            break
        where = study.place()
        launch.kill()
        launch.wait()
        chain.injected(launch, where, ranks=ranks or 1)
        if study.finished:
            break
    study.finish()


def study_signal_chain(chain: Chain) -> None:
    """USR1 or SIGTERM, as a batch system sends them: 85, and the same job again."""
    study = Study(chain)
    study.stopped = True
    for _ in range(_INJECTIONS):
        launch = study.launch()
        if not launch.until(lambda at=launch: "order of axes" in at.text, chain.rng.uniform(0, 1.5)):
            launch.wait()
            break
        number = chain.rng.choice((signal.SIGUSR1, signal.SIGTERM))
        where = study.place()
        launch.process.send_signal(number)
        status = launch.wait()
        advice = f"go on with: pfsolid resume {study.directory}" in launch.text
        # When the result is there nothing is left to be saved, and a signal may end the process as it leaves.
        ok = status == 0 or status == 85 and advice or study.finished and status == -number
        chain.injected(launch, f"{number.name}; {where}", "ok" if ok else "unclear")
        if study.finished:
            break
    study.finish()


def study_damage_chain(chain: Chain) -> None:
    """Files of a killed study, or of a finished one, are damaged."""
    rng, study = chain.rng, Study(chain)
    if rng.random() < 0.3:
        shutil.copytree(studied(chain.bench, None), study.directory)
        hit = [study.directory / "result.json"]
    else:
        launch = study.launch()
        launch.until(lambda: study.newest() >= rng.randint(2, 8))
        launch.kill()
        launch.wait()
        files = [*study.solved(), *(path for path in (study.directory / "fields.h5",) if path.exists())]
        hit = rng.sample(files, rng.randint(1, len(files))) if files else []
        study.stopped = True  # a potential that is lost is found anew, from another start
    done = [f"{path.name}: {damage(path, rng)}" for path in hit]
    study.promised = 0
    launch = study._last = chain.launch("resume", study.directory, "--threads", "1")
    launch.wait()
    for what in done:
        chain.injected(launch, what, "ok" if launch.process.returncode == 0 else "lost")
    study.finish()


def study_disk_chain(chain: Chain) -> None:
    """The disk is too small, or full from some moment on."""
    rng = chain.rng
    disk = SmallDisk(chain.folder / "disk", 64_000_000)
    chain.finally_do(disk.close)
    study = Study(chain, disk.folder / "study")
    study.directory.mkdir()
    for _ in range(_INJECTIONS + 1):
        how = rng.choice(("small", "filled while writing"))
        if how == "small":
            disk.resize(disk.used() + rng.randint(0, 3_000_000))
        launch = study.launch()
        if how == "filled while writing":
            name = while_writing(launch, study.directory, rng.randint(0, 5), rng.randint(1, 6), disk.fill)
            how += f" {name}"
        status, left = launch.wait(), disk.left()
        disk.free()
        disk.resize(64_000_000)
        if status == 0:
            break
        chain.injected(launch, f"{how}, {left} bytes left; {study.place()}", explained(launch, *DISK_FULL))
    study.finish()


# --- two launches in one directory --------------------------------------------------------------------------


def writers_chain(chain: Chain) -> None:
    """While a run is at work others are launched into its directory: refused in one line, and nothing is changed."""
    rng, run = chain.rng, Run(chain)
    for _ in range(3):
        launch = run.launch()
        if not launch.until(lambda: is_locked(run.directory / ".lock"), rng.uniform(0, 0.3)):
            break
        for _ in range(2):
            command = rng.choice((("resume", run.directory), ("run", run.input, "-o", run.directory, "--force")))
            # Mostly the first stands still meanwhile: on a crowded machine it would be done before the second has started.
            held = rng.random() < 0.8
            launch.process.send_signal(signal.SIGSTOP if held else signal.SIGCONT)
            where, at_work = run.place(), held and not run.finished
            second = chain.launch(*command, "--threads", 1, "--set", "output.figures=false")
            status = second.wait()
            launch.process.send_signal(signal.SIGCONT)
            running = launch.process.poll() is None
            refused = explained(second, "another launch of pfsolid is at work in") if running or status else "ok"
            late = not at_work and status in (0, 2) and ("is finished" in second.text or status == 0)
            chain.injected(second, f"{command[0]}; {where}{', held' if held else ''}", "ok" if late else refused)
            if not running:
                break
        if rng.random() < 0.6:
            launch.kill()
        launch.wait()
        if run.finished:
            break
    run.promised = 0
    run.finish()


# --- --force ------------------------------------------------------------------------------------------------

# Late mistakes and what is said of them; {} is the directory.
MISTAKES = {
    "source": (("conduct", "{run}"), "the source"),
    "NaN": (("run", "{input}", "--set", "microstructure.initial_field={nan}"), ""),
    "petsc_options": (("run", "{input}", "--set", "conduction.solver=petsc", "--set", "conduction.petsc_options=-x"), ""),
    "memory": (("run", "{input}", "--set", "grid.shape=[4096, 4096, 4096]"), ""),
    "label": (("conduct", "{image}", *OPTIONS, "--resistance", "1:9=1"), "9"),
    "image gone": (("conduct", "nowhere.npy", *OPTIONS), "nowhere.npy"),
    "limit": (("run", "{input}", "--set", "evolution.wall_clock_limit_s=0.001"), "starting up alone"),
    "porosity": (("run", "{input}", "--set", "microstructure.initial_field={field}"), "porosity"),
}


def _tree(directory: Path) -> dict[str, str]:
    """Digests of all files but those that are a launch's own."""
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file() and ".new" not in path.relative_to(directory).parts
            and path.name != ".lock"}


def _old_run(chain: Chain) -> Path:
    """A finished run, with a figure of the user's own in it."""
    directory = chain.folder / "run"
    shutil.copytree(reference(chain.bench, None), directory)
    (directory / "figures").mkdir(exist_ok=True)
    (directory / "figures" / "mine.png").write_bytes(b"mine")
    return directory


def force_mistake_chain(chain: Chain) -> None:
    """Mistakes of every kind with --force: one line, and the old results as they were."""
    directory, folder = _old_run(chain), chain.folder
    (folder / "input.toml").write_text(input_text(None))
    field = np.full((16, 18, 20), 0.3)
    np.save(folder / "field.npy", field)
    field[3, 4, 5] = np.nan
    np.save(folder / "nan.npy", field)
    places = {"run": directory, "input": folder / "input.toml", "nan": folder / "nan.npy", "field": folder / "field.npy",
              "image": image_of(chain.bench)}
    before = _tree(directory)
    for name in chain.rng.sample(list(MISTAKES), len(MISTAKES)):
        words, says = MISTAKES[name]
        command = [word.format(**places) if word.startswith("{") or "={" in word and "value" not in word else word
                   for word in words]
        launch = chain.launch(*command, "-o", directory, "--force", "--threads", 1)
        launch.wait()
        # Where the mistake shows when all is grown, that stays, to be gone on with or replaced by the next.
        left = (directory / ".new").exists() and not any((directory / ".new" / "checkpoints").glob("step_*.h5"))
        kept = _tree(directory) == before and not left
        chain.injected(launch, name, explained(launch, says) if kept else "lost")


def force_kill_chain(chain: Chain) -> None:
    """A launch that replaces a run is killed at random, or stopped and gone on with: all old or all new, never between."""
    rng, directory = chain.rng, _old_run(chain)
    (chain.folder / "input.toml").write_text(input_text(None))
    before, finished, stopped = _tree(directory), False, False
    for _ in range(_INJECTIONS):
        resumed = (directory / ".new" / "input.toml").exists() and rng.random() < 0.5
        command = ("resume", directory) if resumed else ("run", chain.folder / "input.toml", "-o", directory, "--force")
        launch = chain.launch(*command, "--threads", 1)
        moment: Callable[[], bool] = rng.choice((
            lambda: True, lambda: any((directory / ".new").glob("checkpoints/step_*.h5")),
            lambda at=launch: "grown: " in at.text, lambda: (directory / ".new" / "result.json").exists()))
        if not launch.until(moment, rng.uniform(0, 0.2)):
            finished = launch.wait() == 0
            break
        where = "exchange" if (directory / ".new" / ".exchange").exists() else "before it"
        if rng.random() < 0.3:
            launch.process.send_signal(signal.SIGUSR1)
        else:
            launch.kill()
        launch.wait()
        stopped |= "stopped while solving" in launch.text
        if launch.process.returncode == 0 or (directory / ".new" / ".exchange").exists() or _tree(directory) != before:
            finished = True
        chain.injected(launch, f"{command[0]}; {where}")
        if finished:
            break
    _finish_force(chain, directory, before, finished, stopped)


def _finish_force(chain: Chain, directory: Path, before: dict, finished: bool, stopped: bool) -> None:
    launch = chain.launch("resume", directory, "--threads", 1)
    status = launch.wait()
    if status not in (0, 2) or status == 2 and "is finished" not in launch.text:
        chain.blame("lost", launch.text[-200:])
    if not finished and status == 2 and _tree(directory) != before:
        chain.blame("lost", "the old results have changed")
    if (directory / "figures" / "mine.png").read_bytes() != b"mine":
        chain.blame("lost", "a file of the user's own")
    chain.blame_if("wrong", differences(directory, reference(chain.bench, None), stopped))


def force_disk_chain(chain: Chain) -> None:
    """The disk has no room for the new beside the old: the old stand."""
    rng = chain.rng
    disk = SmallDisk(chain.folder / "disk", 64_000_000)
    chain.finally_do(disk.close)
    shutil.copytree(reference(chain.bench, None), disk.folder / "run")
    directory = disk.folder / "run"
    (chain.folder / "input.toml").write_text(input_text(None))
    before = _tree(directory)
    for _ in range(4):
        disk.resize(disk.used() + rng.randint(0, 900_000))
        launch = chain.launch("run", chain.folder / "input.toml", "-o", directory, "--force", "--threads", 1)
        status, left = launch.wait(), disk.left()
        disk.resize(64_000_000)
        if status == 0:
            break
        kept = _tree(directory) == before
        chain.injected(launch, f"{left} bytes left", explained(launch, *DISK_FULL) if kept else "lost")
    launch = chain.launch("run", chain.folder / "input.toml", "-o", directory, "--force", "--threads", 1)
    if launch.wait() != 0:
        chain.blame("lost", launch.text[-200:])
    chain.blame_if("wrong", differences(directory, reference(chain.bench, None)))


STUDY_KINDS = {
    "image-kill": study_kill_chain,
    "image-kill-all": lambda chain: study_kill_chain(chain, 2),
    "image-signal": study_signal_chain,
    "image-damage": study_damage_chain,
    "image-disk-full": study_disk_chain,
    "two-writers": writers_chain,
    "force-mistake": force_mistake_chain,
    "force-kill": force_kill_chain,
    "force-disk-full": force_disk_chain,
}
