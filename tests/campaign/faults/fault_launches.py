"""Faults around a run rather than in it: a screen that goes away, machine code that is damaged or absent, early signals."""

import inspect
import shutil
import signal
from pathlib import Path

from fault_injection import Bench, Chain
from fault_runs import Run
from helpers.faults import damage
from numba.core.caching import UserProvidedCacheLocator

from pfsolid.kernel import KERNELS, is_whole
from pfsolid.machine import warmup  # noqa: F401  loads every module that has kernels

_INJECTIONS = 7  # in a chain
_START_UP_S = 4.0


def screen_chain(chain: Chain) -> None:
    """Each run of the chain loses its screen in another way, or after another number of bytes, and must not mind."""
    rng = chain.rng
    for number in range(_INJECTIONS):
        screen = rng.choice(("full", "closed", "reader", "reader", "reader"))
        # Open MPI's mpirun ends a launch by itself when whoever reads its output goes away ("SIGPIPE detected").
        ranks = rng.choice((None, None, 2)) if screen != "reader" else None
        run = Run(chain, ranks, chain.folder / f"run-{number}", screen=screen, screen_bytes=rng.choice((1, 80, 1000, 3000)))
        launch = run.launch()
        launch.wait()
        log = run.directory / "log"
        went_on = launch.process.returncode == 0 and log.exists() and "done in" in log.read_text()
        chain.injected(launch, f"screen: {screen} {run.options['screen_bytes']}", "ok" if went_on else "lost",
                       ranks=run.ranks or 1)
        run.finish()


def kept_code(bench: Bench) -> Path:
    """A copy of the compiled kernels, in a folder that `NUMBA_CACHE_DIR` can name."""
    def make(folder: Path) -> Path:
        for kernel in KERNELS:
            source = inspect.getfile(kernel.py_func)
            target = folder / UserProvidedCacheLocator.get_suitable_cache_subpath(source)
            target.mkdir(exist_ok=True)
            for path in Path(kernel.stats.cache_path).glob(f"{Path(source).stem}.*.nb?"):
                if is_whole(path) and not (target / path.name).exists():
                    shutil.copy2(path, target)
        return folder

    return bench.once("code", make)


def cache_chain(chain: Chain) -> None:
    """Files of machine code are damaged or removed before each run; each file is an injection."""
    rng = chain.rng
    code = chain.folder / "code"
    shutil.copytree(kept_code(chain.bench), code)
    environment = {"NUMBA_CACHE_DIR": str(code)}
    # The copies have no list of what belongs together yet: the first run makes it.
    first = Run(chain, directory=chain.folder / "first", environment=environment)
    first.launch().wait()
    for number in range(min(_INJECTIONS, 3)):
        files = sorted(path for path in code.rglob("*") if path.is_file())
        hit = rng.sample(files, rng.randint(1, 3))
        done = []
        for path in hit:
            if rng.random() < 0.4:
                path.unlink()
                done.append(f"{path.name}: removed")
            else:
                done.append(f"{path.name}: {damage(path, rng)}")
        run = Run(chain, rng.choice((None, 2)), chain.folder / f"run-{number}", environment=environment)
        launch = run.launch()
        launch.wait()
        good = launch.process.returncode == 0 and "Traceback" not in launch.text
        left = [path.name for path in hit if path.suffix in (".nbi", ".nbc") and path.exists() and not is_whole(path)]
        for what in done:
            chain.injected(launch, what, "lost" if not good else "wrong" if left else "ok", ranks=run.ranks or 1)
        run.finish()


def start_up_chain(chain: Chain) -> None:
    """Signals while Python and its libraries are loaded, and a little later."""
    rng = chain.rng
    run = Run(chain)
    for _ in range(_INJECTIONS):
        launch = run.launch()
        delay = rng.uniform(0, _START_UP_S)
        if not launch.until(lambda: True, delay):
            launch.wait()
            break
        number = rng.choice((signal.SIGUSR1, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        where = run.place()
        launch.process.send_signal(number)
        status = launch.wait()
        # 85, or the death by that signal where there was nothing to be saved: the job template asks for both.
        clear = status in (0, 85, -number) and "Traceback" not in launch.text
        chain.injected(launch, f"{number.name} after {delay:.2f} s; {where}", "ok" if clear else "unclear")
        if run.finished:
            break
    run.finish()


LAUNCH_KINDS = {
    "launch-screen": screen_chain,
    "launch-cache": cache_chain,
    "launch-signal": start_up_chain,
}
