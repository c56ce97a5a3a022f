"""A Slurm of one's own on this machine, for as long as something uses it. Knows nothing of studies.

    python -m sample_factory.runner.tests.slurm_cluster [--cores=4] COMMAND...

runs a command with it; `sbatch` and the other programs find it by `SLURM_CONF`. Needs the programs (in Debian and
Ubuntu: `apt-get install slurm-wlm munge`), which need not be set up or running, and no other user than who calls it.
Everything it writes is in one folder in /tmp, which is gone afterwards. There are two partitions: jobs in `urgent` take
the place of jobs in `usual`, which are requeued.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
_START_SEC = 60.0
_END_SEC = 20.0
_PR_SET_PDEATHSIG = 1
_CONFIG = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# Only when credentials have expired is a job that was requeued eligible again.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=30
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=usual Nodes=ALL Default=YES PriorityTier=1 GraceTime=30 MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP
"""


def missing_programs() -> list[str]:
    """Programs of Slurm that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program, path=_PATH) is None]


@contextlib.contextmanager
def slurm_cluster(cores: int = 4) -> Iterator[dict[str, str]]:
    """A cluster of one machine; gives the environment variables with which programs find it.

    Args:
        cores: that the machine says it has.

    Raises:
        RuntimeError: it does not start; the message has what its programs say.
    """
    # Not where tests have their files: the name of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}
    try:
        with contextlib.ExitStack() as exits:
            _start(folder, cores, exits)
            yield environment
    finally:
        _kill_what_is_left(environment)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, cores: int, exits: contextlib.ExitStack) -> None:
    config = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    config.write_text(
        _CONFIG.format(host=host, user=getpass.getuser(), folder=folder, ports=_free_ports(2), cores=cores)
    )
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    files = {"key-file": key, "socket": folder / "munge.socket", "seed-file": folder / "munge.seed"}
    files |= {"pid-file": folder / "munge.pid", "log-file": folder / "munge.log"}
    flags = [f"--{flag}={path}" for flag, path in files.items()]
    environment = os.environ | {"SLURM_CONF": str(config), "PATH": _PATH}
    _daemon(folder, ["munged", "--foreground", "--force", *flags], environment, exits)
    _wait(folder, environment, ["munge", "-n", f"--socket={folder}/munge.socket"])
    _daemon(folder, ["slurmctld", "-D", "-c"], environment, exits)
    _daemon(folder, ["slurmd", "-D"], environment, exits)
    _wait(folder, environment, ["sinfo", "-h", "-o", "%t"], "idle")
    exits.callback(_cancel_all, environment)


def _daemon(folder: Path, command: Sequence[str], environment: dict[str, str], exits: contextlib.ExitStack) -> None:
    with (folder / f"{command[0]}.txt").open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    exits.callback(_end, process)


def _wait(folder: Path, environment: dict[str, str], command: Sequence[str], word: str = "") -> None:
    deadline = time.monotonic() + _START_SEC
    while True:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0 and word in done.stdout:
            return
        if time.monotonic() > deadline:
            said = "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in folder.glob("*.txt"))
            raise RuntimeError(f"Slurm does not start: {done.stdout}{done.stderr}\n{said}")
        time.sleep(0.2)


def _cancel_all(environment: dict[str, str]) -> None:
    command = ["scancel", f"--user={getpass.getuser()}"]
    subprocess.run([*command, "--signal=KILL", "--full", "--state=RUNNING"], env=environment, check=False)
    subprocess.run(command, env=environment, check=False)
    deadline = time.monotonic() + _END_SEC
    while time.monotonic() < deadline:
        left = subprocess.run(["squeue", "-h"], env=environment, capture_output=True, text=True, check=False).stdout
        if not left.strip():
            return
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SEC)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _kill_what_is_left(environment: dict[str, str]) -> None:
    """Keepers of jobs, and jobs: all that was told where this cluster is, and nothing else."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_ours = process.environ().get("SLURM_CONF") == environment["SLURM_CONF"]
            is_a_job = process.name().startswith("slurmstepd") or "SLURM_JOB_ID" in process.environ()
            if is_ours and is_a_job:
                process.kill()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as exits:
        sockets = [exits.enter_context(socket.socket()) for _ in range(count)]
        for number in sockets:
            number.bind(("127.0.0.1", 0))
        return [number.getsockname()[1] for number in sockets]


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """Run a command with a cluster; returns its exit status."""
    parser = argparse.ArgumentParser(prog="slurm_cluster")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if missing := missing_programs():
        print(f"error: there are no {', '.join(missing)}: apt-get install slurm-wlm munge", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with slurm_cluster(options.cores) as environment:
        return subprocess.run(options.command, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
