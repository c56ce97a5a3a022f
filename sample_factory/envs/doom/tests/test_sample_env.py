"""Random play from the command line, on the real engine."""

import re

import numpy as np
import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.sample_env import main


def _lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main([*arguments, "--no_render"]) == 0
    return capsys.readouterr().out.splitlines()


def test_every_episode_and_their_mean_are_printed(capsys):
    lines = _lines(capsys, "--env=doom_basic", "--num_episodes=3", "--seed=2")
    rewards = [float(line.split("reward ")[1].split(",")[0]) for line in lines[:3]]
    assert [line.split(":")[0] for line in lines[:3]] == ["episode 0", "episode 1", "episode 2"]
    assert f"reward {np.mean(rewards):.3f} (standard deviation {np.std(rewards):.3f})" in lines[3]
    assert re.fullmatch(r"\d+ steps per second, \d+ frames per second", lines[4])


def test_a_seed_gives_the_same_episodes_again(capsys):
    first, second, other = (_lines(capsys, "--env=doom_basic", "--num_episodes=2", f"--seed={s}") for s in (2, 2, 3))
    assert first[:3] == second[:3] and first[:3] != other[:3]


def test_agents_of_a_match_are_counted_one_by_one(capsys):
    lines = _lines(capsys, "--env=doom_duel", "--num_episodes=1", "--timelimit=0.05")
    assert [line.split(":")[0] for line in lines[:2]] == ["episode 0, agent 0", "episode 0, agent 1"]
    assert lines[2].startswith("2 episodes")


def test_mistakes_are_one_line(capsys):
    for argument, message in (("--env=doom_bsaic", "unknown Doom environment"), ("--fps=-1", "--fps=-1")):
        assert main(["--env=doom_basic", argument]) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
