"""Faults of sweeps: the chains of the campaign that begin with a plan and launch `pfsolid sweep run` until all is done."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from fault_injection import Bench, Chain, explained
from fault_runs import DISK_FULL, RANK
from helpers.faults import Clock, Launch, SmallDisk, damage
from helpers.sweeps import POROSITIES, dataset, plan_in

from pfsolid.sweeps.launch import WORKER
from pfsolid.sweeps.state import look

# Six cases of a quarter of a second each: time enough to hit one.
SWEEP = dict(steps=700, axes=POROSITIES + '[[axis]]\nkey = "grid.shape"\nvalues = [[26, 22, 20]]\n')
_INJECTIONS = 4  # in a chain
_DEATHS = 3  # a launcher gives up when more workers die without a case being done
_WORK_S = 1.0  # roughly how long the workers are busy


class Sweep:
    """A planned sweep that is launched again until it is done."""

    def __init__(self, chain: Chain, directory: Path | None = None, source: str = "planned"):
        self.chain = chain
        self.directory = directory or chain.folder / "sweep"
        shutil.copytree(planned(chain.bench) if source == "planned" else completed(chain.bench), self.directory)
        self._results: dict[Path, bytes] = {}

    def launch(self, workers: int = 1, **options) -> Launch:
        several = [] if "ranks" in options else ["--workers", workers]
        return self.chain.launch("sweep", "run", self.directory, *several, **options)

    def results(self) -> list[Path]:
        return [path for path in sorted(self.directory.glob("cases/*/*.json")) if not path.name.endswith(".failed.json")]

    def begun(self) -> bool:
        """Whether a case is claimed."""
        return any(self.directory.glob("cases/*/*.claim*"))

    def place(self) -> str:
        """What stands there, remembering every result: it must still be there at the end, not a new one."""
        for path in self.results():
            with suppress(OSError):
                self._results.setdefault(path, path.read_bytes())
        return f"{len(self.results())} cases done" if self.begun() or self.results() else "start-up"

    def forget(self, path: Path) -> None:
        self._results.pop(path, None)

    def wait_for_moment(self, launch: Launch) -> bool:
        """Until a random moment, mostly of the work; False if the launch ended before."""
        rng = self.chain.rng
        if rng.random() < 0.2:
            return launch.until(lambda: True, rng.uniform(0, 4))
        return launch.until(self.begun, rng.uniform(0, 2 * _WORK_S))

    def finish(self) -> None:
        """Bring it to its end without further faults and compare."""
        if len(self.results()) < len(reference_rows(self.chain.bench)) or self.begun():
            if not self.chain.ends_well(self.launch()):
                return
        changed = [path.name for path, raw in self._results.items() if not path.exists() or path.read_bytes() != raw]
        seen = self._settled()
        if changed:
            self.chain.blame("lost", f"computed twice: {', '.join(changed)}")
        elif seen.claims or seen.work or seen.failed:
            self.chain.blame("lost", f"left behind: {seen.claims} {seen.work} {seen.failed}")
        elif dataset(self.directory) != reference_rows(self.chain.bench):
            self.chain.blame("wrong", "the dataset differs")


    def _settled(self):
        """What is left when workers whose launcher was killed, and who end what they have in hand, are gone."""
        for _ in range(100):
            seen = look(self.directory)
            if not (seen.claims or seen.work):
                break
            time.sleep(0.2)
        return seen


def planned(bench: Bench) -> Path:
    """A sweep of which nothing is done."""
    return bench.once("planned", lambda folder: plan_in(folder, **SWEEP)[1])


def completed(bench: Bench) -> Path:
    """A sweep done without faults.  The first compiles, if that is needed; the second is the reference."""
    def make(folder: Path) -> Path:
        rows = []
        for name in ("first", "second"):
            directory = plan_in(folder, name, **SWEEP)[1]
            launch = bench.launch(["sweep", "run", directory, "--workers", 1], folder / "output")
            if launch.wait() != 0:
                raise RuntimeError(f"the undisturbed sweep fails: {launch.text}")
            rows.append(dataset(directory))
        if rows[0] != rows[1]:
            raise RuntimeError("two undisturbed sweeps differ")
        return directory

    return bench.once("completed", make)


def reference_rows(bench: Bench) -> list[dict]:
    directory = completed(bench)
    return bench.once("rows", lambda _: dataset(directory))


# --- the chains ---------------------------------------------------------------------------------------------


def worker_chain(chain: Chain) -> None:
    """Workers are killed one after another; their launcher starts others."""
    sweep = Sweep(chain)
    launch = sweep.launch(workers=2)
    for _ in range(_DEATHS):
        if not sweep.wait_for_moment(launch):
            break
        workers = launch.children(WORKER)
        if not workers:
            continue
        where = sweep.place()
        launch.kill([chain.rng.choice(workers)])
        chain.injected(launch, f"a worker; {where}", message="")
    if launch.wait() != 0:
        chain.blame("lost", f"the launch ended with {launch.process.returncode}: {launch.text[-300:]}")
    for row in chain.rows:
        row.exit = launch.process.returncode
    sweep.finish()


def launcher_chain(chain: Chain) -> None:
    """The launcher is killed and started again at once, while its workers end what they have in hand."""
    sweep = Sweep(chain)
    for _ in range(_INJECTIONS):
        launch = sweep.launch(workers=2)
        if not sweep.wait_for_moment(launch):
            break
        where = sweep.place()
        launch.kill([launch.process.pid])
        launch.wait()
        chain.injected(launch, f"the launcher; {where}")
    launch.wait()
    sweep.finish()


def rank_chain(chain: Chain) -> None:
    """One of two ranks is killed, or all."""
    sweep = Sweep(chain)
    for _ in range(_INJECTIONS):
        launch = sweep.launch(ranks=2)
        if not sweep.wait_for_moment(launch):
            launch.wait()
            break
        ranks = launch.children(RANK)
        one = bool(ranks) and chain.rng.random() < 0.7
        where = sweep.place()
        launch.kill([chain.rng.choice(ranks)] if one else None)
        launch.wait()
        chain.injected(launch, f"{'one rank' if one else 'all ranks'}; {where}", ranks=2)
    sweep.finish()


def launchers_chain(chain: Chain, clock: Clock | None = None) -> None:
    """Two or three launchers at once; one of them is killed at random, and another takes its place."""
    rng = chain.rng
    sweep = Sweep(chain)
    options = {"environment": clock.environment} if clock else {}
    launches = [sweep.launch(**options) for _ in range(rng.choice((2, 2, 3)))]
    for _ in range(_INJECTIONS):
        victim = rng.choice(launches)
        if not sweep.wait_for_moment(victim):
            break
        where = sweep.place()
        if clock:
            chain.injected(victim, f"{clock.jump(rng)}; {where}")
        victim.kill()
        victim.wait()
        chain.injected(victim, f"one of {len(launches)} launchers; {where}")
        launches[launches.index(victim)] = sweep.launch(**options)
    for launch in launches:
        if launch.wait() != 0:
            chain.blame("lost", f"a launch ended with {launch.process.returncode}: {launch.text[-300:]}")
    sweep.finish()


def sweep_clock_chain(chain: Chain) -> None:
    clock = Clock(chain.folder)
    clock.jump(chain.rng)
    launchers_chain(chain, clock)


def sweep_damage_chain(chain: Chain) -> None:
    """Results of a finished sweep are damaged: found at the next launch, and computed anew."""
    rng = chain.rng
    sweep = Sweep(chain, source="completed")
    sweep.place()
    hit = [(path, damage(path, rng)) for path in rng.sample(sweep.results(), rng.randint(1, 3))]
    launch = sweep.launch()
    launch.wait()
    for path, what in hit:
        sweep.forget(path)
        chain.injected(launch, f"{path.name}: {what}", "ok" if f"{path.name} is " in launch.text else "wrong")
    sweep.finish()


def sweep_disk_chain(chain: Chain) -> None:
    """The disk is full again and again; each time a little is freed."""
    rng = chain.rng
    disk = SmallDisk(chain.folder / "disk", 1_000_000)
    chain.finally_do(disk.close)
    sweep = Sweep(chain, disk.folder / "sweep")
    for _ in range(_INJECTIONS + 1):
        disk.resize(disk.used() + rng.randint(0, 60_000) // 4096 * 4096)
        launch = sweep.launch()
        if launch.wait() == 0:
            break
        chain.injected(launch, f"{disk.used()} bytes; {sweep.place()}", explained(launch, *DISK_FULL))
    disk.resize(64_000_000)
    sweep.finish()


SWEEP_KINDS = {
    "sweep-kill-worker": worker_chain,
    "sweep-kill-rank": rank_chain,
    "sweep-kill-launcher": launcher_chain,
    "sweep-launchers": launchers_chain,
    "sweep-damage": sweep_damage_chain,
    "sweep-disk-full": sweep_disk_chain,
    "sweep-clock": sweep_clock_chain,
}
