"""A Weights & Biases run that mirrors the summaries. Does not know what the scalars mean, nor which process it is in.

It never raises, but it may wait for the network, so it runs in a process of its own: `wandb_process.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_Result = TypeVar("_Result")


class WandbSession:
    """One run, continued if the server knows `unique_id` already. Every failure is logged once and then ignored."""

    def __init__(
        self,
        unique_id: str,
        *,
        project: str,
        user: str | None = None,
        group: str | None = None,
        job_type: str = "SF",
        tags: Sequence[str] = (),
        directory: Path | None = None,
        config: Mapping[str, Any] | None = None,
        files: Sequence[Path] = (),
        num_policies: int = 1,
        retry_sec: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Describe the run; nothing happens before `start`.

        Args:
            directory: where wandb keeps its local files.
            files: uploaded with the run, and again whenever they change.
        """
        self._arguments: dict[str, Any] = {
            "id": unique_id,
            "name": unique_id,
            "project": project,
            "entity": user,
            "group": group,
            "job_type": job_type,
            "tags": list(tags),
            "dir": None if directory is None else str(directory),
            "config": dict(config or {}),
            "resume": "allow",
        }
        self._files = list(files)
        self._prefixes = [""] if num_policies == 1 else [f"policy_{policy}/" for policy in range(num_policies)]
        self._retry_sec = retry_sec
        self._sleep = sleep
        self._run: Any = None
        self._failures = 0
        self._has_reported = False

    @property
    def is_active(self) -> bool:
        """Scalars are being recorded."""
        return self._run is not None

    def start(self) -> bool:
        """Open the run, in up to three attempts; False if that failed. Wandb's own variables (WANDB_MODE) apply."""
        for attempt in range(1, _ATTEMPTS + 1):
            ok, run = self._attempt(self._open_run, "start", report=attempt == _ATTEMPTS)
            if ok:
                self._run = run
                self._attempt(self._attach_files, "attach files", report=True)
                self._attempt(self._say_where, "say where the run is", report=True)
                return True
            if attempt < _ATTEMPTS:
                self._sleep(self._retry_sec)
        return False

    def log(self, scalars: Mapping[str, float], step: int, policy: int = 0) -> None:
        """Record scalars of one policy at its environment step; of several policies, tags start with `policy_<id>/`."""
        if self._run is None or not scalars:
            return
        prefix = self._prefixes[policy]
        # The step is a value of its own, not wandb's step: that one may only grow, ours goes back when a run resumes
        # from a checkpoint, and each policy has its own.
        values = {f"{prefix}{tag}": value for tag, value in scalars.items()} | {f"{prefix}env_steps": step}
        ok, _ = self._attempt(lambda: self._run.log(values), "log", report=not self._has_reported)
        if ok:
            self._failures = 0
            return
        self._has_reported = True
        self._failures += 1
        if self._failures >= _ATTEMPTS:
            self._run = None

    def finish(self) -> None:
        """Upload what is left and end the run."""
        if self._run is not None:
            self._attempt(self._run.finish, "finish", report=True)
            self._run = None

    def _open_run(self) -> Any:
        import wandb  # an optional dependency that takes a second to load

        run = wandb.init(**self._arguments)
        for prefix in self._prefixes:
            run.define_metric(f"{prefix}*", step_metric=f"{prefix}env_steps")
        return run

    def _attach_files(self) -> None:
        for path in self._files:
            self._run.save(str(path), base_path=str(path.parent), policy="live")

    def _say_where(self) -> None:
        # Asking an offline run for its link prints a warning.
        if self._run.offline:
            log.info("wandb: offline; `wandb sync --append %s` uploads it", Path(self._run.dir).parent)
        elif self._run.url:
            log.info("wandb: %s", self._run.url)

    def _attempt(self, action: Callable[[], _Result], what: str, report: bool) -> tuple[bool, _Result | None]:
        try:
            return True, action()
        except Exception as error:  # a foreign library on a network: anything may come, nothing may stop training
            if report:
                log.error("wandb: cannot %s: %s: %s; training goes on without it", what, type(error).__name__, error)
            return False, None
