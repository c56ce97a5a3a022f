"""Matches from the command line, between policies that were really trained, for a moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from sample_factory.algorithms.appo import match
from sample_factory.algorithms.appo.match import main
from sample_factory.system.checkpoints import save_state


@pytest.fixture
def folder(meeting: list[str]) -> Path:
    """The experiment."""
    return Path(meeting[0].split("=")[1]) / "meeting_3"


@pytest.fixture
def newest(folder: Path) -> Path:
    """A checkpoint of policy 1."""
    return sorted((folder / "checkpoint_p1").glob("checkpoint_*.pth"))[-1]


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith("error: ")
    return captured.err.removeprefix("error: ").removesuffix("\n")


def test_players_of_a_cooperative_game_always_tie(meeting, newest, tmp_path, capsys):
    out = tmp_path / "result.json"
    players = ["meeting_3", f"meeting_3:1:{newest.name}", "random"]
    assert main([meeting[0], "--players", *players, "--episodes=10", "--seed=3", f"--out={out}"]) == 0
    result = json.loads(out.read_text())
    assert (result["env"], result["episodes"], result["num_envs"], result["seed"]) == ("meeting_3", 10, 4, 3)
    assert [player["name"] for player in result["players"]] == players
    assert (result["players"][1]["policy"], result["players"][1]["checkpoint"]) == (1, newest.name)
    pairs = {(pair["row"], pair["column"]): pair for pair in result["pairs"]}
    assert list(pairs) == [(players[0], players[1]), (players[0], players[2]), (players[1], players[2])]
    for pair in pairs.values():
        assert (pair["wins"], pair["ties"], pair["losses"], pair["score"]) == (0, 10, 0, 0.5)
        assert pair["row_in_even_seats"]["ties"] == pair["row_in_odd_seats"]["ties"] == 5
        assert pair["mean_score_in_episodes"][0] == pair["mean_score_in_episodes"][1]
    output = capsys.readouterr().out
    assert output.count("0/10/0") == 6 and output.count("0.500 [0.361, 0.639]") == 6

    assert main([meeting[0], "--players", *players, "--episodes=10", "--seed=3", f"--out={out}"]) == 0
    assert json.loads(out.read_text()) == result, "equal seeds, other games"


@pytest.mark.parametrize("place", ["milestones", "pool"])
def test_checkpoints_are_found_in_milestones_and_pool(meeting, newest, place, capsys):
    target = newest.parent / place / f"old_{place}.pth"
    target.parent.mkdir(exist_ok=True)
    shutil.copy(newest, target)
    assert main([meeting[0], "--players", f"meeting_3:1:{target.name}", "random", "--episodes=2"]) == 0
    assert "0/2/0" in capsys.readouterr().out


def test_another_environment_is_possible_if_it_looks_the_same(meeting, capsys):
    players = ["--players", "meeting_3:0", "meeting_3:1", "--episodes=2", "--eval_deterministic=True"]
    assert main([meeting[0], *players, "--env=meeting_4", "--num_envs=2"]) == 0
    assert "0/2/0" in capsys.readouterr().out
    error = _error(capsys, meeting[0], *players, "--env=tmaze_3")
    assert error == "tmaze_3 has one agent: nobody can play against another one"


def test_players_of_different_spaces_are_one_line(meeting, tmaze, capsys):
    players = ["--players", "random", "tmaze_3", "meeting_3", "--episodes=2"]
    error = _error(capsys, meeting[0], *players)
    assert error == "tmaze_3 was trained in tmaze_3 and meeting_3 in meeting_3: say with --env where they play"
    error = _error(capsys, meeting[0], *players, "--env=meeting_3")
    assert error.startswith("tmaze_3 cannot play in meeting_3: it was trained with observation 'obs' Box(")
    assert ", which is Box(" in error and error.endswith(" there")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--players is required"),
        (["--players", "a"], "--players=a must be at least two"),
        (["--players", "a", "b", "a"], "--players has a twice"),
        (["--players", "a", "b", "--episodes=3"], "--episodes=3 must be even: the players change places"),
        (["--players", "a", "b", "--num_envs=5"], "--num_envs=5 must be even"),
        (["--players", "a", "b", "--episodes=0"], "--episodes=0 must be at least 2"),
        (["--players", "a", "b", "--out=nowhere/a.json"], "--out=nowhere/a.json is in a folder that does not exist"),
        (["--players", "a:one", "b"], "player a:one is not <experiment>, <experiment>:<policy> or <experiment>:"),
        (["--players", "a::best", "b"], "player a::best is not <experiment>"),
        (["--players", ":0", "b"], "player :0 is not <experiment>"),
        (["--players", "nobody", "random"], "player nobody: there is no experiment to evaluate: "),
        (["--players", "meeting_3:2", "random"], "player meeting_3:2: --policy_index=2 must be less than"),
        (["--players", "meeting_3:0:best", "random"], "player meeting_3:0:best: there is no best checkpoint in "),
        (["--players", "meeting_3:0:x.pth", "random"], "player meeting_3:0:x.pth: there is no file x.pth in "),
        (["--players", "meeting_3:0:../cfg.json", "random"], "player meeting_3:0:../cfg.json: there is no file ../cfg"),
        (["--players", "a", "random", "--import_module=no_such"], "--import_module=no_such: No module named 'no_such'"),
        (["--playres", "a", "b"], "unknown flag --playres; did you mean --players?"),
    ],
)
def test_mistakes_are_one_line(meeting, capsys, arguments, message):
    assert _error(capsys, meeting[0], *arguments).startswith(message)


def test_files_that_are_no_checkpoints_are_one_line(meeting, newest, capsys):
    bytes_only, not_a_policy = newest.with_name("bytes.pth"), newest.with_name("other.pth")
    bytes_only.write_bytes(b"nothing")
    save_state(not_a_policy, {"train_step": 1})
    try:
        error = _error(capsys, meeting[0], "--players", "meeting_3:1:bytes.pth", "random")
        assert error.startswith("player meeting_3:1:bytes.pth: cannot read checkpoint ")
        error = _error(capsys, meeting[0], "--players", "meeting_3:1:other.pth", "random")
        assert error == f"player meeting_3:1:other.pth: {not_a_policy} is no checkpoint of a policy"
    finally:
        bytes_only.unlink()
        not_a_policy.unlink()


def test_an_interrupted_match_shows_what_is_complete_and_writes_nothing(meeting, tmp_path, capsys, monkeypatch):
    real, played = match.play_games, []

    def interrupt_the_second(*arguments):
        if played:
            os.kill(os.getpid(), signal.SIGINT)
        played.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(match, "play_games", interrupt_the_second)
    out = tmp_path / "result.json"
    players = ["meeting_3:0", "meeting_3:1", "random"]
    assert main([meeting[0], "--players", *players, "--episodes=2", f"--out={out}"]) == 2
    output = capsys.readouterr().out
    assert output.count("0/2/0") == 2 and "stopped: " in output
    assert len(played) == 2 and not out.exists()
