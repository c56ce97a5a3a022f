"""The whole path from environments to the learner in one process, stepped by a test. Knows no assertion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from sample_factory.algorithms.appo.batch import Batch, Batcher
from sample_factory.algorithms.appo.learner import Learner
from sample_factory.algorithms.appo.model_spec import ModelSpec
from sample_factory.algorithms.appo.options import parse_training_options
from sample_factory.algorithms.appo.tests.small_envs import FAMILY
from sample_factory.algorithms.appo.training import look
from sample_factory.algorithms.appo.wiring import wire
from sample_factory.config.config import Config
from sample_factory.envs import registry
from sample_factory.models.flat import FlatWeights
from sample_factory.sampling.blocks import block_view
from sample_factory.sampling.ledger import Ledger
from sample_factory.sampling.policy_worker import PolicyWorker
from sample_factory.sampling.threads import limit_threads
from sample_factory.sampling.weights import Weights
from sample_factory.system.board import Slot

SMALL = {
    "device": "cpu",
    "precision": "float32",
    "serial_mode": "True",
    "seed": "1",
    "num_workers": "2",
    "num_envs_per_worker": "4",
    "worker_num_splits": "2",
    "rollout": "16",
    "recurrence": "16",
    "batch_size": "256",
    "hidden_size": "16",
    "encoder_mlp_layers": "16",
    "use_rnn": "False",
    "decorrelate_envs_on_one_worker": "False",
}


def config_of(folder: Path, **options: Any) -> Config:
    """A configuration of a small run: `SMALL`, with `options` by flag name on top."""
    registry.register_family(FAMILY)
    values = {**SMALL, "train_dir": str(folder), **{name: str(value) for name, value in options.items()}}
    return parse_training_options([f"--{name}={value}" for name, value in values.items()])


class NoReports:
    """A sink that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **data: Any) -> None:
        self.sent.append((kind, data))


class Pipeline:
    """Rollout workers, policy workers, batcher and learner as a run wires them, without the loop around them."""

    def __init__(self, folder: Path, **options: Any) -> None:
        limit_threads(1, with_torch=True)
        self.config = config = config_of(folder, **options)
        facts, self.plan, policy = look(config, {}, [])
        self.wiring = wiring = wire(config, folder, self.plan, facts, policy, 1, {})
        self.schema, self.arena = wiring.schema, wiring.arena
        torch.manual_seed(1)
        model = ModelSpec(facts.keys, facts.actions, config.model).build()
        learning = config.learning
        self.learner = Learner(model, learning, config.sampling.rollout, self.plan.bfloat16, seed=1)
        self.batcher = Batcher(
            Ledger(self.arena),
            {index: block_view(self.arena, self.schema, index) for index in range(self.schema.num_blocks)},
            self.schema,
            0,
            self.plan.iteration_rows,
            learning.max_policy_lag,
            torch.device("cpu"),
            self.plan.release_early,
            lambda block: None,
        )
        self.reports = NoReports()
        slot = Slot(self.arena, 0)
        setup = wiring.rollout_setup(1)
        self.workers = [setup.build(index, slot, self.reports) for index in range(self.plan.num_workers)]
        self.policy_workers = [
            PolicyWorker(self.arena, self.schema, policy, 0, wiring.groups_of_policy_worker(index), slot, 7 + index)
            for index in range(wiring.num_policy_workers)
        ]
        self.weights = Weights(self.arena, 0)
        self.publish()

    def publish(self) -> None:
        """Give the learner's weights to those who act."""
        FlatWeights(self.learner.model).write_to(torch.from_numpy(self.weights.slot_to_write()))
        self.weights.publish(self.learner.train_step)

    def advance(self) -> None:
        """One turn of everybody who samples."""
        for worker in self.workers:
            worker.advance()
        for policy_worker in self.policy_workers:
            policy_worker.advance()

    def collect(self, turns: int = 2000) -> Batch:
        """Sample until the batch of an iteration is complete."""
        for _ in range(turns):
            self.advance()
            batch = self.batcher.collect(self.learner.train_step)
            if batch is not None:
                return batch
        raise AssertionError(f"no batch after {turns} turns")

    def iterate(self) -> Batch:
        """One iteration: sample, train, publish, give blocks back."""
        batch = self.collect()
        self.learner.train(batch, True)
        self.publish()
        self.batcher.release()
        return batch

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
