"""People at the keyboard, whom random buttons stand in for, on the real engine."""

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.match import DoomMatch
from sample_factory.envs.doom.network import free_port, invitation
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.person import Person
from sample_factory.envs.doom.play_doom import main
from sample_factory.envs.doom.specs import SPECS

_ROOT = Path(__file__).parents[4]


@pytest.fixture
def _window_without_display(monkeypatch):
    """The engine opens its window, and nobody sees it."""
    for name, value in (("DISPLAY", ":0"), ("SDL_VIDEODRIVER", "dummy"), ("SDL_RENDER_DRIVER", "software")):
        monkeypatch.setenv(name, value)


def test_every_episode_is_printed_with_its_return(capsys):
    assert main(["--env=doom_basic", "--no_window", "--num_episodes=2", "--seed=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["episode 0", "episode 1"]
    assert all(": reward " in line and line.endswith(" tics") for line in lines)


def test_a_match_with_bots_is_printed_with_its_frags(capsys):
    assert main(["--env=doom_duel_bots", "--no_window", "--num_episodes=1", "--timelimit=0.05"]) == 0
    assert "frags 0, deaths 0" in (line := capsys.readouterr().out) and line.endswith("105 tics\n")


def test_a_window_shows_every_tic_at_the_speed_of_the_game(_window_without_display):
    spec = replace(SPECS["doom_basic"], timeout_tics=84)
    with closing(Person(spec, DoomOptions())) as person:
        person.play_episode(lambda: True)  # starts the engine
        started = time.monotonic()
        episode = person.play_episode(lambda: False)
        seconds = time.monotonic() - started
    assert episode is not None and episode.num_tics == 84
    assert episode.total_reward == pytest.approx(-0.84) and episode.score == -84  # nobody pressed a key
    assert seconds > 0.9 * 84 / 35


def test_agents_have_windows_and_the_speed_of_the_game(_window_without_display):
    with closing(DoomMatch(SPECS["doom_duel"], DoomOptions(), render_mode="human")) as match:
        match.reset(seed=1)
        started = time.monotonic()
        for _ in range(6):
            match.step([match.action_space.sample()] * 2)
        assert time.monotonic() - started > 0.9 * 23 / 35
        assert match.render() is None


def test_people_join_a_match_of_agents_and_leave_it(monkeypatch, capsys):
    port = free_port()
    monkeypatch.setattr("sample_factory.envs.doom.match.free_port", lambda: port)
    options = DoomOptions(num_agents=1, num_humans=1, timelimit=0.05)
    said = invitation(SPECS["doom_duel"], options, port)
    assert said.startswith("waiting 10 minutes for 1 person: python -m ") and "\n" not in said
    flags = said.split("play_doom ")[1].split()
    command = [sys.executable, "-m", "sample_factory.envs.doom.play_doom", *flags, "--no_window", "--num_episodes=1"]
    with closing(DoomMatch(SPECS["doom_duel"], options)) as match:
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as person:
            observations, _ = match.reset(seed=1)
            assert said in capsys.readouterr().out
            assert observations[0]["measurements"][6] == pytest.approx(2 / 5)  # players
            started, ended, steps = time.monotonic(), [False], 0
            while not ended[0]:
                _, rewards, _, ended, infos = match.step([match.action_space.sample()])
                steps += 1
            assert np.isfinite(rewards).all() and infos[0]["episode_extra_stats"]["final_place"] in (1, 2)
            assert time.monotonic() - started > 0.9 * 4 * (steps - 1) / 35  # people cannot play faster
            match.step([match.action_space.sample()])
            played, _ = person.communicate(timeout=60)
        assert person.returncode == 0
        assert played.startswith("episode 0: reward ") and "frags 0" in played
        match.step([match.action_space.sample()])  # goes on without the person


def test_an_invitation_names_what_must_be_the_same():
    options = DoomOptions(num_agents=1, num_humans=2, doom_map_seed=3, timelimit=1.5, doom_scenarios_dir="my maps")
    said = invitation(SPECS["doom_duel"], options, 4000)
    assert "2 people" in said
    assert said.endswith(
        "--env=doom_duel --join=127.0.0.1:4000 --doom_map_seed=3 --doom_scenarios_dir='my maps' --timelimit=1.5"
    )


def test_mistakes_are_one_line(monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    without_window = ["--no_window", "--num_episodes=1"]
    for arguments, message in (
        (["--env=doom_basic"], "no display for a window"),
        (["--env=doom_basic", "--no_window"], "--no_window needs --num_episodes"),
        (["--env=doom_basic", "--join=here", *without_window], "--join=here is not of the form HOST:PORT"),
        (["--env=doom_duel", *without_window], "enjoy_appo --num_humans=1 hosts"),
        (["--env=tmaze_3", *without_window], "--env=tmaze_3 is no Doom environment"),
    ):
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
