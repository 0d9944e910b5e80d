"""Faults of single runs: the chains of the campaign that begin with `pfsolid run` and go on with `pfsolid resume`."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
from fault_injection import Bench, Chain, explained
from helpers.faults import Clock, Launch, SmallDisk, damage, read_only, while_writing
from helpers.inputs import run_text

STEPS = 400
# What two computations of the same case need not share.
TRANSIENT = ("wall_clock_s", "seconds", "conduction_seconds", "created", "git_commit", "sha256")
RANK = "OMPI_COMM_WORLD_RANK"
DISK_FULL = ("No space left", "free on that disk")
_GROWN = "grown: "
_INJECTIONS = 7  # in a chain


class Run:
    """A run that is launched again until it is done."""

    def __init__(self, chain: Chain, ranks: int | None = None, directory: Path | None = None, **options):
        self.chain, self.ranks, self.options = chain, ranks, options
        self.directory = directory or chain.folder / "run"
        self.input = chain.folder / "input.toml"
        self.input.write_text(input_text(ranks))
        self.promised = 0  # step of the newest checkpoint that nobody has damaged
        self._last: Launch | None = None

    @property
    def finished(self) -> bool:
        return (self.directory / "result.json").exists()

    def launch(self, anew: bool = False) -> Launch:
        """As a user goes on: resume if there is something to resume."""
        self.check_kept()
        if (self.directory / "input.toml").exists() and not anew:
            self.promised = max([self.promised, *(step for step, _ in self.checkpoints())])
            return self.resume()
        self.promised = 0
        return self._launch("run", self.input, "-o", self.directory, "--force")

    def resume(self) -> Launch:
        return self._launch("resume", self.directory)

    def _launch(self, *command) -> Launch:
        threads = [] if self.ranks else ["--threads", 1]
        self._last = self.chain.launch(*command, *threads, ranks=self.ranks, **self.options)
        return self._last

    def checkpoints(self) -> list[tuple[int, Path]]:
        found = [(int(path.stem.removeprefix("step_")), path)
                 for path in (self.directory / "checkpoints").glob("step_*.h5")]
        return sorted(found)

    def steps(self) -> int:
        """Of the last row of the history."""
        try:
            return int((self.directory / "history.csv").read_text().splitlines()[-1].partition(",")[0])
        except (OSError, IndexError, ValueError):
            return 0

    def until_step(self, launch: Launch, step: int, delay_s: float = 0.0) -> bool:
        """Until growth has come to a step, or is over; False if the launch ended before."""
        # The history has rows of earlier launches: this one must have begun.
        return launch.until(lambda: _GROWN in launch.text or self.place() != "start-up" and self.steps() >= step, delay_s)

    def place(self) -> str:
        """What the launch is doing."""
        text = self._last.text
        if self.finished:
            return "at the end"
        if _GROWN in text:
            return "measurement and conduction"
        if "pfsolid: " not in text and "resuming" not in text or not self.steps():
            return "start-up"
        return f"growth, step {self.steps()}"

    def check_kept(self) -> None:
        """The last launch must have gone on from the newest good checkpoint, and those it announced must be there."""
        if self._last is None:
            return
        text = self._last.text
        begun = re.search(r"at step (\d+), reduced time", text)
        if self.promised and (begun and int(begun[1]) < self.promised or "holds no checkpoint yet" in text):
            self.chain.blame("lost", f"a checkpoint of step {self.promised} was there: {begun and begun[0]}")
        announced = [int(step) for step in re.findall(r"^checkpoint step_(\d+)", text, re.MULTILINE)]
        if announced and announced[-1] > max((step for step, _ in self.checkpoints()), default=0):
            self.chain.blame("lost", f"the checkpoint of step {announced[-1]} was announced and is not there")

    def finish(self) -> None:
        """Bring it to its end without further faults and compare."""
        if not self.finished:
            if not self.chain.ends_well(self.launch()):
                return
            self.check_kept()
        found = differences(self.directory, reference(self.chain.bench, self.ranks))
        if found:
            self.chain.blame("wrong", found)


def input_text(ranks: int | None) -> str:
    # Checkpoints follow one another closely, so that a kill finds the run at work on one; not so closely on two ranks,
    # which wait for each other on a crowded machine.
    return run_text([20, 18, 16], 0.7, 0.42, STEPS, checkpoint_interval_s=0.3 if ranks else 0.03, history_interval_steps=10)


def reference(bench: Bench, ranks: int | None) -> Path:
    """An undisturbed run on as many ranks."""
    return bench.once(f"reference-{ranks or 1}", lambda folder: undisturbed(bench, folder, ranks))


def undisturbed(bench: Bench, folder: Path, ranks: int | None) -> Path:
    """A finished run without faults."""
    (folder / "input.toml").write_text(input_text(ranks))
    return bench.undisturbed(["run", folder / "input.toml", "--threads", 1], folder / "run", differences, ranks)


def differences(directory: Path, reference: Path, stopped: bool = False) -> str:
    """What two finished runs do not share to the last bit; empty if nothing.

    A solve that was stopped half-way has the conductivity within its tolerance, 1e-4, and other last digits.
    """
    try:
        texts = [(folder / "history.csv").read_text() for folder in (directory, reference)]
        results = [lasting(json.loads((folder / "result.json").read_text())) for folder in (directory, reference)]
        with h5py.File(directory / "fields.h5") as file, h5py.File(reference / "fields.h5") as other:
            differ = [name for name in {*file, *other} if name not in file or name not in other
                      or not (stopped and name != "rho" or np.array_equal(file[name][()], other[name][()]))]
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        return f"cannot be read: {error}"
    if stopped:
        tensors = [np.array(result["sigma_eff_S_per_cm"]) for result in results]
        results = [{name: result[name] for name in ("growth", "morphology")} for result in results]
        differ += [] if np.allclose(*tensors, rtol=0, atol=2e-4 * np.abs(tensors[1]).max()) else ["the tensors"]
    differ += [name for name in {*results[0], *results[1]} if results[0].get(name) != results[1].get(name)]
    differ += ["history.csv"] if texts[0] != texts[1] else []
    return ", ".join(differ)


def lasting(data):
    if isinstance(data, dict):
        return {name: lasting(value) for name, value in data.items() if name not in TRANSIENT}
    return data


# --- kills --------------------------------------------------------------------------------------------------


def wait_for_moment(run: Run, launch: Launch) -> bool:
    """Until a random moment of start-up, growth or what follows; False if the launch ended before."""
    rng = run.chain.rng
    moment = rng.choice(("start-up", "growth", "growth", "results"))
    if moment == "start-up":
        return launch.until(lambda: True, rng.uniform(0, 4))
    if moment == "growth":
        return run.until_step(launch, rng.randint(0, STEPS - 10), rng.uniform(0, 0.05))
    return launch.until(lambda: _GROWN in launch.text, rng.uniform(0, 0.7))


def kill_chain(chain: Chain, ranks: int | None = None, one: bool = False) -> None:
    run = Run(chain, ranks)
    for _ in range(_INJECTIONS):
        launch = run.launch()
        if not wait_for_moment(run, launch):
            launch.wait()
            break
        where, victims = run.place(), None
        if one:
            victims = [chain.rng.choice(wait_for_ranks(launch))]
        launch.kill(victims)
        launch.wait()
        chain.injected(launch, where, ranks=ranks or 1)
        if run.finished:
            break
    run.finish()


def write_chain(chain: Chain) -> None:
    """Killed while a file, mostly a checkpoint, stands half written."""
    rng = chain.rng
    run = Run(chain, rng.choice((None, None, None, 2)))
    run.directory.mkdir()
    for _ in range(_INJECTIONS + 1):
        launch = run.launch()
        name = while_writing(launch, run.directory, rng.choice((0, 1, 2, 3, 4, 6, 8)), rng.randint(1, 9), launch.kill)
        launch.wait()
        if name is None:
            break
        left = any(run.directory.rglob(name))
        chain.injected(launch, f"{name} {'half written' if left else 'just renamed'}; {run.place()}", ranks=run.ranks or 1)
        if run.finished:
            break
    run.finish()


def wait_for_ranks(launch: Launch) -> list[int]:
    """The processes that mpirun has started, when it has."""
    launch.until(lambda: bool(launch.children(RANK)))
    return launch.children(RANK) or [launch.process.pid]


# --- damage -------------------------------------------------------------------------------------------------


def killed_after(bench: Bench, state: str) -> Path:
    """A run that was killed during growth, or after it when its fields were there; made once, to be copied."""
    def make(folder: Path) -> Path:
        (folder / "input.toml").write_text(input_text(None))
        run = folder / "run"
        launch = bench.launch(["run", folder / "input.toml", "-o", run, "--threads", 1], folder / "output")
        # The fields are written three times; before the last, others stand beside the density.
        launch.until((lambda: len(list(run.glob("checkpoints/step_*.h5"))) == 2) if state == "growth"
                     else (lambda: (run / "fields.h5").exists()))
        launch.kill()
        launch.wait()
        return run

    return bench.once(f"killed-{state}", make)


def damage_chain(chain: Chain) -> None:
    """Files of a killed run, or of a finished one, are damaged; each is an injection."""
    rng, bench = chain.rng, chain.bench
    state = rng.choice(("growth", "results", "finished"))
    source = reference(bench, None) if state == "finished" else killed_after(bench, state)
    run = Run(chain)
    shutil.copytree(source, run.directory)
    checkpoints = [path for _, path in run.checkpoints()]
    others = [path for path in (run.directory / "fields.h5",) if path.exists()]
    hit = rng.sample([*checkpoints, *others], rng.randint(1, len(checkpoints + others)))
    if state == "finished":
        hit = [run.directory / "result.json", *rng.sample(hit, rng.randint(0, len(hit)))]
    done = [f"{path.name}: {damage(path, rng)} ({state})" for path in hit]
    none_good = set(checkpoints) <= set(hit)
    run.promised = max((step for step, path in run.checkpoints() if path not in hit), default=0)
    launch = run.resume()
    launch.wait()
    verdict = "ok"
    if launch.process.returncode != 0:  # nothing to go on from: that must be said, and a new run be possible
        verdict = explained(launch, "holds no usable checkpoint") if none_good else "lost"
    for what in done:
        chain.injected(launch, what, verdict)
    if none_good and verdict == "ok":
        run.launch(anew=True).wait()
    run.finish()


# --- disks and permissions ----------------------------------------------------------------------------------


def disk_chain(chain: Chain) -> None:
    """The disk is too small, or somebody fills it at a random moment or while a file is being written."""
    rng = chain.rng
    disk = SmallDisk(chain.folder / "disk", 64_000_000)
    chain.finally_do(disk.close)
    run = Run(chain, directory=disk.folder / "run")
    run.directory.mkdir()
    for _ in range(_INJECTIONS + 1):
        how = rng.choice(("small", "filled", "filled while writing"))
        if how == "small":
            disk.resize(disk.used() + rng.randint(0, 500_000))
        launch = run.launch()
        if how == "filled" and wait_for_moment(run, launch):
            disk.fill()
        if how == "filled while writing":
            name = while_writing(launch, run.directory, rng.randint(0, 3), rng.randint(1, 6), disk.fill)
            how += f" {name}"
        status, left = launch.wait(), disk.left()
        disk.free()
        disk.resize(64_000_000)
        if status == 0:
            break  # what was still to be written had room
        chain.injected(launch, f"{how}, {left} bytes left; {run.place()}", explained(launch, *DISK_FULL))
    run.finish()


def read_only_chain(chain: Chain) -> None:
    """Permission to write is taken away before a launch or while it is at work."""
    rng = chain.rng
    parent = chain.folder / "place"
    parent.mkdir()
    run = Run(chain, directory=parent / "run", unprivileged=True)
    for _ in range(_INJECTIONS):
        launch = None
        if rng.random() < 0.7:
            launch = run.launch()
            run.until_step(launch, rng.randint(0, STEPS - 10))
        # At first there is only the folder around the run.
        folder = rng.choice([path for path in (run.directory, run.directory / "checkpoints") if path.is_dir()] or [parent])
        when = "during" if launch else "before"
        with read_only(folder):
            launch = launch or run.launch()
            launch.wait()
        if launch.process.returncode == 0:
            break  # it had nothing more to write there
        chain.injected(launch, f"{folder.name} {when} the launch; {run.place()}",
                       explained(launch, "Permission denied", "no permission"))
    run.finish()


def clock_chain(chain: Chain) -> None:
    """The time of day jumps between launches and during them."""
    rng = chain.rng
    clock = Clock(chain.folder)
    first = clock.jump(rng)
    run = Run(chain, environment=clock.environment)
    for number in range(3):
        launch = run.launch()
        chain.injected(launch, f"{first} before the launch")
        for _ in range(2):
            if not wait_for_moment(run, launch):
                break
            where = run.place()
            chain.injected(launch, f"{clock.jump(rng)}; {where}")
        if number == 2 or not launch.until(lambda: True, rng.uniform(0, 0.2)):
            break
        launch.kill()
        launch.wait()
        first = clock.jump(rng)
    run._last.wait()
    run.finish()


RUN_KINDS = {
    "run-kill-process": kill_chain,
    "run-kill-rank": lambda chain: kill_chain(chain, 2, one=True),
    "run-kill-all": lambda chain: kill_chain(chain, 2),
    "run-kill-writing": write_chain,
    "run-damage": damage_chain,
    "run-disk-full": disk_chain,
    "run-read-only": read_only_chain,
    "run-clock": clock_chain,
}
