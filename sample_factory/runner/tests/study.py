"""A study as its user sees it: a run script, the runner's process, its folder. Knows nothing of what goes on inside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from sample_factory.runner.ledger import Entry, Ledger, log_path

ROOT = Path(__file__).parents[3]
SCRIPT = """
from sample_factory.runner.run_description import Experiment, ParamGrid, ParamList, RunDescription
from sample_factory.runner.search import HalvingExperiment, ParamSearch, log_uniform, uniform

COMMAND = "python -m sample_factory.runner.tests.small_experiment"
RUN_DESCRIPTION = RunDescription(
    "study", [{experiments}], experiment_dirs_sf_format=False, experiment_dir_arg_name="--dir"
)
"""


class Study:
    """A run script in a folder, and any number of runners after each other."""

    def __init__(self, folder: Path, *experiments: str) -> None:
        """Each experiment is a call in Python; COMMAND is the base command of a small experiment."""
        self.train_dir = folder / "train_dir"
        self.folder = self.train_dir / "study"
        self._script_dir = folder
        (folder / "my_study.py").write_text(SCRIPT.format(experiments=", ".join(experiments)))
        self.output = folder / "output.txt"
        self.runner: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start a runner."""
        command = [sys.executable, "-m", "sample_factory.runner.run", "--run=my_study", f"--train_dir={self.train_dir}"]
        with self.output.open("ab") as file:
            self.runner = subprocess.Popen(
                [*command, "--pause_between=0", *flags],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": f"{ROOT}:{self._script_dir}", "OMP_NUM_THREADS": "1"},
            )
        return self.runner

    def run(self, *flags: str) -> int:
        """Exit status of a runner."""
        return self.wait(self.start(*flags))

    def wait(self, runner: subprocess.Popen[bytes]) -> int:
        """Exit status of a runner that has been started."""
        try:
            return runner.wait(200)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the runner does not end:\n{self.output.read_text()}") from None

    def kill_runner(self) -> None:
        """With a signal that it cannot see coming."""
        assert self.runner is not None
        self.runner.kill()
        self.runner.wait()

    def entries(self) -> dict[str, Entry]:
        """Experiment's own name -> entry; none as long as there is no ledger."""
        with contextlib.suppress(ValueError):
            return {Path(entry.name).name: entry for entry in Ledger(self.folder).entries()}
        return {}

    def states(self) -> list[str]:
        """In the order of the run script."""
        return [entry.state for entry in self.entries().values()]

    def diary(self, entry: Entry) -> list[str]:
        """What a small experiment has written down: `begin` and `end`."""
        path = self.folder / f"{entry.name}.txt"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def log(self, entry: Entry) -> str:
        """All that it has printed."""
        return log_path(self.folder, entry.name).read_text()

    def let_go(self) -> None:
        """Small experiments that wait need wait no longer."""
        for folder in [path for path in self.folder.iterdir() if path.is_dir() and path.name != "logs"]:
            (folder / "go").touch()

    def wait_until(self, condition: Callable[[], Any], timeout_sec: float = 120) -> None:
        """Wait for something."""
        deadline = time.monotonic() + timeout_sec
        while not condition():
            output = self.output.read_text() if self.output.exists() else ""
            assert time.monotonic() < deadline, f"{self.states()}\n{output}"
            time.sleep(0.02)

    def wait_for_begin(self, count: int = 1) -> None:
        """Wait until so many experiments are running, past their first line."""
        self.wait_until(lambda: sum(self._has_begun(entry) for entry in self.entries().values()) >= count)

    def _has_begun(self, entry: Entry) -> bool:
        return entry.state == "running" and self.diary(entry).count("begin") == entry.tries

    def destroy(self) -> None:
        """Leave nothing of it."""
        if self.runner is not None and self.runner.poll() is None:
            self.runner.kill()
            self.runner.wait()
        with contextlib.suppress(ValueError):
            # An attempt that is still on its way must not run: only those that have begun have a pid to kill.
            ledger = Ledger(self.folder)
            ledger.stop([entry.name for entry in ledger.entries()])
        for entry in self.entries().values():
            if entry.state == "running" and entry.pid is not None and psutil.pid_exists(entry.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(entry.pid, signal.SIGKILL)
