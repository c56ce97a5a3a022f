"""The comparison of simulators finds equal what is, and different what is. Knows no numbers of speed."""

from __future__ import annotations

import pytest

from benchmarks.backends_physics import compare_dynamics, compare_starts, compare_suite, main

for _package in ("mujoco", "dm_control", "envpool", "scipy"):
    pytest.importorskip(_package, reason=f"needs the {_package} package")


@pytest.mark.parametrize(
    "name", ["mujoco_hopper", "mujoco_pusher", "mujoco_reacher", "mujoco_inverted_double_pendulum"]
)
def test_restored_states_go_on_as_in_envpool(name):
    for difference in compare_dynamics(name, num_steps=5):
        assert difference.same_end
        assert difference.observation < 1e-5 and difference.reward < 1e-5


def test_the_suites_rewards_and_next_states_are_envpools():
    found = compare_suite("dmc_cartpole_balance", num_envs=4, num_steps=40)
    assert found.num_restored == found.num_states >= 10
    assert found.rewards.max() > 0.5
    assert found.reward_differences.max() < 1e-5 and found.next_differences.max() < 1e-5


def test_a_different_reward_is_found():
    """EnvPool's ball in a cup is caught sooner than dm_control's; should this fail, `auto` can take EnvPool for it."""
    found = compare_suite("dmc_ball_in_cup_catch", num_envs=24, num_steps=300)
    assert found.reward_differences.max() == 1
    assert found.next_differences.max() < 1e-5


def test_beginnings_are_drawn_from_the_same_distribution():
    starts = compare_starts("mujoco_reacher", num_resets=64)
    assert starts.worst_mean < 5 and starts.worst_deviation < 1.6 and starts.worst_constant < 1e-5


def test_different_beginnings_are_found():
    """EnvPool's upper poles start nearer to hanging; should this fail, `auto` can take EnvPool for the task."""
    assert compare_starts("dmc_cartpole_two_poles", num_resets=64).worst_deviation > 10


def test_prints_a_line_per_name(capsys):
    main(["speed", "dmc_cartpole_swingup", "--seconds=0.01"])
    assert capsys.readouterr().out.startswith("dmc_cartpole_swingup")
