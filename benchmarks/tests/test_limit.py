"""The limit: how it is put together, and that stages count what they should. No time is asserted."""

from __future__ import annotations

import json
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch

from benchmarks import limit, limit_stages
from benchmarks.cases import ROOT, Case, Setting, System
from benchmarks.cases.work import Backend, Network, Work
from benchmarks.limit_networks import ActorCritic
from benchmarks.limit_stages import Batch, Effort, Spaces, Stage
from sample_factory.rl.spaces import action_layout, observation_keys

SHORT = Effort(rounds=2, round_sec=0.0)
NETWORK = Network(layers=(8,))
WORK = Work((Backend("meeting_3"),), (2, 4), NETWORK, rollout=4, batch_size=32, inference_rows=(2, 3))


def _spaces(obs=gym.spaces.Box(-1, 1, (5,)), actions=gym.spaces.Discrete(3)):  # noqa: B008
    return Spaces(observation_keys(obs)["obs"], action_layout(actions))


def test_the_limit_is_cores_over_core_seconds_per_sample():
    found = limit.Limit(2, 4.0, {"environment": 0.001, "inference": 0.002, "training": 0.005}, {}, {})
    assert found.fps == pytest.approx(2 * 4 / 0.008)


def test_what_is_written_can_be_read_again():
    found = limit.Limit(2, 1.0, {"training": 0.5}, {"training": "a"}, {"training": {"a": 0.5, "b": 1.0}})
    assert limit.read_limit(json.loads(json.dumps(limit.describe(found)))) == found
    assert limit.describe(found)["fps"] == 4.0


def test_a_stage_costs_what_its_cheapest_way_costs():
    stage = Stage({"a": 3.0, "b": 1.0, "c": 2.0})
    assert (stage.best, stage.seconds) == ("b", 1.0)


def test_a_case_without_learning_has_no_limit():
    system = System("ours", (sys.executable,), (Setting("any", ()),))
    assert limit.measure_limit(Case("sampler", "", system, ())) is None


def test_the_last_words_of_a_failed_measurement_are_told():
    system = System("ours", (sys.executable, "-m"), (Setting("any", ()),), python_path=str(ROOT))
    with pytest.raises(limit.LimitError, match="invalid choice: 'unknown'"):
        limit.measure_limit(Case("unknown", "", system, (), WORK))


class _EveryOtherStepIsAReset:
    """A batch of which the engine is told that each second step of a row does not count."""

    def __init__(self):
        self.num_rows = 3
        self.keys = observation_keys(gym.spaces.Box(-1, 1, (2,)))
        self.actions = action_layout(gym.spaces.Discrete(2))
        self.steps = 0

    def reset(self, seed, out):
        self.steps = 0

    def step(self, actions, out, result):
        self.steps += 1
        result.valid[:] = self.steps % 2
        result.frames[:] = 4 * result.valid
        return []


def test_resets_are_no_samples_but_are_paid_for(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(limit_stages, "cpu_seconds", lambda: 30.0 * next(clock))
    env = _EveryOtherStepIsAReset()
    seconds, frames = limit_stages.time_environment(env, SHORT)
    # 10 steps of 3 rows at least in each 30 s, half of them resets.
    assert seconds == 30.0 / 15
    assert frames == 4.0


def test_every_stage_tries_all_ways():
    environment, frames, spaces = limit_stages.environment_stage(WORK, SHORT)
    assert list(environment.tried) == ["meeting_3 x2", "meeting_3 x4"]
    assert frames == 1.0
    assert len(limit_stages.inference_stage(WORK, spaces, SHORT).tried) == 3 * 2
    assert list(limit_stages.training_stage(WORK, spaces, SHORT).tried)[:2] == [
        "float32, 1 slice",
        "bfloat16 autocast, 1 slice",
    ]


def test_images_recurrent_networks_and_bfloat16_go_through_all_stages():
    spaces = _spaces(obs=gym.spaces.Box(0, 255, (9, 9, 2), np.uint8))
    network = Network(layers=(16,), convolutions=((4, 3, 2),), gru=6)
    work = Work((), (), network, rollout=4, batch_size=16, inference_rows=(2,), training_slices=(1, 2))
    assert len(limit_stages.inference_stage(work, spaces, SHORT).tried) == 3
    assert len(limit_stages.training_stage(work, spaces, SHORT).tried) == 4


@pytest.mark.parametrize("gru", [0, 6])
def test_images_and_recurrent_networks_are_evaluated_as_they_are_stored(gru):
    network = ActorCritic(Network(layers=(16,), convolutions=((4, 3, 2),), gru=gru), (9, 9, 2), 5)
    outputs, values, state = network(torch.zeros(3, 2, 9, 9, 2, dtype=torch.uint8), torch.zeros(2, gru))
    assert (outputs.shape, values.shape) == ((3, 2, 5), (3, 2))
    assert state is not None and state.shape == (2, gru)


def _batch(actions, log_probs):
    return Batch(torch.zeros(0), torch.zeros(0), actions, log_probs, torch.ones(1, 1), torch.full((1, 1), 3.0))


def test_the_loss_is_that_of_ppo(monkeypatch):
    monkeypatch.setattr(limit_stages, "_ENTROPY_COEFF", 0.0)
    actions = torch.tensor([[[2]]])
    outputs = torch.zeros(1, 1, 3)
    # The ratio is 2, which the advantage of 1 would like: it is clipped; the value is off by 2.
    batch = _batch(actions, torch.log(torch.full((1, 1), 1 / 6)))
    found = limit_stages.loss(batch, outputs, torch.ones(1, 1), torch.zeros(3), _spaces())
    assert found.item() == pytest.approx(0.5 * 4 - 1.1, rel=1e-5)


def test_continuous_actions_are_normal(monkeypatch):
    monkeypatch.setattr(limit_stages, "_ENTROPY_COEFF", 0.0)
    spaces = _spaces(actions=gym.spaces.Box(-1, 1, (2,)))
    log_prob = torch.full((1, 1), -np.log(2 * np.pi))  # of the mean of two standard normals
    batch = _batch(torch.zeros(1, 1, 2), log_prob)
    found = limit_stages.loss(batch, torch.zeros(1, 1, 2), torch.full((1, 1), 3.0), torch.zeros(2), spaces)
    assert found.item() == pytest.approx(-1.0, rel=1e-5)
