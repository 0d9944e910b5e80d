"""A private SLURM of one node for the tests: munged, slurmctld and slurmd in a folder, on free ports, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pfsolid.parallel.launch import environment_for_mpirun

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel")
# Of the node, as SLURM believes: the templates are accepted as they stand. What runs at a time is for the tests to limit.
CPUS, MEMORY_MB = 32, 100_000
KILL_WAIT_S = 5
# The shortest there is, instead of two minutes: a requeued job is held back for a little longer than this.
CREDENTIAL_S = 5
_START_S, _STOP_S = 30, 20
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")

_CONFIGURATION = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire={credential}
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait={kill_wait}
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=1-0 State=UP OverSubscribe=NO
"""


def missing_programs() -> list[str]:
    """What of SLURM is not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.environ["PATH"] + ":/usr/sbin:/sbin"  # where Debian puts daemons, and a user's PATH does not look


def wait_until(condition, what, patience_s: float = 60.0, poll_s: float = 0.1):
    """The first true value of ``condition()``; AssertionError with ``what`` (a text or a function) if none comes."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s:g} s: {what() if callable(what) else what}")
        time.sleep(poll_s)


@dataclass(frozen=True)
class Lab:
    """A running SLURM.

    Attributes
    ----------
    folder : Path
        Its own; configuration, logs, and the output of jobs.
    environment : dict
        In which its commands find it, and which jobs inherit.
    """

    folder: Path
    environment: dict[str, str]

    def command(self, *arguments, check: bool = True) -> subprocess.CompletedProcess:
        """Run one of SLURM's commands."""
        done = subprocess.run([str(one) for one in arguments], env=self.environment, cwd=self.folder, capture_output=True,
                              text=True, timeout=60)
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def submit(self, script: Path, *arguments, options=()) -> str:
        """The number of a submitted job."""
        return self.command("sbatch", "--parsable", *options, script, *arguments).stdout.strip()

    def jobs(self, number: str) -> list[dict[str, str]]:
        """What `scontrol show job` says of a job or task, or of each task of an array that has begun."""
        lines = self.command("scontrol", "-o", "show", "job", number).stdout.splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def wait_for_end(self, number: str, patience_s: float) -> list[dict[str, str]]:
        """The jobs, when all have ended for good."""
        def ended():
            jobs = self.jobs(number)
            return jobs if all(job["JobState"] in _ENDED for job in jobs) else None

        return wait_until(ended, lambda: self.describe(number), patience_s, poll_s=0.3)

    def describe(self, number: str) -> str:
        """For the message of a failed test: states and what the jobs wrote."""
        states = [(job["JobId"], job["JobState"], job.get("Reason"), job.get("ExitCode")) for job in self.jobs(number)]
        outputs = (f"--- {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("*.out")))
        return "\n".join([str(states), *outputs])


@contextmanager
def running_lab(settings: dict[str, str]):
    """A SLURM for the duration of the block; whatever happens, nothing of it is left, no process and no file.

    ``settings`` go into the environment of its jobs.
    """
    folder = Path(tempfile.mkdtemp(prefix="slurm-lab-"))  # short: the name of a socket has at most 107 characters
    daemons: list[subprocess.Popen] = []
    environment = {**environment_for_mpirun(), **settings, "PATH": _path(), "SLURM_CONF": str(folder / "slurm.conf"),
                   "TMPDIR": str(folder / "tmp")}
    try:
        _write_configuration(folder)
        munge = folder / "munge"
        _start(daemons, environment, "munged", "--foreground", "--force", f"--key-file={munge}/key",
               f"--socket={munge}/socket", f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        wait_until((munge / "socket").exists, lambda: "munged\n" + (munge / "log").read_text(), _START_S)
        _start(daemons, environment, "slurmctld", "-D", "-i")
        _start(daemons, environment, "slurmd", "-D")
        lab = Lab(folder, environment)

        def is_up():
            return "idle" in lab.command("sinfo", "-h", "-o", "%T", check=False).stdout

        wait_until(is_up, lambda: "".join(path.read_text() for path in folder.glob("*.log")), _START_S)
        yield lab
    finally:
        try:
            _stop(daemons, environment)
        finally:
            shutil.rmtree(folder)


def _write_configuration(folder: Path) -> None:
    folder.chmod(0o755)
    for name in ("munge", "state", "spool", "tmp"):
        (folder / name).mkdir(mode=0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        ports = [first.getsockname()[1], second.getsockname()[1]]
    (folder / "slurm.conf").write_text(_CONFIGURATION.format(
        folder=folder, host=socket.gethostname().split(".")[0], ports=ports, kill_wait=KILL_WAIT_S, credential=CREDENTIAL_S,
        cpus=CPUS, memory=MEMORY_MB, user=pwd.getpwuid(os.getuid()).pw_name))


def _start(daemons: list, environment: dict, *command: str) -> None:
    # In the foreground: what is running is then known without pid files. A session of its own: no Ctrl-C of a terminal.
    daemons.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True))


def _stop(daemons: list, environment: dict) -> None:
    """End everything at once: nobody needs this SLURM's state again."""
    mark = f"SLURM_CONF={environment['SLURM_CONF']}".encode()
    deadline = time.monotonic() + _STOP_S
    while (left := _marked(mark)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for daemon in daemons:
            daemon.poll()  # lets go of what has ended
        time.sleep(0.1)
    assert not left, f"processes {left} of {environment['SLURM_CONF']} do not end"


def _marked(mark: bytes) -> list[int]:
    """Processes with this setting in their environment, which everything that a lab starts has: jobs, their supervisors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
