"""Padded batches give what exact ones do, through whatever replays them; a model that cannot be replayed still acts.

The graphs of a GPU are stood in for by `SamePlace`, which keeps their rule: always the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sample_factory.algorithms.appo.fixed_batches import Act, FixedBatches, Recorder, batch_size
from sample_factory.algorithms.appo.tests.test_exported_models import CASES, make
from sample_factory.models.actor_critic import PolicyStep
from sample_factory.models.tests.test_encoders import rows as observations
from sample_factory.rl import distributions

STATE_SIZE = 16


class SamePlace:
    """Results are written where they were written when the computation was recorded."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(2)
        self.calls = 0

    def __call__(self, compute: Callable[[], PolicyStep]) -> tuple[Callable[[], None], PolicyStep]:
        self.calls += 1
        results = PolicyStep(*(tensor.clone() for tensor in compute()))

        def replay() -> None:
            for place, tensor in zip(results, compute(), strict=True):
                place.copy_(tensor)

        return replay, results


class Refuses(SamePlace):
    """A recording that fails has made its generator unusable."""

    def __call__(self, compute: Callable[[], PolicyStep]) -> tuple[Callable[[], None], PolicyStep]:
        self.calls += 1
        self.generator = None  # type: ignore[assignment]
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")


def fixed(act: Act, recorder: Recorder | None = None) -> FixedBatches:
    return FixedBatches(act, torch.Generator().manual_seed(1), recorder or SamePlace())


def rows(count: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    obs, state = (rng.normal(size=(count, width)).astype(np.float32) for width in (7, STATE_SIZE))
    return {"obs": obs}, state


def double(obs: Mapping[str, Tensor], state: Tensor, _: torch.Generator) -> PolicyStep:
    """Of each row its own, so that a row in the wrong place is seen."""
    values = obs["obs"].sum(1)
    return PolicyStep(obs["obs"][:, :1].int(), values, 2 * obs["obs"], values, state + 1)


@given(st.integers(1, 5000))
def test_sizes_hold_the_rows_and_are_few(count: int):
    size = batch_size(count)
    assert count <= size <= max(16 * -(-count // 16), 1.25 * count)
    assert batch_size(size) == size
    assert len({batch_size(other) for other in range(1, 1025)}) <= 20


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_rows_go_in_and_come_out_in_their_places_whatever_was_there_before(counts: list[int]):
    batches = fixed(double)
    for seed, count in enumerate(counts):
        obs, state = rows(count, seed)
        step = batches.act(obs, state)
        assert np.array_equal(step.action_logits.numpy(), 2 * obs["obs"])
        assert np.array_equal(step.state.numpy(), state + 1)
        assert all(len(tensor) == count for tensor in step)


def test_one_recording_serves_all_batches_of_a_size():
    recorder = SamePlace()
    batches = fixed(double, recorder)
    for count in (3, 16, 9, 17, 30, 12):
        batches.act(*rows(count))
    assert recorder.calls == 2


@pytest.mark.parametrize("case", CASES)
def test_a_padded_batch_of_the_model_decides_as_an_exact_one(case: str):
    model, keys = make(case)
    batches = fixed(model.act)
    for seed, count in enumerate((5, 40, 5)):
        obs = observations(keys, count, seed)
        state = torch.rand(count, model.state_size)
        found = batches.act({name: tensor.numpy() for name, tensor in obs.items()}, state.numpy())
        wanted = model.act(obs, state, deterministic=True)
        for name in ("action_logits", "values", "state"):
            torch.testing.assert_close(getattr(found, name), getattr(wanted, name), rtol=1e-4, atol=1e-4)
        log_probs = distributions.log_prob(model.layout, found.action_logits, found.actions, model.action_mask(obs))
        torch.testing.assert_close(found.log_probs, log_probs, rtol=1e-4, atol=1e-4)


def test_actions_are_drawn_anew_at_each_replay():
    model = make("normalised")[0]
    batches = fixed(model.act)
    obs, state = rows(64)
    draws = {batches.act(obs, state).actions.numpy().tobytes() for _ in range(5)}
    assert len(draws) == 5


def test_new_weights_count_from_the_next_replay_on():
    model = make("normalised")[0]
    batches = fixed(model.act)
    obs, state = rows(4)
    before = batches.act(obs, state).values.clone()
    with torch.no_grad():
        model.value_head.bias.add_(1)
    torch.testing.assert_close(batches.act(obs, state).values, before + 1)


def test_a_model_that_cannot_be_recorded_acts_all_the_same_and_it_is_said_once(caplog: pytest.LogCaptureFixture):
    model, recorder = make("normalised")[0], Refuses()
    batches = fixed(model.act, recorder)
    for count in (3, 40, 3):
        obs, state = rows(count)
        wanted = model.act({"obs": torch.from_numpy(obs["obs"])}, torch.from_numpy(state), deterministic=True)
        torch.testing.assert_close(batches.act(obs, state).values, wanted.values)
    assert recorder.calls == 1
    assert [record.getMessage().count("not permitted when stream is capturing)") for record in caplog.records] == [1]


def test_a_graph_that_gives_something_else_is_not_used(caplog: pytest.LogCaptureFixture):
    calls = []

    def counts_in_python(obs: Mapping[str, Tensor], state: Tensor, generator: torch.Generator) -> PolicyStep:
        calls.append(1)
        step = double(obs, state, generator)
        return step._replace(values=step.values + len(calls))

    batches = fixed(counts_in_python)
    obs, state = rows(4)
    batches.act(obs, state)
    assert "the graph gives other values" in caplog.text
    first = batches.act(obs, state).values.clone()
    torch.testing.assert_close(batches.act(obs, state).values, first + 1)
