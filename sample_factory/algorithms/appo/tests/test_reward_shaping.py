"""Reward shaping from the command line and from the main process to environments in other processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.parallel import run_parallel
from sample_factory.algorithms.appo.tests.pipeline import Pipeline, config_of
from sample_factory.algorithms.appo.training import look
from sample_factory.algorithms.appo.wiring import wire
from sample_factory.algorithms.status import Status
from sample_factory.envs.registry import register_env
from sample_factory.envs.reward_shaping import changed
from sample_factory.envs.tests.shaped_envs import SHAPING, make_shaped, reward_of
from sample_factory.system.console import PlainConsole
from sample_factory.system.process import end_start_server
from sample_factory.system.registrations import only, snapshot
from sample_factory.system.telemetry import Telemetry


@pytest.fixture(autouse=True)
def _environments() -> None:
    register_env("shaped_", make_shaped, defaults={"encoder_type": "mlp"})


@pytest.fixture
def _start_server() -> Iterator[None]:
    yield
    end_start_server()


@pytest.mark.parametrize("env", ["shaped_single", "shaped_duel", "shaped_batch"])
def test_new_values_hold_from_a_rollout_on(tmp_path, env):
    pipeline = Pipeline(tmp_path, env=env, reward_shaping='{"goal": 2}')
    old, new = (reward_of(changed(SHAPING, {"goal": goal})) for goal in (2, 4))
    assert set(np.unique(_valid_rewards(pipeline))) == {old}
    assert pipeline.wiring.reward_shaping is not None
    pipeline.wiring.reward_shaping.write(0, changed(SHAPING, {"goal": 4}))
    pipeline.batcher.release()
    mixed = pipeline.collect()
    for row in range(mixed.rewards.shape[1]):  # blocks that were begun before keep the old values to their end
        assert len(np.unique(mixed.rewards[:, row][mixed.valid[:, row]])) == 1
    pipeline.batcher.release()
    pipeline.collect()
    pipeline.batcher.release()
    assert set(np.unique(_valid_rewards(pipeline))) == {new}
    pipeline.close()


def test_workers_take_new_values_while_they_run(tmp_path, _start_server):
    options = {"num_workers": 2, "serial_mode": False, "stats_avg": 20, "reward_shaping": '{"goal": 3}'}
    config = config_of(tmp_path, env="shaped_single", **options)
    facts, plan, policy = look(config, {}, [])
    wiring = wire(config, tmp_path, plan, facts, policy, 1, only(snapshot(), "environment"))
    shared = wiring.reward_shaping
    assert shared is not None and shared.read(0) == (0, {**SHAPING, "goal": 3.0})
    telemetry = Telemetry(tmp_path, 1, config.telemetry.stats_avg, 20, 10**9, PlainConsole())
    seen: list[float] = []

    def ending(monitor: Monitor) -> Status | None:
        goal = telemetry.average(0, "goal")
        seen.append(0.0 if goal is None else goal)
        if goal == 3 and shared.version(0) == 0:
            shared.write(0, {**SHAPING, "goal": 7.0})
        return Status.SUCCESS if goal == 7 else None

    assert run_parallel(wiring, telemetry, (), ending, lambda: False) == Status.SUCCESS
    assert 3 in seen and seen[-1] == 7


def _valid_rewards(pipeline: Pipeline) -> Any:
    batch = pipeline.collect()
    return batch.rewards[batch.valid]
