"""A training run as its user sees it: a command, its output, its processes. Knows nothing of what goes on inside.

For tests and benchmarks that kill, stop and watch runs from outside.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[4]
_FRAMES = re.compile(r"Total num frames: (\d+)")
_SMALL = (
    "--algo=APPO",
    "--device=cpu",
    "--num_workers=2",
    "--num_envs_per_worker=4",
    "--hidden_size=32",
    "--batch_size=256",
    "--set_workers_cpu_affinity=False",
    "--learner_main_loop_num_cores=1",
    "--save_every_sec=1",
)
"""Options of a run that leaves room for others on a small machine, and whose checkpoints show how it gets on."""


class TrainingRun:
    """A run in a process group of its own, its output in a file."""

    def __init__(self, folder: Path, *options: str, program: Sequence[str] = (), experiment: str = "run") -> None:
        self.folder = folder / experiment
        self._output = folder / f"{experiment}_output_{time.monotonic_ns()}.txt"
        program = program or ("-m", "sample_factory.algorithms.appo.train_appo")
        command = [sys.executable, *program, *_SMALL, f"--train_dir={folder}", f"--experiment={experiment}", *options]
        folder.mkdir(parents=True, exist_ok=True)
        with self._output.open("w") as file:
            self.process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            )

    @property
    def output(self) -> str:
        """Everything on its screen so far."""
        return self._output.read_text(errors="replace")

    @property
    def log(self) -> str:
        """Its log file."""
        path = self.folder / "sf_log.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def frames(self) -> int:
        """Frames as last shown or saved."""
        saved = [int(path.stem.rpartition("_")[2]) for path in self.folder.glob("checkpoint_p0/checkpoint_*.pth")]
        return max([0, *saved, *map(int, _FRAMES.findall(self.output))])

    def descendants(self) -> list[psutil.Process]:
        """All processes below the supervisor."""
        try:
            found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.Error:
            return []
        return found

    def components(self, *names: str) -> list[psutil.Process]:
        """Living processes by name, such as "learner 0", "policy 0-0", "rollout 1"; the beginning is enough."""
        return [process for process in self.descendants() if name_of(process).startswith(names)]

    def wait_for_frames(self, more: int = 1, timeout_sec: float = 60) -> None:
        """Wait until the run shows so many more frames."""
        target = self.frames + more
        self.wait_until(lambda: self.frames >= target, f"{target} frames", timeout_sec)

    def wait_for_output(self, text: str, timeout_sec: float = 60) -> None:
        """Wait until something is on the screen."""
        self.wait_until(lambda: text in self.output, repr(text), timeout_sec)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_sec: float = 60) -> None:
        """Wait for something while the run goes on."""
        deadline = time.monotonic() + timeout_sec
        while not condition():
            assert self.process.poll() is None, f"ended before {what} with status {self.process.poll()}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {what} within {timeout_sec} s:\n{self.output}"
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.process.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to every process of the group, as a terminal or a batch system does."""
        os.killpg(self.process.pid, number)

    def wait(self, timeout_sec: float) -> int:
        """Exit status."""
        try:
            return self.process.wait(timeout_sec)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {timeout_sec} s:\n{self.output}") from None

    def destroy(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        for process in [*self.descendants()]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def training(
    folder: Path, *options: str, program: Sequence[str] = (), experiment: str = "run"
) -> Iterator[TrainingRun]:
    """A run that is gone afterwards."""
    run = TrainingRun(folder, *options, program=program, experiment=experiment)
    try:
        yield run
    finally:
        run.destroy()


def name_of(process: psutil.Process) -> str:
    """Name of a process; empty if it has ended."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.name()
    except psutil.Error:
        return ""


def still_alive(processes: Sequence[psutil.Process], timeout_sec: float) -> list[str]:
    """Names of those that have not ended after so long."""
    deadline = time.monotonic() + timeout_sec
    while left := [name for process in processes if process.is_running() and (name := name_of(process))]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.05)
    return []


def unused_shared_memory() -> set[str]:
    """Names in /dev/shm that no process has mapped; others may be in use by anybody on the machine."""
    folder = Path("/dev/shm")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            names -= {Path(mapped.path).name for mapped in process.memory_maps() if mapped.path.startswith("/dev/shm/")}
    return names
