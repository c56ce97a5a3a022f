"""The learner as a component: takes blocks, trains, publishes weights, saves checkpoints. Knows no mathematics."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from sample_factory.algorithms.appo.batch import Batch, Batcher
from sample_factory.algorithms.appo.exchange import Exchanges
from sample_factory.algorithms.appo.learner import Learner
from sample_factory.algorithms.appo.model_spec import ModelSpec
from sample_factory.algorithms.appo.mutation import HYPER_PARAMETERS
from sample_factory.algorithms.appo.past_versions import PastVersions
from sample_factory.algorithms.appo.plan import iteration_rows
from sample_factory.algorithms.appo.uploads import lock_pages
from sample_factory.config.checkpoint import CheckpointConfig
from sample_factory.config.learning import LearningConfig
from sample_factory.models.flat import FlatWeights
from sample_factory.sampling.blocks import BlockSchema, block_view
from sample_factory.sampling.ledger import Ledger
from sample_factory.sampling.shared_values import SharedValues
from sample_factory.sampling.weights import Weights
from sample_factory.system.arena import Arena
from sample_factory.system.board import Field, Slot
from sample_factory.system.checkpoints import CheckpointError, CheckpointStore, load_state, save_state
from sample_factory.system.doorbell import Bell, Doorbell
from sample_factory.system.every import Every
from sample_factory.system.liveness import listen
from sample_factory.system.reports import ReportSink

log = logging.getLogger(__name__)

_STATISTICS_SEC = 5.0
_RETRY_SEC = 5.0
_TRAIN_STEP, _ENV_STEPS, _SAMPLES = 0, 1, 2


@dataclass(frozen=True)
class LearnerSetup:
    """What the learner of one policy is built from; picklable."""

    arena: Arena
    schema: BlockSchema
    model: ModelSpec
    learning: LearningConfig
    checkpoint: CheckpointConfig
    directory: Path
    """Checkpoint folder of the policy."""
    policy: int
    tuned: tuple[str, ...]
    """Hyper-parameters that may change in a run, in the order in which they are in the arena."""
    release_early: bool
    device: str
    bfloat16: bool
    background: bool
    """Train in a thread, while the next batch is being collected."""
    num_slices: int
    """Threads that compute a minibatch side by side."""
    seed: int
    keep_version_every: int
    """Frames between two past versions, if past versions play at all."""
    target_frames: int
    """Frames after which it trains no more."""


class LearnerWorker:
    """One policy's learner; never waits by itself."""

    def __init__(
        self,
        setup: LearnerSetup,
        slot: Slot,
        reports: ReportSink,
        on_release: Callable[[int], None],
        on_trained: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            on_release: told every block that may be filled again.
            on_trained: called, from another thread, when an update in the background has ended.
        """
        arena, schema = setup.arena, setup.schema
        self._setup, self._slot, self._reports = setup, slot, reports
        self._progress = arena["learner/progress"][setup.policy]
        self._objective = arena["learner/objective"]
        self._weights = Weights(arena, setup.policy)
        self._store = CheckpointStore(setup.directory, setup.checkpoint.keep_checkpoints)
        torch.manual_seed(setup.seed)
        device = torch.device(setup.device)
        if device.type == "cuda":
            lock_pages(arena)
        model = setup.model.build().to(device)
        self._flat_weights = FlatWeights(model)
        self._learner = Learner(model, setup.learning, schema.rollout, setup.bfloat16, setup.seed, setup.num_slices)
        ledger = Ledger(arena)
        ledger.reclaim_learning(setup.policy)  # a predecessor may have died with blocks in its hands
        self._batcher = Batcher(
            ledger,
            {index: block_view(arena, schema, index) for index in range(schema.num_blocks)},
            schema,
            setup.policy,
            iteration_rows(setup.learning, schema.rollout),
            setup.learning.max_policy_lag,
            device,
            setup.release_early,
            on_release,
            double=setup.background,
        )
        self._on_trained = on_trained
        self._background = ThreadPoolExecutor(1, "training") if setup.background else None
        self._update: Future[_Update] | None = None  # in the background
        self._statistics_due = Every(_STATISTICS_SEC)
        self._save_due = Every(setup.checkpoint.save_every_sec)
        self._milestone_due = (
            Every(setup.checkpoint.save_milestones_sec) if setup.checkpoint.save_milestones_sec > 0 else None
        )
        self._best_due = Every(setup.checkpoint.save_best_every_sec)
        self._saved_step = -1
        self._hyper_parameters = SharedValues(arena, HYPER_PARAMETERS, [(name,) for name in setup.tuned])
        self._tuned_version = 0
        self._tuned: LearningConfig | None = None  # from the first batch of its size on
        self._exchanges, self._exchanged = Exchanges(arena), 0
        self._next_exchange = 0.0  # not before, after a failure
        self._past_versions = (
            PastVersions(arena, schema, setup.policy, setup.directory) if schema.past_versions else None
        )
        self._has_reported = False
        self.checkpointed = False
        """Whether the last `advance` saved because of the number of updates."""
        self._restore()
        self._publish()
        if self._past_versions is not None:
            self._past_versions.restore(setup.model.build)

    @property
    def train_step(self) -> int:
        """Updates so far."""
        return self._learner.train_step

    @property
    def env_steps(self) -> int:
        """Simulator frames that went into training so far."""
        return int(self._progress[_ENV_STEPS])

    @property
    def done(self) -> bool:
        """Whether the policy has had all its frames."""
        return self.env_steps >= self._setup.target_frames

    # hot path
    def advance(self) -> bool:
        """Collect what there is and train if an iteration is complete; says whether an update started or ended."""
        self.checkpointed = False
        self._exchange()
        if self.done:
            self._complete_background()
            self._batcher.discard()
            return False
        if self._hyper_parameters.version(self._setup.policy) != self._tuned_version:
            self._read_hyper_parameters()
        start = time.perf_counter()
        batch = self._batcher.collect(self._learner.train_step)
        self._slot.add(Field.BATCHING_SEC, time.perf_counter() - start)
        if self._background is None:
            if batch is None:
                return False
            self._retune(batch)
            self._complete(self._train(batch, *self._take_counts()))
            self._batcher.release()
            return True
        if self._update is not None and not self._update.done():
            return False
        ended = self._complete_background()
        if batch is None or self.done:
            return ended
        self._retune(batch)
        self._update = self._background.submit(self._train, batch, *self._take_counts())
        self._update.add_done_callback(lambda _: self._on_trained())
        self._batcher.release()
        return True

    def _exchange(self) -> None:
        """Write down the weights for those who are to go on with them, and take those of another policy."""
        policy, exchanges = self._setup.policy, self._exchanges
        askers, number = exchanges.to_write(policy), exchanges.to_take(policy)
        if (not askers and number is None) or time.monotonic() < self._next_exchange:
            return
        self._complete_background()
        try:
            for asker, its_number in askers:
                save_state(self._exchange_file(asker), self._learner.state_dict())
                exchanges.wrote(asker, its_number)
            if number is not None:
                self._adopt(number)
        except (CheckpointError, FileNotFoundError) as error:
            self._next_exchange = time.monotonic() + _RETRY_SEC
            self._reports.send("problem", text=str(error))

    def _adopt(self, number: int) -> None:
        """Go on with what another policy has learnt: published first, so that a successor goes on with it too."""
        policy = self._setup.policy
        file = self._exchange_file(policy)
        self._learner.adopt(load_state(file, self._setup.device))
        version = self._learner.train_step
        self._batcher.forget_before(version)
        self._publish()
        self._exchanged = number
        self.save()
        self._exchanges.took(policy, number, version)
        file.unlink(missing_ok=True)

    def _exchange_file(self, policy: int) -> Path:
        return self._setup.directory.parent / f"exchange_p{policy}.pth"

    def _read_hyper_parameters(self) -> None:
        """Collect batches of the size that the main process has written, to train with its numbers."""
        found = self._hyper_parameters.read(self._setup.policy)
        if found is None:  # just being written
            return
        self._tuned_version, values = found
        whole = {name: int(value) for name, value in values.items() if name == "batch_size"}
        self._tuned = dataclasses.replace(self._setup.learning, **{**values, **whole})
        self._batcher.resize(iteration_rows(self._tuned, self._setup.schema.rollout))

    def _retune(self, batch: Batch) -> None:
        if self._tuned is None or batch.num_rows != iteration_rows(self._tuned, self._setup.schema.rollout):
            return
        self._learner.retune(self._tuned)
        self._tuned = None

    def _take_counts(self) -> tuple[int, int, bool]:
        """Frames and samples collected since the last batch, and whether to look closely at the update."""
        batcher = self._batcher
        counts = batcher.frames, batcher.samples, self._statistics_due.due() or not self._has_reported
        batcher.frames = batcher.samples = 0
        self._has_reported = True
        return counts

    def _train(self, batch: Batch, frames: int, samples: int, with_statistics: bool) -> _Update:
        start = time.perf_counter()
        version = self._learner.train_step
        statistics = self._learner.train(batch, with_statistics)
        if with_statistics:
            statistics |= _lag_statistics(batch, version)
        return _Update(version, frames, samples, statistics, time.perf_counter() - start)

    def _complete(self, update: _Update) -> None:
        """What follows an update: publish, count, report, save."""
        due = self.env_steps // self._setup.keep_version_every
        self._progress[_ENV_STEPS] += update.frames
        self._progress[_SAMPLES] += update.samples
        self._publish()
        self._slot.add(Field.TRAINING_SEC, update.seconds)
        self._slot.add(Field.PROGRESS, 1)
        if update.statistics:
            self._report(update.statistics | {"discarded_rollouts": float(self._batcher.discarded_rows)})
        if self._past_versions is not None and self.env_steps // self._setup.keep_version_every > due:
            self._keep_version(self._past_versions)
        self._save_if_due(update.version)

    def _keep_version(self, past_versions: PastVersions) -> None:
        try:
            past_versions.keep(self._learner.model, self.train_step, self.env_steps)
        except CheckpointError as error:
            self._reports.send("problem", text=str(error))

    def _complete_background(self) -> bool:
        if self._update is None:
            return False
        update, self._update = self._update, None
        self._complete(update.result())
        return True

    def finish(self) -> None:
        """Save, and report where training stands."""
        self._complete_background()
        if self.train_step:
            self.save()
        self._report({})

    def forget_experience(self) -> None:
        """Drop what was collected and not yet learnt from; the caller empties the ledger."""
        self._batcher.forget()

    def _report(self, statistics: dict[str, float]) -> None:
        self._reports.send(
            "train",
            policy=self._setup.policy,
            train_step=self.train_step,
            statistics=statistics,
        )

    def _publish(self) -> None:
        self._flat_weights.write_to(torch.from_numpy(self._weights.slot_to_write()))
        self._progress[_TRAIN_STEP] = self._learner.train_step
        self._weights.publish(self._learner.train_step)

    def _restore(self) -> None:
        """Continue from the newest checkpoint; after a predecessor's death, with the weights that it published last."""
        found = self._store.load_latest(self._setup.device)
        if found is not None:
            state, path = found
            self._learner.load_state_dict(state)
            self._saved_step = self._learner.train_step
            log.info("policy %d continues from %s", self._setup.policy, path)
        if self._weights.publication:
            _, self._learner.train_step = self._weights.read(
                lambda flat: self._flat_weights.load(torch.from_numpy(flat))
            )
        elif found is not None:
            self._progress[_ENV_STEPS] = found[0]["env_steps"]
            self._progress[_SAMPLES] = found[0]["samples"]
        policy, number = self._setup.policy, found[0].get("exchange", 0) if found is not None else 0
        if number > self._exchanges.last_taken(policy):
            self._exchanges.took(policy, number, self._learner.train_step)
        self._exchanged = self._exchanges.last_taken(policy)
        self._batcher.forget_before(self._exchanges.first_version(policy))

    def _save_if_due(self, previous_step: int) -> None:
        options = self._setup.checkpoint
        every = options.save_every_updates
        # An iteration may be several updates: the first one at or after every multiple counts.
        self.checkpointed = bool(every) and self.train_step // every > previous_step // every
        if self.checkpointed or self._saved_step < 0 or self._save_due.due():
            self.save()
        if self._best_due.due() and self.env_steps >= options.save_best_after:
            self._save_best()

    def save(self) -> None:
        """Write a checkpoint unless this update is saved already; a failure is shown, and training goes on."""
        if self._saved_step == self.train_step:
            return
        self._saved_step = self.train_step
        try:
            self._store.save(self._state(), self.train_step, self.env_steps)
            if self._milestone_due is not None and self._milestone_due.due():
                self._store.milestone()
        except CheckpointError as error:
            self._reports.send("problem", text=str(error))

    def _save_best(self) -> None:
        value = float(self._objective[self._setup.policy])
        metric = self._setup.checkpoint.save_best_metric
        best = self._store.best_value(metric)
        if not np.isfinite(value) or (best is not None and value <= best):
            return
        try:
            self._store.save_best(self._state(), self.train_step, self.env_steps, metric, value)
        except CheckpointError as error:
            self._reports.send("problem", text=str(error))

    def _state(self) -> dict[str, Any]:
        return self._learner.state_dict() | {
            "env_steps": self.env_steps,
            "samples": int(self._progress[_SAMPLES]),
            "exchange": self._exchanged,
        }


class _Update(NamedTuple):
    """An update that has been made and not yet published."""

    version: int  # before it
    frames: int
    samples: int
    statistics: dict[str, float]
    seconds: float


def _lag_statistics(batch: Batch, version: int) -> dict[str, float]:
    """How many updates old the experience was, `train/version_diff_*`."""
    chosen = batch.versions[batch.valid]
    lag = version - chosen.float() if len(chosen) else torch.zeros(1)
    return {
        "version_diff_avg": float(lag.mean()),
        "version_diff_min": float(lag.min()),
        "version_diff_max": float(lag.max()),
    }


def run_learner_from(
    arguments: dict[str, Any], slot_index: int, doorbell: Doorbell, rollout_bells: list[Bell], reports: ReportSink
) -> None:
    """`run_learner` with the fields of its setup, which a process without torch can hold."""
    run_learner(LearnerSetup(**arguments), slot_index, doorbell, rollout_bells, reports)


def run_learner(
    setup: LearnerSetup, slot_index: int, doorbell: Doorbell, rollout_bells: list[Bell], reports: ReportSink
) -> None:
    """Train until told to stop, then save."""
    torch.set_num_threads(1)  # the learner has threads of its own
    slot = Slot(setup.arena, slot_index)
    slot.beat()
    listen(slot.beat)
    blocks_per_worker = setup.schema.blocks_per_group * setup.schema.groups_per_worker
    learner = LearnerWorker(
        setup,
        slot,
        reports,
        on_release=lambda block: rollout_bells[block // blocks_per_worker].ring(),
        on_trained=doorbell.bell.ring,
    )
    for bell in rollout_bells:
        bell.ring()  # there are weights now
    slot.row[Field.READY] = 1
    while not slot.stopping:
        slot.beat()
        if not learner.advance():
            start = time.perf_counter()
            doorbell.wait(1.0)
            slot.add(Field.WAIT_EXPERIENCE_SEC, time.perf_counter() - start)
    learner.finish()
