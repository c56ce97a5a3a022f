"""A policy goes on with another one's weights, whoever is killed on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sample_factory.algorithms.appo.components import learner_arguments
from sample_factory.algorithms.appo.exchange import Exchanges
from sample_factory.algorithms.appo.learner_worker import LearnerSetup, LearnerWorker
from sample_factory.algorithms.appo.tests.pipeline import NoReports, config_of
from sample_factory.algorithms.appo.training import look
from sample_factory.algorithms.appo.wiring import Wiring, wire
from sample_factory.system.board import Slot


class Pair:
    """Two learners, and whoever succeeds them."""

    def __init__(self, folder: Path) -> None:
        options = {"num_policies": 2, "batch_size": 64, "save_every_sec": 3600}
        config = config_of(folder, env="case_discrete", normalize_input=True, normalize_returns=True, **options)
        facts, plan, policy = look(config, {}, [])
        self.wiring: Wiring = wire(config, folder / "run", plan, facts, policy, 1, {})
        self.exchanges = Exchanges(self.wiring.arena)
        setup = self.wiring.rollout_setup(1)
        self.reports = NoReports()
        self.workers = [setup.build(i, Slot(self.wiring.arena, 2 + i), self.reports) for i in range(plan.num_workers)]
        self.learners = [self.learner(policy) for policy in range(2)]

    def learner(self, policy: int) -> LearnerWorker:
        arguments = learner_arguments(self.wiring, policy)
        return LearnerWorker(
            LearnerSetup(**arguments), Slot(self.wiring.arena, policy), self.reports, lambda block: None
        )

    def train(self, updates: int) -> None:
        """Until both have made at least so many more."""
        goals = [learner.train_step + updates for learner in self.learners]
        for _ in range(5000):
            for worker in self.workers:
                worker.advance()
            for learner in self.learners:
                learner.advance()
            if all(learner.train_step >= goal for learner, goal in zip(self.learners, goals, strict=True)):
                return
        raise AssertionError("no updates")


def learnt(learner: LearnerWorker) -> list[torch.Tensor]:
    """Weights, normalisers and what the optimizer remembers."""
    state = learner._learner.state_dict()
    moments = [value for entry in state["optimizer"]["state"].values() for value in entry.values()]
    return [tensor.clone() for tensor in [*state["model"].values(), *moments]]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    pair = Pair(tmp_path)
    pair.train(3)
    assert not same(learnt(pair.learners[0]), learnt(pair.learners[1]))
    return pair


def test_everything_learnt_goes_over_and_own_counters_stay(pair):
    first, second = pair.learners
    before, env_steps = second.train_step, second.env_steps
    pair.exchanges.ask(1, 0, number=4)
    second.advance()
    assert second.train_step == before and not pair.exchanges.is_over(1)  # nobody has written anything yet
    expected, source_step = learnt(first), first.train_step
    first._exchange()
    second._exchange()
    assert same(learnt(second), expected) and pair.exchanges.is_over(1)
    assert second._learner._returns == first._learner._returns
    assert (second.train_step, second.env_steps, first.train_step) == (before + 1, env_steps, source_step)
    assert not list(pair.wiring.folder.glob("exchange*"))


def test_old_experience_is_not_trained_on_and_training_goes_on(pair):
    for _ in range(40):
        for worker in pair.workers:
            worker.advance()
    pair.exchanges.ask(1, 0, number=1)
    pair.learners[0]._exchange()
    second = pair.learners[1]
    seen: list[int] = []
    original = second._learner.train
    second._learner.train = lambda batch, wanted: (  # type: ignore[method-assign]
        seen.append(int(batch.versions[batch.own].min())),
        original(batch, wanted),
    )[1]
    version = second.train_step + 1
    second._exchange()
    pair.train(3)
    assert min(seen) >= version == pair.exchanges.first_version(1)


@pytest.mark.parametrize("step", ["nothing", "written", "adopted", "published", "saved", "taken"])
def test_a_kill_at_any_point_leaves_it_to_the_successors(pair, step, monkeypatch):
    expected = learnt(pair.learners[0])
    pair.exchanges.ask(1, 0, number=1)

    class KilledError(Exception):
        pass

    def killed(*_: Any) -> None:
        raise KilledError

    second = pair.learners[1]
    if step != "nothing":
        pair.learners[0]._exchange()
    with monkeypatch.context() as patch:
        if step == "adopted":
            patch.setattr(second, "_publish", killed)
        elif step == "published":
            patch.setattr(second, "save", killed)
        elif step == "saved":
            patch.setattr(second._exchanges, "took", killed)
        if step in ("adopted", "published", "saved"):
            with pytest.raises(KilledError):
                second._exchange()
    if step == "taken":
        second._exchange()
    version = pair.exchanges.first_version(1)
    pair.learners = [pair.learner(policy) for policy in range(2)]
    # A successor has the weights that were published and the optimizer of the last checkpoint.
    if step == "nothing":
        expected = learnt(pair.learners[0])
    for learner in pair.learners:
        learner._exchange()
    assert pair.exchanges.is_over(1)
    assert same(learnt(pair.learners[1]), expected)
    assert pair.learners[1]._batcher._first_version == pair.exchanges.first_version(1) >= max(version, 1)
    pair.train(2)


def test_a_checkpoint_says_which_exchange_was_the_last(pair, tmp_path):
    pair.exchanges.ask(1, 0, number=7)
    for learner in pair.learners:
        learner._exchange()
        learner.finish()
    resumed = Pair(tmp_path)
    assert resumed.exchanges.last_taken(1) == 7 and resumed.exchanges.last_taken(0) == 0


def test_a_full_disk_puts_an_exchange_off(pair, monkeypatch):
    from sample_factory.algorithms.appo import learner_worker
    from sample_factory.system.checkpoints import CheckpointError

    def full(*_: Any) -> None:
        raise CheckpointError("cannot write: No space left on device")

    pair.exchanges.ask(1, 0, number=1)
    with monkeypatch.context() as patch:
        patch.setattr(learner_worker, "save_state", full)
        for _ in range(5):
            pair.learners[0]._exchange()
    problems = [data["text"] for kind, data in pair.reports.sent if kind == "problem"]
    assert problems == ["cannot write: No space left on device"]
    pair.learners[0]._next_exchange = 0.0  # a few seconds later
    for learner in pair.learners:
        learner._exchange()
    assert pair.exchanges.is_over(1)
