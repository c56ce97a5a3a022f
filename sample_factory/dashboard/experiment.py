"""One experiment as its folder shows it, read again and again. Knows nothing of pages."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

from sample_factory.config.experiment import CFG, DONE, is_done
from sample_factory.config.run import UNLIMITED, RunConfig
from sample_factory.dashboard.contained import Contained
from sample_factory.dashboard.log_tail import LOG_TAIL_BYTES, LogTail, read_log
from sample_factory.dashboard.overview import Overview, Rewards, rewards_of
from sample_factory.dashboard.state import FolderId, judge
from sample_factory.dashboard.summaries import Summaries
from sample_factory.runner.ledger import Entry
from sample_factory.runner.results.experiments import Points
from sample_factory.system.logs import LOG_FILE_NAME


class Experiment:
    """Keeps what has been read of one."""

    def __init__(self, name: str, folder: Path, files: Contained) -> None:
        self.name = name
        self.folder = folder
        self.cfg: dict[str, Any] = {}
        self.overview = Overview(name, "stopped", is_read=False)
        self._files = files
        self._summaries = Summaries(folder, files)
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._kept_rewards: tuple[Any, Rewards] = (None, Rewards())

    @property
    def is_read(self) -> bool:
        """It has been looked at, to the end."""
        return self.overview.is_read

    def policies(self) -> dict[int, dict[str, Points]]:
        """Summaries of each policy by tag."""
        return self._summaries.policies()

    def look(self, is_over: Callable[[], bool], now: float, locked: Set[FolderId], entry: Entry | None) -> None:
        """Read what is new.

        Args:
            is_over: whether there is no time any more for summaries, which may be long.
            now: seconds since the epoch.
            locked: folders that somebody works in.
            entry: of the study that it belongs to.
        """
        try:
            self.cfg = self._once_per_version(CFG, self._read_cfg)
        except ValueError as error:
            self.overview = Overview(self.name, "unreadable", str(error))
            return
        log = self._once_per_version(LOG_FILE_NAME, self._read_log)
        is_read = self._summaries.read(is_over)
        rewards = self._rewards()
        times = [self._written(LOG_FILE_NAME), self._summaries.written]
        written = max((moment for moment in times if moment is not None), default=None)
        done = self._done()
        quiet_sec = float("inf") if written is None else now - written
        state, why = judge(self._is_in(locked), self._is_done(done), log, entry, quiet_sec)
        self.overview = Overview(
            name=self.name,
            state=state,
            why=why,
            env=str(self.cfg.get("env", "")),
            seed=_whole(self.cfg.get("seed")),
            frames=max((n for n in (rewards.frames, log.frames, _whole(done.get("env_steps"))) if n), default=None),
            goal=self._goal(),
            fps=log.fps,
            reward=rewards.reward,
            true_reward=rewards.true_reward,
            curves=rewards.curves,
            best=rewards.best,
            limit=log.limit,
            written=written,
            is_read=is_read,
        )

    def _read_cfg(self) -> dict[str, Any]:
        cfg = self._files.json(self.folder / CFG)
        if not isinstance(cfg, dict):
            raise ValueError(f"{CFG} is not there, or no JSON object")
        return cfg

    def _read_log(self) -> LogTail:
        return read_log(self._files.tail(self.folder / LOG_FILE_NAME, LOG_TAIL_BYTES))

    def _done(self) -> dict[str, Any]:
        try:
            done = self._once_per_version(DONE, lambda: self._files.json(self.folder / DONE))
        except ValueError:
            return {}
        return done if isinstance(done, dict) else {}

    def _is_done(self, done: dict[str, Any]) -> bool:
        if not done:
            return False
        try:
            limits = {name: self.cfg[name] for name in ("train_for_env_steps", "train_for_seconds", "benchmark")}
            return is_done(self.folder, RunConfig(env="any", **limits))
        except (KeyError, ValueError, TypeError):
            return True

    def _goal(self) -> int | None:
        frames = _whole(self.cfg.get("train_for_env_steps"))
        if frames is None or not 0 < frames < UNLIMITED:
            return None
        return frames * max(1, _whole(self.cfg.get("num_policies")) or 1)

    def _rewards(self) -> Rewards:
        version = self._summaries.version
        if self._kept_rewards[0] != version:
            self._kept_rewards = version, rewards_of(self._summaries.policies())
        return self._kept_rewards[1]

    def _once_per_version(self, name: str, read: Any) -> Any:
        """What `read` gives, anew only if the file has changed."""
        status = self._files.file(self.folder / name)
        version = None if status is None else (status.st_ino, status.st_size, status.st_mtime_ns)
        kept = self._kept.get(name)
        if kept is None or kept[0] != version:
            kept = self._kept[name] = version, read()
        return kept[1]

    def _written(self, name: str) -> float | None:
        status = self._files.file(self.folder / name)
        return None if status is None else status.st_mtime

    def _is_in(self, locked: Set[FolderId]) -> bool:
        try:
            status = self.folder.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) in locked


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
