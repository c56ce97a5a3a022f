"""Several policies share the environments: each learns from what it did itself, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.parallel import run_parallel
from sample_factory.algorithms.appo.serial import run_serial
from sample_factory.algorithms.appo.tests.pipeline import Pipeline, config_of
from sample_factory.algorithms.appo.tests.test_ignored_steps import ACTED, assert_same, fill, filled, trained
from sample_factory.algorithms.appo.training import look
from sample_factory.algorithms.appo.wiring import Wiring, wire
from sample_factory.algorithms.status import Status
from sample_factory.envs.registry import register_env
from sample_factory.sampling.assignment import TURN
from sample_factory.sampling.blocks import block_view
from sample_factory.sampling.weights import Weights
from sample_factory.system.console import PlainConsole
from sample_factory.system.process import end_start_server
from sample_factory.system.registrations import only, snapshot
from sample_factory.system.telemetry import Telemetry


class Arms(gym.Env[Any, Any]):
    """Two arms and episodes of four steps; what an arm pays is reward shaping, and so a matter of who plays."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.reward_shaping: dict[str, float] = {"left": 1.0, "right": 0.0}
        self._steps = 0

    def set_reward_shaping(self, reward_shaping: dict[str, float], agent: int) -> None:
        """Pay something else."""
        self.reward_shaping = reward_shaping

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self._steps = 0
        return np.ones(1, np.float32), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._steps += 1
        reward = self.reward_shaping["right" if action else "left"]
        return np.ones(1, np.float32), reward, self._steps == 4, False, {}


def make_arms(full_env_name: str, cfg: Any, env_config: Any, render_mode: str | None = None) -> Arms:
    """For the registry."""
    return Arms()


@pytest.fixture(autouse=True)
def _environments() -> None:
    register_env("arms", make_arms, defaults={"encoder_type": "mlp"})


@pytest.fixture
def _start_server() -> Any:
    yield
    end_start_server()


def _wired(folder: Path, **options: Any) -> Wiring:
    defaults = {"env": "arms", "num_policies": 2, "batch_size": 256, "learning_rate": 0.01, "stats_avg": 50}
    config = config_of(folder, **{**defaults, **options})
    facts, plan, policy = look(config, {}, [])
    wiring = wire(config, folder, plan, facts, policy, 1, only(snapshot(), "environment"))
    assert wiring.reward_shaping is not None
    wiring.reward_shaping.write(1, {"left": 0.0, "right": 1.0})
    return wiring


def _run(wiring: Wiring, telemetry: Telemetry, ending: Callable[[Monitor], Status | None], is_serial: bool) -> Status:
    if is_serial:
        return run_serial(wiring, telemetry, ending)
    return run_parallel(wiring, telemetry, (), ending, lambda: False)


@pytest.mark.parametrize("inference", ["inline", "policy_workers"])
@pytest.mark.parametrize("is_serial", [True, False])
def test_each_policy_learns_what_pays_for_itself(tmp_path, inference, is_serial, _start_server):
    wiring = _wired(tmp_path, inference=inference, serial_mode=is_serial)
    telemetry = Telemetry(tmp_path, 2, wiring.config.telemetry.stats_avg, 20, 10**9, PlainConsole())

    def ending(monitor: Monitor) -> Status | None:
        rewards = [telemetry.average(policy, "reward") or 0.0 for policy in range(2)]
        if min(rewards) > 3.8:
            return Status.SUCCESS
        return Status.FAILURE if monitor.frames > 200_000 else None

    assert _run(wiring, telemetry, ending, is_serial) == Status.SUCCESS
    steps = wiring.arena["learner/progress"][:, 0]
    assert (steps > 0).all()


def _with_a_second_policy(folder: Path, **options: Any) -> Pipeline:
    """A pipeline that trains policy 0; policy 1 acts with other weights, of version 100."""
    pipeline = Pipeline(folder, env="case_discrete", num_policies=2, use_rnn=True, **options)
    other = Weights(pipeline.arena, 1)
    size = other.slot_to_write().shape
    other.slot_to_write()[:] = torch.randn(size, generator=torch.Generator().manual_seed(5)).numpy() * 0.1
    other.publish(100)
    return pipeline


def test_rows_change_hands_where_episodes_begin_and_nowhere_else(tmp_path):
    pipeline = _with_a_second_policy(tmp_path)
    changes = 0
    for _ in range(2 * TURN):
        filled(pipeline)
        for index in range(pipeline.schema.num_blocks):
            block = block_view(pipeline.arena, pipeline.schema, index)
            changed = block.policy_ids[1:] != block.policy_ids[:-1]
            changes += int(changed.sum())
            assert block.resets[:-1][changed].all()
            assert set(np.unique(block.policy_ids)) <= {0, 1}
            assert (block.versions == np.where(block.policy_ids == 1, 100, 0)).all()
        pipeline.arena["ledger/readers"][:] = 0
    assert changes > 10
    pipeline.close()


def test_whatever_another_policy_did_does_not_reach_a_gradient(tmp_path):
    states = []
    for is_poisoned in (False, True):
        pipeline = _with_a_second_policy(tmp_path / str(is_poisoned), batch_size=64)
        filled(pipeline)
        arena = pipeline.arena
        foreign = arena["policy_ids"] == 1
        assert foreign.any() and not foreign.all()
        if is_poisoned:
            _poison(pipeline, foreign)
        states.append(trained(pipeline))
        pipeline.close()
    assert_same(states[0], states[1])


def _poison(pipeline: Pipeline, foreign: np.ndarray) -> None:
    arena, rng = pipeline.arena, np.random.default_rng(0)
    for name in (*ACTED, "rewards", "values", "versions"):
        fill(arena[name], foreign, rng)
    stays_foreign = foreign[:, -1] & ~arena["resets"][:, -1]
    observed = np.concatenate([foreign, stays_foreign[:, None]], axis=1)
    for name in pipeline.schema.keys:
        fill(arena[f"obs/{name}"], observed, rng)
    fill(arena["states"], observed[:, :: pipeline.schema.state_interval], rng)


def test_a_policy_that_has_had_its_frames_does_not_hold_up_the_others(tmp_path):
    wiring = _wired(tmp_path, train_for_env_steps=3000, batch_size=64)
    telemetry = Telemetry(tmp_path, 2, 50, 20, 10**9, PlainConsole())

    def ending(monitor: Monitor) -> Status | None:
        if monitor.has_frames(3000):
            return Status.SUCCESS
        return Status.FAILURE if monitor.samples > 20_000 else None

    assert run_serial(wiring, telemetry, ending) == Status.SUCCESS
    frames = wiring.arena["learner/progress"][:, 1]
    assert (frames >= 3000).all() and (frames < 3600).all()


class Listening(Telemetry):
    """Keeps what learners report."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 2, 50, 20, 10**9, PlainConsole())
        self.reports: list[tuple[int, float]] = []

    def train(self, policy: int, train_step: int, stats: Any) -> None:
        """Policy and learning rate."""
        if "lr" in stats:
            self.reports.append((policy, stats["lr"]))
        super().train(policy, train_step, stats)


@pytest.mark.parametrize("is_serial", [True, False])
def test_hyper_parameters_of_one_policy_change_while_it_learns(tmp_path, is_serial, _start_server):
    wiring = _wired(tmp_path, serial_mode=is_serial, pbt_optimize_batch_size=True)
    shared = wiring.hyper_parameters
    first = (shared.read(1) or (0, {}))[1]
    assert (first["learning_rate"], first["batch_size"]) == (0.01, 256)
    telemetry = Listening(tmp_path)

    def ending(monitor: Monitor) -> Status | None:
        rates = [{rate for policy, rate in telemetry.reports if policy == p} for p in range(2)]
        if shared.version(1) == 0 and all(rates):
            shared.write(1, {**first, "learning_rate": 0.02, "batch_size": 384})
        if 0.02 in rates[1]:
            return Status.SUCCESS
        return Status.FAILURE if monitor.samples > 1_000_000 else None

    assert _run(wiring, telemetry, ending, is_serial) == Status.SUCCESS
    assert {rate for policy, rate in telemetry.reports if policy == 0} == {0.01}
    mine = [rate for policy, rate in telemetry.reports if policy == 1]
    assert mine == sorted(mine) and set(mine) == {0.01, 0.02}
