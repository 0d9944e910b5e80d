"""Sweeps: many runs from one input, on this machine, and their table."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NoReturn

from ..config.sweep import sweep_from_dict
from ..config.text import shown
from ..errors import EXIT_CHECKPOINTED, EXIT_INPUT, InputError, Interrupted, PfsolidError, PfsolidWarning
from ..parallel.launch import environment_for_mpirun, python_module
from ..parallel.quiet import quiet_session
from ..sweeps.collect import CARD, DATASET, TABLE, collect, table_of
from ..sweeps.plan import load_plan, make_plan, store_plan, with_known_ids
from ..sweeps.state import Status, look, read_failure, status_of
from ..sweeps.state import retry as retry_cases
from .arguments import in_arguments, path_of, plain
from .optional import package

_NAME = "pfsolid.sweep"
_POLL_S = 0.2
_PATIENCE_S = 60.0  # for workers to write their checkpoints


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """A planned sweep in its directory, which the command line (`pfsolid sweep ...`) opens as well.

    Attributes
    ----------
    directory : Path

    Examples
    --------
    >>> import pfsolid as pf
    >>> base = {"grid": {"shape": [16, 16, 1], "voxel_size_nm": 1.4}, "material": {"name": "beta-Li3PS4"},
    ...         "evolution": {"max_steps": 1}}
    >>> planned = pf.sweep(base, {"microstructure.porosity": [0.3, 0.5]}, replicas=2, directory=folder / "plan")
    >>> planned.name, planned.status.done
    ('plan', ())
    """

    directory: Path

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return load_plan(self.directory).name

    @property
    def status(self) -> Status:
        """Which cases are done, running, failed, missing; every result is verified."""
        return status_of(load_plan(self.directory), self.directory)

    def run(self, workers: int | None = None, threads: int | None = None,
            progress: bool | Callable[[str], object] | None = None) -> Sweep:
        """Do all cases that are not done, in processes of their own on this machine.

        Parameters
        ----------
        workers : int, optional
            Processes; by default one a core, as far as the memory goes.
        threads : int, optional
            Of each process; by default 1.
        progress : bool or callable, optional
            As for `pfsolid.conductivity`.

        Returns
        -------
        Sweep
            Itself.  Cases that failed are a `PfsolidWarning`, and in `status`.

        Raises
        ------
        InputError
            It cannot be run so.
        PfsolidError
            A worker failed, and not its case.
        KeyboardInterrupt
            The key was pressed: workers have been told to write checkpoints, and the next `run` goes on with them.
        """
        command = [*python_module("pfsolid"), "sweep", "run"]
        for option, value in (("--workers", workers), ("--threads", threads)):
            command += [option, str(value)] if value is not None else []
        plan = load_plan(self.directory)
        with quiet_session(progress=progress) as session, tempfile.TemporaryFile() as said:
            process = subprocess.Popen([*command, "--", str(self.directory)], stdout=subprocess.DEVNULL, stderr=said,
                                       env=environment_for_mpirun(), process_group=0)
            try:
                shown = -1
                while process.poll() is None:
                    time.sleep(_POLL_S)
                    done = len(look(self.directory).done)
                    if done != shown:
                        session.progress(lambda done=done: f"{done} of {len(plan.cases)} cases done")
                        shown = done
            finally:
                _stop(process)
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
        failed = sorted(look(self.directory).failed & {case.id for case in plan.cases})
        if failed:
            warnings.warn(f"{len(failed)} of {len(plan.cases)} cases failed, the first, {failed[0]}: "
                          f"{read_failure(self.directory, failed[0])}", PfsolidWarning, stacklevel=2)
        elif process.returncode:
            _raise_for(process.returncode, lines[-1].removeprefix("pfsolid: ") if lines else "without a word")
        return self

    def table(self) -> Any:
        """A row for each case that is done: what varies, sigma_eff with its errors, sizes, fractions, morphology.

        Returns
        -------
        pandas.DataFrame
            With the ids of the cases as its index.  ``attrs['meanings']`` says what each column is and its unit.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        pandas = package("pandas", "Sweep.table")
        rows, meanings = table_of(self.directory)
        table = pandas.DataFrame(rows, columns=list(meanings)).set_index("case")
        table.attrs["meanings"] = meanings
        return table

    def collect(self, fields: bool = False) -> list[Path]:
        """Write dataset.h5, dataset.csv and a data card of what is done so far, as `pfsolid sweep collect`.

        Parameters
        ----------
        fields : bool
            Also the fields that the sweep keeps.

        Returns
        -------
        list of Path
            The files.
        """
        with in_arguments("Sweep.collect"):
            collect(self.directory, fields)
        return [self.directory / name for name in (DATASET, TABLE, CARD)]

    def retry(self, *cases: str) -> list[str]:
        """Let the next `run` try failed cases again: all, or those named; their ids."""
        return retry_cases(self.directory, cases)

    def plot(self, x: str | None = None, y: str = "sigma_mean_S_per_cm", axes: Any = None) -> Any:
        """A column of the table over another, by default over the first key that varies: `pfsolid.plot.sweep`.

        Parameters
        ----------
        x, y : str, optional
            Names of columns.
        axes : matplotlib.axes.Axes, optional
            To draw into.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from .plot import sweep as draw  # loads matplotlib

        return draw(self, x or load_plan(self.directory).keys[0], y, axes)

    def _counts(self) -> dict[str, int]:
        plan, seen = load_plan(self.directory), look(self.directory)
        ids = {case.id for case in plan.cases}
        done, failed = seen.done & ids, seen.failed & ids
        return {"done": len(done), "failed": len(failed), "to do": len(ids - done - failed)}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self._counts().items() if count)
        return f"Sweep {self.name} in {self.directory}: {counts}"

    def _repr_html_(self) -> str:
        plan = load_plan(self.directory)
        rows = [(key, ", ".join(dict.fromkeys(shown(case.values[key]) for case in plan.cases))) for key in plan.keys]
        rows += [(name, str(count)) for name, count in self._counts().items()]
        lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows)
        return f"<b>{escape(self.name)}</b> in {escape(str(self.directory))}<table>{lines}</table>"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Tell a launcher that is still at work to write checkpoints, and wait for it."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_S)
    process.kill()
    process.wait()


def _raise_for(status: int, text: str) -> NoReturn:
    if status == EXIT_INPUT:
        with in_arguments("Sweep.run"):
            raise InputError(text)
    if status == EXIT_CHECKPOINTED:
        raise Interrupted(f"{text}; run it again to go on")
    raise PfsolidError(f"the sweep ended with status {status}: {text}")


def sweep(base: str | Path | Mapping[str, Any], axes: Mapping[Any, Sequence[Any]], replicas: int = 1,
          directory: str | Path | None = None, *, name: str | None = None, keep: Sequence[str] = (),
          force: bool = False) -> Sweep:
    """Plan a sweep: every input is checked, nothing is computed yet.

    Parameters
    ----------
    base : str, Path or dict
        The input file that all cases share, or its sections.
    axes : dict
        Values by key of the input: {'microstructure.porosity': [0.3, 0.4]}.  Keys are crossed; a tuple of keys with tuples
        of values goes together: {('grid.shape', 'grid.voxel_size_nm'): [([32] * 3, 1.4), ([64] * 3, 0.7)]}.
    replicas : int
        Samples of each point, with successive seeds.
    directory : str or Path, optional
        Of the sweep; by default runs/NAME.  One that holds an earlier plan of the same name is extended.
    name : str, optional
        By default the directory's, or 'sweep'.
    keep : sequence of str
        What each case leaves besides its result: 'rho', 'phase', 'history'; in its result, where 'currents' go.
    force : bool
        Drop cases of the earlier plan that are not in this one; their results stay.

    Returns
    -------
    Sweep
        Its `Sweep.run` does the cases, `Sweep.table` has the results.

    Raises
    ------
    InputError
        A line for each mistake.

    Examples
    --------
    >>> import pfsolid as pf
    >>> base = {"grid": {"shape": [16, 16, 1], "voxel_size_nm": 1.4}, "material": {"name": "beta-Li3PS4"},
    ...         "microstructure": {"porosity": 0.3}, "evolution": {"max_steps": 100}}
    >>> pf.sweep(base, {"microstructure.porosity": [0.3, 0.4, 0.5]}, replicas=2, directory=folder / "porosities").status.done
    ()
    """
    if not isinstance(axes, Mapping) or not axes:
        raise InputError(f"{_NAME}: axes = {axes!r}: must be a dict of lists of values by keys of the input")
    if not isinstance(base, (str, Path, Mapping)):
        raise InputError(f"{_NAME}: base = {base!r}: must be the name of an input file, or a dict of its sections")
    if isinstance(keep, str):
        raise InputError(f"{_NAME}: keep = {keep!r}: must be a list of texts, such as ['rho']")
    if directory is not None:
        directory = path_of(directory, _NAME)
    if name is None:
        name = "sweep" if directory is None else directory.name
    raw = {"name": name, "replicas": plain(replicas), "keep": list(keep), "axis": _axes(axes),
           "base": plain(base) if isinstance(base, Mapping) else str(base)}
    plan = make_plan(sweep_from_dict(raw, _NAME, Path(), name), _NAME)
    directory = Path("runs") / plan.name if directory is None else directory
    with in_arguments(_NAME):
        store_plan(with_known_ids(plan, directory), directory, force)
    return Sweep(directory)


def open_sweep(directory: str | Path) -> Sweep:
    """A sweep that was planned before, here or by `pfsolid sweep plan`.

    Parameters
    ----------
    directory : str or Path

    Raises
    ------
    InputError
        It holds none.
    CheckpointError
        Its plan is damaged.

    Examples
    --------
    >>> import pfsolid as pf
    >>> base = {"grid": {"shape": [16, 16, 1], "voxel_size_nm": 1.4}, "material": {"name": "beta-Li3PS4"},
    ...         "microstructure": {"porosity": 0.3}, "evolution": {"max_steps": 100}}
    >>> planned = pf.sweep(base, {"microstructure.seed": [1, 2]}, directory=folder / "seeds")
    >>> pf.open_sweep(folder / "seeds").name
    'seeds'
    """
    directory = path_of(directory, "pfsolid.open_sweep")
    with in_arguments("pfsolid.open_sweep"):
        load_plan(directory)
    return Sweep(directory)


def _axes(axes: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """As an input file has them."""
    found = []
    for key, values in axes.items():
        values = plain(values)
        if not isinstance(values, list):
            raise InputError(f"{_NAME}: axes[{key!r}] = {values!r}: must be a list of values")
        if isinstance(key, str):
            found.append({"key": key, "values": values})
            continue
        if not isinstance(key, tuple) or not all(isinstance(one, list) and len(one) == len(key) for one in values):
            raise InputError(f"{_NAME}: axes[{key!r}]: keys that go together need as many values in each: "
                             "{('a.b', 'c.d'): [(1, 2), (3, 4)]}")
        found += [{"key": one, "values": [value[place] for value in values], "zip": ", ".join(key)}
                  for place, one in enumerate(key)]
    return found
