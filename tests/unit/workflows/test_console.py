"""A session leaves the process of its caller as it was, and follows the limits of the site."""

import logging
import signal
import threading

import numba
import pytest
from helpers.builders import ALONE

from pfsolid.errors import InputError
from pfsolid.parallel.session import LOGGER
from pfsolid.workflows import console
from pfsolid.workflows.console import log_to, open_session

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@pytest.fixture(autouse=True)
def of_no_site(monkeypatch):
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "OMP_WAIT_POLICY", "NUMBA_NUM_THREADS", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def state():
    return ([signal.getsignal(number) for number in SIGNALS], LOGGER.handlers[:], LOGGER.propagate, LOGGER.level,
            numba.get_num_threads())


def test_a_session_gives_everything_back(tmp_path):
    mine = logging.NullHandler()
    LOGGER.addHandler(mine)
    try:
        before = state()
        with open_session(1, ALONE) as session:
            log_to(tmp_path / "log", session)
            session.say("one line")
            assert state() != before
        assert state() == before
        assert "one line" in (tmp_path / "log").read_text()
    finally:
        LOGGER.removeHandler(mine)


def test_also_after_an_error(tmp_path):
    before = state()
    with pytest.raises(InputError), open_session(1, ALONE) as session:
        log_to(tmp_path / "log", session, only=True)
        raise InputError("no")
    assert state() == before


def test_interrupts_are_the_callers_again_when_drawing_begins():
    before = signal.getsignal(signal.SIGINT)
    with open_session(1, ALONE) as session:
        assert signal.getsignal(signal.SIGINT) is not before
        session.signals.close()
        assert signal.getsignal(signal.SIGINT) is before


def test_a_session_in_a_thread():
    found = []

    def work():
        with open_session(1, ALONE) as session:
            found.append(session.threads)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [1]


def test_a_signal_is_noted():
    with open_session(1, ALONE) as session:
        signal.raise_signal(signal.SIGTERM)
        assert session.stop_requested == "SIGTERM"


@pytest.mark.parametrize("settings, threads", [
    ({}, 4), ({"OMP_NUM_THREADS": "1"}, 1), ({"OMP_NUM_THREADS": "3,2"}, 3), ({"SLURM_CPUS_PER_TASK": "2"}, 2),
    ({"OMP_NUM_THREADS": "3", "SLURM_CPUS_PER_TASK": "2"}, 2), ({"OMP_NUM_THREADS": "64"}, 4),
    ({"OMP_NUM_THREADS": "many"}, 4), ({"OMP_NUM_THREADS": "0"}, 4)])
def test_limits_on_the_number_of_threads(monkeypatch, settings, threads):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console.os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 8)
    assert console._default_threads(1) == threads
    assert console._default_threads(2) == 1
    heeded = settings.get("OMP_NUM_THREADS") not in ("many", "0")
    assert len(console._remarks_on_limits()) == (not heeded)


def test_spinning_threads_are_spoken_of(monkeypatch, capsys):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with open_session(1, ALONE):
        pass
    assert "OMP_WAIT_POLICY" not in capsys.readouterr().out  # one thread waits for nobody
    if numba.config.NUMBA_NUM_THREADS > 1:
        with open_session(2, ALONE):
            pass
        assert "OMP_WAIT_POLICY=active" in capsys.readouterr().out


@pytest.mark.parametrize("most, everything, says", [
    (1, 64, "gives a rank 1 core of 64; give it more: mpirun --map-by slot:PE=4, srun --cpus-per-task=4, or"),
    (2, 2, "this machine has 2 cores")])
def test_too_many_threads_are_told_the_remedy(monkeypatch, most, everything, says):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", most)
    monkeypatch.setattr(console.os, "cpu_count", lambda: everything)
    with pytest.raises(InputError, match=f"^threads = 4: .*{says}"):
        open_session(4, ALONE)


def test_numbas_own_limit_is_named(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    with pytest.raises(InputError, match="NUMBA_NUM_THREADS=1 allows no more"):
        open_session(2, ALONE)
