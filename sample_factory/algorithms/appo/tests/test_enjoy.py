"""What is shown and counted while one environment is watched; the policy is a fake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sample_factory.algorithms.appo.enjoy import Watcher, plan_show
from sample_factory.algorithms.appo.stage import Stage
from sample_factory.algorithms.appo.tests.envs_to_watch import CLIP_STEPS, FAMILIES
from sample_factory.config.config import Config
from sample_factory.config.values import build
from sample_factory.envs import registry
from sample_factory.envs.registry import EnvFamily
from sample_factory.envs.tests.envs_for_tests import Duel


class Fake:
    """Always does action 0."""

    def __init__(self) -> None:
        self.num_decisions = 0
        self.forgotten: list[list[bool]] = []

    def act(self, obs):
        self.num_decisions += 1
        self.values = np.full(len(obs["obs"]), 0.5)
        return np.zeros((len(obs["obs"]), 1), np.int32)

    def forget(self, rows):
        self.forgotten.append(rows.tolist())


def make_duel(name: str, cfg: Any, env_config: Any) -> Duel:
    return Duel(length=3)


def _config(**values: Any) -> Config:
    for family in (*FAMILIES, EnvFamily("duel", make_duel)):
        registry.register_family(family)
    return build(Config, None, {"env": "clip", **values})


def _watch(tmp_path: Path, config: Config, stopping=lambda: False) -> tuple[Watcher, Fake, float]:
    show, policy = plan_show(config), Fake()
    stage = Stage(config.run.env, show.options, show.render_mode)
    watcher = Watcher(config, tmp_path, stage, show, policy, stopping)  # type: ignore[arg-type]
    reward = watcher.run(seed=0)
    stage.close()
    return watcher, policy, reward


def test_actions_are_held_frame_by_frame_where_that_is_the_same_game():
    shown = plan_show(_config(env="doom_basic", env_frameskip=4))
    assert (shown.render_mode, shown.repeat, shown.options.env_frameskip) == ("human", 4, 1)
    headless = plan_show(_config(env="doom_basic", env_frameskip=4, no_render=True))
    assert (headless.render_mode, headless.repeat, headless.options.env_frameskip) == (None, 1, 4)
    other = plan_show(_config(env_frameskip=4))
    assert (other.repeat, other.options.env_frameskip) == (1, 4)


def test_render_action_repeat_is_obeyed_everywhere():
    shown = plan_show(_config(env_frameskip=4, no_render=True, render_action_repeat=2))
    assert (shown.repeat, shown.options.env_frameskip) == (2, 1)
    shown = plan_show(_config(render_action_repeat=2))
    assert (shown.repeat, shown.options.env_frameskip) == (2, None)


def test_a_video_is_recorded_without_a_window():
    assert plan_show(_config(save_video=True, no_render=True)).render_mode == "rgb_array"
    assert plan_show(_config(record_to="somewhere")).render_mode == "rgb_array"


def test_episodes_end_the_run_and_the_mean_is_over_all_of_them(tmp_path, capsys):
    _, policy, reward = _watch(tmp_path, _config(no_render=True, max_num_episodes=2))
    assert reward == CLIP_STEPS
    # Two episodes, and between them a step that only resets.
    assert policy.num_decisions == 2 * CLIP_STEPS + 1
    assert policy.forgotten.count([True]) == 1
    lines = capsys.readouterr().out.splitlines()
    values = "reward 5.000, true objective 7.000"
    assert lines[1] == f"episode 1: {values}, 5 frames; mean of the last 2: {values}"


def test_frames_end_the_run_in_the_middle_of_an_episode(tmp_path):
    watcher, _, reward = _watch(tmp_path, _config(no_render=True, max_num_frames=CLIP_STEPS + 2))
    assert watcher._num_frames == CLIP_STEPS + 2 and reward == CLIP_STEPS


def test_the_user_can_stop_it(tmp_path):
    asked: list[None] = []

    def stopping() -> bool:
        asked.append(None)
        return len(asked) > 5

    _, policy, reward = _watch(tmp_path, _config(no_render=True), stopping)
    assert 0 < policy.num_decisions <= 5 and np.isnan(reward)


def test_held_actions_ask_the_policy_less_often_and_never_across_episodes(tmp_path):
    _, policy, reward = _watch(tmp_path, _config(no_render=True, render_action_repeat=3, max_num_episodes=2))
    # Per episode one action for 3 steps and one for 2; and one decision that is spent on the reset.
    assert policy.num_decisions == 5 and reward == CLIP_STEPS


def test_agents_are_reported_one_by_one(tmp_path, capsys):
    _, _, reward = _watch(tmp_path, _config(env="duel", no_render=True, max_num_episodes=2))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"episode {i}, agent {j}" for i in (0, 1) for j in (0, 1)]
    # Agent 1 takes no part in its second step of three, whose reward 2 is not its own.
    assert lines[0].startswith("episode 0, agent 0: reward 3.000, true objective 5.000")
    assert lines[1].startswith("episode 0, agent 1: reward 4.000, 4 frames")
    assert reward == 3.5


def test_what_cannot_be_shown_is_said_in_one_line(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"'meeting_3' cannot be rendered as 'rgb_array'; use --no_render"):
        _watch(tmp_path, _config(env="meeting_3", save_video=True))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(ValueError, match=r"no display .* use --no_render"):
        _watch(tmp_path, _config())
