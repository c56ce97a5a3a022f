"""Weights & Biases in a process of its own, so that nothing it does can stop or hold up training.

It may wait for the network for minutes, ask for a password, crash or fill its disk: the training process only writes
lines into a pipe that never blocks. Does not know what the scalars mean.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sample_factory.system.reports import ReportReader, ReportWriter
from sample_factory.system.wandb_session import WandbSession

log = logging.getLogger(__name__)

_FINISH_SEC = 15.0
"""How long the end of training waits for what is left to be uploaded."""
_UPLOAD_SEC = 600.0
"""How long the process goes on uploading after that."""
OUTPUT_FILE = "output.txt"
"""What wandb prints, in the folder `wandb` of the experiment."""


class WandbProcess:
    """One run, in a child process. No method raises or waits, but `finish`, which waits for some seconds at most."""

    def __init__(
        self,
        unique_id: str,
        experiment_dir: Path,
        *,
        project: str,
        user: str | None = None,
        group: str | None = None,
        job_type: str = "SF",
        tags: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        files: Sequence[Path] = (),
        num_policies: int = 1,
        finish_sec: float = _FINISH_SEC,
    ) -> None:
        """Describe the run as `WandbSession` does; nothing happens before `start`."""
        self._folder = experiment_dir
        self._arguments = {
            "unique_id": unique_id,
            "project": project,
            "user": user,
            "group": group,
            "job_type": job_type,
            "tags": list(tags),
            "directory": str(experiment_dir),
            "config": dict(config or {}),
            "files": [str(path) for path in files],
            "num_policies": num_policies,
        }
        self._finish_sec = finish_sec
        self._child: subprocess.Popen[bytes] | None = None
        self._writer: ReportWriter
        self._reader: ReportReader

    @property
    def is_active(self) -> bool:
        """There is a process that takes scalars."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start the process, which opens the run by itself."""
        try:
            output = self._folder / "wandb" / OUTPUT_FILE
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("ab") as file:
                self._start(file)
        except OSError as error:
            log.error("wandb: cannot start: %s; training goes on without it", error)

    def log(self, scalars: Mapping[str, float], step: int, policy: int = 0) -> None:
        """Record scalars of one policy at its environment step."""
        if self._child is None or not scalars:
            return
        self._writer.send(
            "log", scalars={tag: float(value) for tag, value in scalars.items()}, step=step, policy=policy
        )
        self._listen()
        if self._child.poll() is not None:
            self._end()

    def finish(self) -> None:
        """End the run. What is not uploaded soon is uploaded by the process after training has ended."""
        if self._child is None:
            return
        deadline = time.monotonic() + self._finish_sec
        self._writer.send("finish")
        self._writer.drain(self._finish_sec)
        self._writer.close()  # what is not written by now is not worth waiting for
        try:
            self._child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._listen()
            log.warning(
                "wandb: not everything is uploaded; process %d goes on with it for up to %.0f minutes after training",
                self._child.pid,
                _UPLOAD_SEC / 60,
            )
            self._reader.close()
            self._child.returncode = 0  # else Python would complain that it still runs
            self._child = None
            return
        self._end(is_writer_open=False)

    def _start(self, output: BinaryIO) -> None:
        lines_out, lines_in = os.pipe(), os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=lines_out[0],
                stdout=lines_in[1],
                stderr=output,
                start_new_session=True,  # Ctrl-C is for training, which then ends the run
            )
        except OSError:
            os.close(lines_out[1])
            os.close(lines_in[0])
            raise
        finally:
            os.close(lines_out[0])
            os.close(lines_in[1])
        self._writer = ReportWriter(lines_out[1], "training")
        self._reader = ReportReader(lines_in[0])
        self._writer.send("open", **self._arguments)

    def _listen(self) -> None:
        for report in self._reader.read():
            log.log(report.data["level"], "%s", report.data["text"])

    def _end(self, is_writer_open: bool = True) -> None:
        assert self._child is not None
        self._listen()
        if self._child.returncode:
            log.error(
                "wandb: its process ended with exit status %d; training goes on without it; see %s",
                self._child.returncode,
                self._folder / "wandb" / OUTPUT_FILE,
            )
        if is_writer_open:
            self._writer.close()
        self._reader.close()
        self._child = None


class _ReportHandler(logging.Handler):
    """Log records of the child go to the log of training."""

    def __init__(self, writer: ReportWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.send("log", level=record.levelno, text=record.getMessage())


def run_session(lines: BinaryIO) -> None:
    """Do what the lines say, until they end: training has ended, or was killed."""
    session: WandbSession | None = None
    for line in lines:
        _, kind, data = json.loads(line)
        if kind == "open":
            data["directory"], data["files"] = Path(data["directory"]), [Path(name) for name in data["files"]]
            session = WandbSession(**data)
            if not session.start():
                return
        elif kind == "log" and session is not None:
            session.log(**data)
        elif kind == "finish":
            break
    if session is not None:
        timer = threading.Timer(_UPLOAD_SEC, os._exit, args=(1,))
        timer.daemon = True
        timer.start()
        session.finish()


def main() -> None:
    """The child process."""
    writer = ReportWriter(os.dup(1), "wandb")
    os.dup2(2, 1)  # what wandb prints is no report
    handler = _ReportHandler(writer)
    logger = logging.getLogger("sample_factory")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    run_session(sys.stdin.buffer)
    writer.drain(1.0)


if __name__ == "__main__":
    main()
