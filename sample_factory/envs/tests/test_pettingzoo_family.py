"""ParallelEnvs of PettingZoo keep the contract. Knows no sampler."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="needs the pettingzoo package")

from sample_factory.envs.multi_agent import MultiAgentList
from sample_factory.envs.parallel_agents import ParallelAgents
from sample_factory.envs.registry import create_env, known_names, make_batched, resolve
from sample_factory.envs.tests.envs_for_tests import Runner
from sample_factory.envs.tests.parallel_envs_for_tests import Leaving, Unequal
from sample_factory.envs.validate import describe

NAME = "pettingzoo_sample_factory.envs.tests.parallel_envs_for_tests"


def of(num_envs=1, **kwargs):
    return Runner(MultiAgentList("leaving", lambda _: ParallelAgents("leaving", Leaving(**kwargs)), num_envs))


def cfg(**kwargs):
    return SimpleNamespace(env_kwargs=json.dumps(kwargs), env_frameskip=None)


def inner(runner, i=0):
    return runner.env.envs[i]._env


def test_rows_are_the_possible_agents_in_order_and_environments_have_seeds_of_their_own():
    runner = of(num_envs=2)
    assert runner.env.num_rows == 6
    assert runner.reset(seed=7)["obs"].tolist() == [[0, 0], [1, 0], [2, 0]] * 2
    assert [inner(runner, i).seeds for i in range(2)] == [[7], [8]]
    out, result, _ = runner.step([0, 1, 2, 2, 1, 0])
    assert out["obs"].tolist() == [[0, 1], [1, 1], [2, 1]] * 2
    assert result.rewards.tolist() == [0, 11, 22, 2, 11, 20] and result.valid.all() and (result.frames == 1).all()


def test_agents_that_are_gone_wait_for_the_others_and_are_asked_nothing():
    runner = of(ends=(2, 4, 3), cut=(2,))
    runner.reset(seed=0)
    results, ends = [], []
    for _ in range(6):
        out, result, episodes = runner.step([1, 1, 1])
        results.append((out["obs"][:, 1].tolist(), result))
        ends += [(len(results), episode.row, episode.info["true_objective"]) for episode in episodes]
    assert ends == [(2, 0, 2), (3, 2, 3), (4, 1, 4)]
    # The last observation is the true one and stays; the step after the last end only resets.
    assert [steps for steps, _ in results] == [[1, 1, 1], [2, 2, 2], [2, 3, 3], [2, 4, 3], [0, 0, 0], [1, 1, 1]]
    columns = {name: [getattr(r, name).tolist() for _, r in results] for name in ("terminated", "truncated", "valid")}
    no, yes = False, True
    assert columns["terminated"] == [[no] * 3, [yes, no, no], [no] * 3, [no, yes, no], [no] * 3, [no] * 3]
    assert columns["truncated"] == [[no] * 3, [no] * 3, [no, no, yes], [no] * 3, [no] * 3, [no] * 3]
    assert columns["valid"] == [[yes] * 3, [yes] * 3, [no, yes, yes], [no, yes, no], [no] * 3, [yes] * 3]
    for _, result in results:
        np.testing.assert_array_equal(result.frames, result.valid)
        assert not result.rewards[~result.valid].any()
    assert [r.resets.tolist() for _, r in results] == [[no] * 3] * 4 + [[yes] * 3, [no] * 3]
    asked = [sorted(actions) for actions in inner(runner).asked]
    assert asked == [
        ["agent_0", "agent_1", "agent_2"],
        ["agent_0", "agent_1", "agent_2"],
        ["agent_1", "agent_2"],
        ["agent_1"],
        ["agent_0", "agent_1", "agent_2"],
    ]


def test_an_agent_that_does_not_take_part_has_no_episode():
    runner = of(ends=(2, 2), absent=(1,))
    assert runner.reset()["obs"].tolist() == [[0, 0], [0, 0]]  # it sees what somebody else sees
    ended = []
    for _ in range(6):
        _, result, episodes = runner.step([0, 0])
        assert not result.valid[1] and result.frames[1] == 0
        ended += [episode.row for episode in episodes]
    assert ended == [0, 0]


def test_an_agent_that_leaves_without_a_word_has_terminated():
    class Silent(Leaving):
        def step(self, actions):
            observations, rewards, _, truncations, infos = super().step(actions)
            return observations, rewards, dict.fromkeys(actions, False), truncations, infos

    runner = Runner(MultiAgentList("silent", lambda _: ParallelAgents("silent", Silent(ends=(1, 2))), 1))
    runner.reset()
    _, result, episodes = runner.step([0, 0])
    assert result.terminated.tolist() == [True, False] and [e.row for e in episodes] == [0]


def test_a_new_agent_is_an_error_with_its_name():
    env = ParallelAgents("leaving", Leaving(late="agent_9"))
    env.reset()
    env.step([0, 0, 0])
    with pytest.raises(ValueError, match="'leaving' has a new agent 'agent_9', not one of its possible_agents"):
        env.step([0, 0, 0])


def test_agents_with_spaces_of_their_own_are_named():
    with pytest.raises(ValueError, match=r"share one observation space, but agent_2 .* than agent_0: Discrete\(4\)"):
        ParallelAgents("unequal", Unequal())


def test_agents_must_be_known_beforehand():
    env = Leaving()
    env.possible_agents = []
    with pytest.raises(ValueError, match="possible_agents"):
        ParallelAgents("leaving", env)


def test_an_environment_is_made_from_its_module_with_its_arguments():
    env = create_env(NAME, cfg(ends=[1, 1]))
    assert isinstance(env, ParallelAgents) and env.num_agents == 2
    assert describe(NAME, cfg()).num_agents == 3
    assert resolve(NAME).default_overrides(NAME)["encoder_type"] == "mlp"


def test_action_masks_are_a_key_of_their_own():
    description = describe(NAME, cfg(kind="masked"))  # its random actions must be allowed ones
    assert description.keys["action_mask"].kind == "mask" and set(description.keys) == {"observation", "action_mask"}


def test_an_environment_can_be_filmed_if_it_renders():
    env = create_env(NAME, cfg(), None, "rgb_array")
    env.reset(seed=0)
    env.step([0, 0, 0])
    assert (env.render() == 1).all() and env.metadata["render_modes"] == ["rgb_array"]


def test_the_environments_that_pettingzoo_comes_with_are_listed():
    names = known_names()
    assert "pettingzoo_butterfly.pistonball_v6" in names and "pettingzoo_sisl.pursuit_v5" in names
    assert not any("tictactoe" in name or "all_modules" in name for name in names if name.startswith("pettingzoo_"))


@pytest.mark.parametrize("module", ["classic.rps_v2", "sisl.pursuit_v5", "butterfly.knights_archers_zombies_v11"])
def test_environments_of_pettingzoo_run(module):
    pytest.importorskip("pygame", reason="they draw with it")
    if module.startswith("sisl"):
        pytest.importorskip("scipy", reason="needs scipy")
    runner = Runner(make_batched(f"pettingzoo_{module}", cfg(), 2))
    first = runner.reset(seed=1)["obs"]
    np.testing.assert_array_equal(runner.reset(seed=1)["obs"], first)
    has_ended = np.zeros(runner.env.num_rows, bool)
    for _ in range(60):
        _, result, _ = runner.step(np.zeros(runner.env.num_rows))
        np.testing.assert_array_equal(result.valid, ~has_ended)
        np.testing.assert_array_equal(result.resets & ~has_ended, np.zeros_like(has_ended))
        has_ended = (has_ended | result.terminated | result.truncated) & ~result.resets
    runner.env.close()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("pettingzoo_", {}, "unknown environment 'pettingzoo_'"),
        ("pettingzoo_sisl.pursui_v5", {}, "no environment 'sisl.pursui_v5'; did you mean pettingzoo_sisl.pursuit_v5"),
        ("pettingzoo_no_such_package.env", {}, "needs the package 'no_such_package': pip install no_such_package"),
        ("pettingzoo_json", {}, "json has no parallel_env"),
        (NAME, {"env_kwargs": '{"num": 3}'}, "refuses --env_kwargs=.*num"),
        (NAME, {"env_frameskip": 4}, "--env_frameskip=4 is not available"),
    ],
)
def test_says_in_one_line_what_is_wrong(name, given, message):
    options = vars(cfg()) | given
    with pytest.raises(ValueError, match=message) as error:
        create_env(name, SimpleNamespace(**options))
    assert "\n" not in str(error.value)


def test_a_missing_extra_of_pettingzoo_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymunk", None)
    pytest.importorskip("pygame", reason="it is imported first")
    with pytest.raises(ValueError, match=r"needs the package 'pymunk.*': pip install 'pettingzoo\[butterfly\]'"):
        create_env("pettingzoo_butterfly.pistonball_v6", cfg())
