"""A session leaves the process of its caller as it was."""

import logging
import signal
import threading

import numba
import pytest
from helpers.builders import ALONE

from pfsolid.errors import InputError
from pfsolid.parallel.session import LOGGER
from pfsolid.workflows.console import log_to, open_session

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@pytest.fixture(autouse=True)
def of_no_site(monkeypatch):
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "OMP_WAIT_POLICY", "OMPI_COMM_WORLD_SIZE"):
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


def test_spinning_threads_are_spoken_of(monkeypatch, capsys):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with open_session(1, ALONE):
        pass
    assert "OMP_WAIT_POLICY" not in capsys.readouterr().out  # one thread waits for nobody
    if numba.config.NUMBA_NUM_THREADS > 1:
        with open_session(2, ALONE):
            pass
        assert "OMP_WAIT_POLICY=active" in capsys.readouterr().out
