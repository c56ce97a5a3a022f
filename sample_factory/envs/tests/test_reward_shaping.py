"""Values of reward shaping reach every kind of environment, and wrong ones are refused before that."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from sample_factory.config.environment import EnvConfig
from sample_factory.envs.registry import make_batched, register_env
from sample_factory.envs.reward_shaping import changed, flatten, unflatten
from sample_factory.envs.tests.envs_for_tests import Runner
from sample_factory.envs.tests.shaped_envs import SHAPING, make_shaped, reward_of
from sample_factory.envs.validate import describe
from sample_factory.system import registrations

KINDS = ["single", "wrapped", "duel", "batch"]
OTHER = {"goal": 2.0, "delta": {"health": 0.0, "ammo": 0.25}}


@pytest.fixture(autouse=True)
def _environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    register_env("shaped_", make_shaped)


def make(kind: str, option: str = "{}", num_envs: int = 2) -> Any:
    runner = Runner(make_batched(f"shaped_{kind}", SimpleNamespace(reward_shaping=option), num_envs))
    runner.reset(seed=1)
    return runner


def rewards(runner: Any) -> list[float]:
    return runner.step([0] * runner.env.num_rows)[1].rewards.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_the_option_changes_some_values_from_the_start(kind: str) -> None:
    usual, runner = reward_of(SHAPING), make(kind)
    assert rewards(runner) == [usual] * runner.env.num_rows
    runner = make(kind, '{"delta": {"ammo": 1}}')
    assert rewards(runner) == [usual + 100] * runner.env.num_rows


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_can_be_given_values_of_its_own_at_run_time(kind: str) -> None:
    runner = make(kind)
    last = runner.env.num_rows - 1
    runner.env.set_reward_shaping(OTHER, last)
    assert rewards(runner) == [reward_of(SHAPING)] * last + [reward_of(OTHER)]


@pytest.mark.parametrize("kind", ["single", "wrapped", "duel"])
def test_rebuilt_environments_get_the_current_values(kind: str) -> None:
    runner = make(kind, '{"goal": 5}')
    rows = runner.env.num_rows
    runner.env.set_reward_shaping(OTHER, rows - 1)
    broken = runner.env.envs[-1]
    getattr(broken, "unwrapped", broken).is_broken = True
    rewards(runner)
    assert runner.env.num_failures == 1 and runner.env.envs[-1] is not broken
    assert rewards(runner) == [reward_of(SHAPING) + 4] * (rows - 1) + [reward_of(OTHER)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_environment_is_described_with_the_values_it_begins_with(kind: str) -> None:
    found = describe(f"shaped_{kind}", SimpleNamespace(reward_shaping='{"goal": 3}'))
    assert found.reward_shaping == {**SHAPING, "goal": 3.0}
    assert describe("shaped_not", SimpleNamespace()).reward_shaping is None


@pytest.mark.parametrize(
    ("kind", "option", "message"),
    [
        ("single", '{"gaol": 1}', "unknown key gaol; did you mean goal?"),
        ("wrapped", '{"delta": {"helth": 1}}', "unknown key delta/helth; did you mean delta/health"),
        ("duel", '{"health": 1}', "unknown key health; did you mean delta/health?"),
        ("batch", '{"xyz": 1}', "unknown key xyz; there are goal, delta/health, delta/ammo"),
        ("single", '{"delta": 1}', "unknown key delta; did you mean"),
        ("not", '{"goal": 1}', "environment 'shaped_not' has no reward shaping to change"),
    ],
)
def test_unknown_keys_are_refused_in_one_line(kind: str, option: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as caught:
        describe(f"shaped_{kind}", SimpleNamespace(reward_shaping=option))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["{", "[]", '{"a": "b"}', '{"a": {"b": true}}', '{"a": NaN}', "3"])
def test_what_is_no_object_of_numbers_is_refused_with_the_options(option: str) -> None:
    with pytest.raises(ValueError, match="--reward_shaping="):
        EnvConfig(reward_shaping=option)


def test_flat_and_nested_say_the_same() -> None:
    flat = flatten(SHAPING)
    assert flat == {("goal",): 1.0, ("delta", "health"): 0.5, ("delta", "ammo"): 0.0}
    assert unflatten(flat) == SHAPING and changed(SHAPING, {}) == SHAPING
