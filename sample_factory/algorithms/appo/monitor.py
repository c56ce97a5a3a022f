"""From reports and the notice board to telemetry. Starts and stops nothing."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import psutil

from sample_factory.algorithms.appo.wiring import ENV_STEPS, Wiring
from sample_factory.system.board import Field
from sample_factory.system.limits import ENVIRONMENTS, INFERENCE, LEARNER, POLICY_WORKER, ROLLOUT_WORKER, ComponentShare
from sample_factory.system.reports import Report
from sample_factory.system.telemetry import Telemetry

log = logging.getLogger(__name__)

_SHARES_SEC = 5.0
_MEMORY_SEC = 20.0
_WORKING = {
    ROLLOUT_WORKER: {ENVIRONMENTS: Field.ENV_SEC, INFERENCE: Field.INFERENCE_SEC},
    POLICY_WORKER: {INFERENCE: Field.INFERENCE_SEC},
    LEARNER: {"batching": Field.BATCHING_SEC, "training": Field.TRAINING_SEC},
}
_WAITING = {
    ROLLOUT_WORKER: {LEARNER: Field.WAIT_LEARNER_SEC, POLICY_WORKER: Field.WAIT_POLICY_SEC},
    POLICY_WORKER: {ROLLOUT_WORKER: Field.WAIT_REQUESTS_SEC},
    LEARNER: {ROLLOUT_WORKER: Field.WAIT_EXPERIENCE_SEC},
}
_MEMORY_NAMES = {ROLLOUT_WORKER: "memory_actor", POLICY_WORKER: "memory_policy_worker", LEARNER: "memory_learner"}


class Monitor:
    """Feeds the telemetry of one run."""

    def __init__(self, wiring: Wiring, telemetry: Telemetry, slots: Mapping[str, Sequence[int]]) -> None:
        self._telemetry = telemetry
        self._board = wiring.arena["board"]
        self._progress = wiring.arena["learner/progress"]
        self._objective = wiring.arena["learner/objective"]
        self._policy_samples = wiring.arena["policy_samples"]
        self._metric = wiring.config.checkpoint.save_best_metric
        self._nobody_learns = wiring.config.sampling.sampler_only
        self._slots = {kind: list(found) for kind, found in slots.items() if found}
        self._last_board = self._board.copy()
        self._last_shares = 0.0
        self._last_memory = 0.0

    @property
    def frames(self) -> int:
        """Frames so far: those that were trained on, or sampled when nobody learns."""
        if self._nobody_learns:
            return int(self._board[:, Field.FRAMES].sum())
        return int(self._progress[:, ENV_STEPS].sum())

    @property
    def samples(self) -> int:
        """Policy steps sampled in this run."""
        return int(self._policy_samples.sum())

    def has_frames(self, of_each_policy: int) -> bool:
        """Whether every policy has had so many frames; when nobody learns, all together as many as that makes."""
        if self._nobody_learns:
            return self.frames >= of_each_policy * len(self._progress)
        return bool((self._progress[:, ENV_STEPS] >= of_each_policy).all())

    def take(self, report: Report) -> None:
        """Handle one report."""
        if report.kind == "episodes":
            for policy, reward, length, objective, extra in report.data["episodes"]:
                self._telemetry.episode(policy, reward, length, objective, extra)
        elif report.kind == "train":
            data = report.data
            self._telemetry.train(data["policy"], data["train_step"], data["statistics"])
        elif report.kind == "problem":
            log.error("%s: %s", report.component, report.data["text"])

    def tick(self, now: float, pids: Mapping[str, int] | None = None) -> None:
        """Measure and show; call it often."""
        if self._board[self._slots[LEARNER], Field.READY].all():  # before that, resumed frames would look sampled
            by_policy = self._policy_samples.sum(axis=0)[: len(self._progress)]  # past versions behind them
            self._telemetry.sampled(self.frames, by_policy.tolist(), now)
            self._telemetry.progressed(self._progress[:, ENV_STEPS].tolist())
        for policy in range(len(self._objective)):
            value = self._telemetry.average(policy, self._metric)
            self._objective[policy] = np.nan if value is None else value
        if now - self._last_shares >= _SHARES_SEC:
            self._measure_shares(now)
        if pids is not None and now - self._last_memory >= _MEMORY_SEC:
            self._last_memory = now
            self._measure_memory(pids)
        self._telemetry.tick(now)

    def _measure_shares(self, now: float) -> None:
        elapsed = now - self._last_shares
        change = self._board - self._last_board
        self._last_board, self._last_shares = self._board.copy(), now
        shares = {}
        for kind, slots in self._slots.items():
            mean = change[slots].mean(axis=0) / elapsed
            shares[kind] = ComponentShare(
                kind,
                {name: float(mean[field]) for name, field in _WORKING[kind].items()},
                {name: float(mean[field]) for name, field in _WAITING[kind].items()},
            )
        self._telemetry.components(shares)

    def _measure_memory(self, pids: Mapping[str, int]) -> None:
        for kind, summary in _MEMORY_NAMES.items():
            sizes = []
            for name, pid in pids.items():
                with contextlib.suppress(psutil.Error):  # it may have ended by now
                    if name.startswith(kind):
                        sizes.append(psutil.Process(pid).memory_info().rss / 2**20)
            if sizes:
                self._telemetry.system_stats({summary: sum(sizes) / len(sizes)})
