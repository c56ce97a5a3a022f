"""Recorded episodes play again as they were, on the real engine."""

import json
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.demos import Demo, read_demo
from sample_factory.envs.doom.doom_play_demo import main
from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.specs import SPECS
from sample_factory.system.tests.videos import read_mp4


def _play(name: str, folder: Path | None, num_episodes: int = 2, frameskip: int = 4, seed: int = 5) -> list[float]:
    """Returns of seeded random episodes, recorded as 0.lmp and so on if there is a folder."""
    returns = []
    with closing(DoomEnv(SPECS[name], frameskip=frameskip)) as env:
        if folder is not None:
            env.keep_demos()
        env.action_space.seed(0)
        for number in range(num_episodes):
            env.reset(seed=seed if number == 0 else None)
            total, ended = 0.0, False
            while not ended:
                _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
                total, ended = total + reward, terminated or truncated
            if folder is not None:
                env.save_demo(folder / f"{number}.lmp")
            returns.append(total)
    return returns


def _known(lmp: Path) -> Demo:
    demo = read_demo(lmp)
    assert demo is not None
    return demo


@pytest.mark.parametrize(("name", "frameskip"), [("doom_basic", 4), ("doom_battle", 1), ("doom_health_gathering", 4)])
def test_a_demo_has_the_return_of_its_episode_and_so_has_its_replay(name, frameskip, tmp_path, capsys):
    returns = _play(name, tmp_path, frameskip=frameskip)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "0.lmp", "1.json", "1.lmp"]
    for number, total in enumerate(returns):
        assert _known(tmp_path / f"{number}.lmp").total_reward == pytest.approx(total)
        assert main([f"--demo_path={tmp_path / str(number)}.lmp"]) == 0
        assert f"{name}, reward {total:.3f}" in (said := capsys.readouterr().out) and "as recorded" in said


def test_recording_does_not_change_the_episodes(tmp_path):
    assert _play("doom_battle", tmp_path) == _play("doom_battle", None)


def test_only_what_is_saved_is_kept(tmp_path):
    with closing(DoomEnv(SPECS["doom_basic"])) as env:
        env.keep_demos()
        for seed in (1, 2):
            env.reset(seed=seed)
            while not any(env.step(0)[2:4]):
                pass
            if seed == 1:
                env.save_demo(tmp_path / "first.lmp")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.json", "first.lmp"]


def test_matches_are_not_recorded(tmp_path):
    options = DoomOptions(num_agents=1, num_bots=1, timelimit=0.02)
    with closing(DoomEnv(SPECS["doom_dm"], options)) as env:
        env.keep_demos()
        env.reset(seed=1)
        while not any(env.step(env.action_space.sample())[2:4]):
            pass
        env.save_demo(tmp_path / "match.lmp")
    assert not list(tmp_path.iterdir())


def test_a_video_of_a_replay_has_a_frame_for_every_tic_in_any_size(tmp_path, capsys):
    _play("doom_basic", tmp_path, num_episodes=1, seed=7)
    demo, video = tmp_path / "0.lmp", tmp_path / "new" / "0.mp4"
    assert main(["--env=doom_basic", f"--demo_path={demo}", f"--video={video}", "--resolution=320x240"]) == 0
    frames = read_mp4(video, 640, 480)  # small frames are enlarged
    num_steps = _known(demo).num_steps
    assert 4 * (num_steps - 1) < len(frames) <= 4 * num_steps
    assert f"{len(frames)} frames in {video}" in capsys.readouterr().out


def test_another_return_than_the_recorded_one_is_a_failure(tmp_path, capsys):
    _play("doom_basic", tmp_path, num_episodes=1, seed=7)
    path = tmp_path / "0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"total_reward": 123.0}))
    assert main([f"--demo_path={tmp_path / '0.lmp'}"]) == 1
    assert "DIFFERENT from what was recorded: reward 123.000" in capsys.readouterr().out


def test_mistakes_are_one_line(tmp_path, capsys):
    _play("doom_basic", tmp_path, num_episodes=1, seed=7)
    lmp = tmp_path / "0.lmp"
    for arguments, message in (
        ([f"--demo_path={tmp_path / 'no.lmp'}"], "there is no demo"),
        ([f"--demo_path={lmp}", "--env=doom_dm"], "was recorded with --env=doom_basic, not --env=doom_dm"),
        ([f"--demo_path={lmp}", "--resolution=641x480"], "cannot be drawn with 641x480 pixels"),
        ([f"--demo_path={lmp}", "--video=a.avi"], "--video=a.avi must end in"),
    ):
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    text = lmp.with_suffix(".json").read_text()
    lmp.with_suffix(".json").write_text(json.dumps(json.loads(text) | {"scenario_sha256": "0"}))
    assert main([f"--demo_path={lmp}"]) == 1
    assert "another version of the scenario 'basic'" in capsys.readouterr().err
    lmp.with_suffix(".json").write_text("{}")
    assert main([f"--demo_path={lmp}"]) == 1
    assert "does not describe a Doom demo" in capsys.readouterr().err


def test_a_demo_alone_is_played_with_the_rules_of_the_environment_that_is_named(tmp_path, capsys):
    (total,) = _play("doom_basic", tmp_path, num_episodes=1, seed=7)
    (tmp_path / "0.json").unlink()
    assert main([f"--demo_path={tmp_path / '0.lmp'}", "--env=doom_basic"]) == 0
    assert f"reward {total:.3f}" in (said := capsys.readouterr().out) and "no .json file" in said
    assert main([f"--demo_path={tmp_path / '0.lmp'}"]) == 1
    assert "--env is required" in capsys.readouterr().err
