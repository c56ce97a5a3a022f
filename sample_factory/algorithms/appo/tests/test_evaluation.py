"""Evaluation from the command line, on experiments that were really trained."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio
import imageio_ffmpeg
import numpy as np
import pytest

from sample_factory.algorithms.appo.enjoy_appo import main
from sample_factory.algorithms.appo.evaluation import evaluate
from sample_factory.algorithms.appo.evaluation_batch import play_episodes
from sample_factory.algorithms.appo.evaluation_report import summarize
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.tests.envs_to_watch import CLIP_STEPS, Scripted
from sample_factory.algorithms.appo.tests.test_enjoy import Fake
from sample_factory.algorithms.status import Status
from sample_factory.envs.batching import batch_envs
from sample_factory.envs.tests.envs_for_tests import Duel
from sample_factory.system.tests.videos import read_mp4


def _folder(names: list[str]) -> Path:
    return Path(names[0].split("=")[1]) / names[1].split("=")[1]


def _rewards(output: str) -> list[str]:
    return [line.split(";")[0] for line in output.splitlines() if line.startswith("episode ")]


def _new_report(names: list[str], *arguments: str) -> tuple[dict, list[dict]]:
    folder = _folder(names) / "evaluation"
    before = set(folder.glob("*")) if folder.is_dir() else set()
    assert main([*names, *arguments]) == 0
    new = sorted(set(folder.glob("*")) - before)
    assert [path.suffix for path in new] == [".csv", ".json"] and new[0].stem == new[1].stem
    with new[0].open() as file:
        return json.loads(new[1].read_text()), list(csv.DictReader(file))


def test_a_headless_evaluation_prints_its_episodes_and_returns_their_mean(cartpole, capsys):
    result = evaluate(parse_evaluation_options([*cartpole, "--no_render", "--max_num_episodes=3"]))
    status, mean_reward = result
    lines = _rewards(capsys.readouterr().out)
    assert status == Status.SUCCESS and len(lines) == 3
    rewards = [float(line.split("reward ")[1].split(",")[0]) for line in lines]
    assert mean_reward == pytest.approx(np.mean(rewards)) and min(rewards) >= 8


@pytest.mark.parametrize("how", ["--eval_deterministic=True", "--eval_deterministic=False"])
def test_equal_seeds_give_equal_episodes(cartpole, capsys, how):
    runs = []
    for seed in (5, 5, 6):
        assert main([*cartpole, "--no_render", "--max_num_episodes=4", f"--seed={seed}", how]) == 0
        runs.append(_rewards(capsys.readouterr().out))
    assert runs[0] == runs[1] and len(runs[0]) == 4
    assert runs[0] != runs[2]


def test_options_of_the_training_that_are_not_for_evaluation_are_left_behind(cartpole):
    config = parse_evaluation_options(cartpole)
    assert (config.run.env, config.model.hidden_size) == ("gym_CartPole-v1", 16)
    assert config.run.seed is None and config.run.device == "cpu"
    assert parse_evaluation_options([*cartpole, "--device=gpu", "--seed=1"]).run.device == "gpu"


def test_the_files_of_a_fast_evaluation_agree_with_each_other(cartpole, capsys):
    report, table = _new_report(cartpole, "--sample_env_episodes=10", "--seed=1")
    rewards = [float(line["reward"]) for line in table]
    assert len(rewards) == report["num_episodes"] == 10
    assert report["episode_rewards"] == rewards
    assert report["reward"]["mean"] == pytest.approx(np.mean(rewards))
    assert report["reward"]["standard_error"] == pytest.approx(np.std(rewards, ddof=1) / np.sqrt(10))
    # Four environments: quotas 3, 3, 2, 2.
    assert [int(line["env"]) for line in table] == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert [float(line["frames"]) for line in table] == rewards  # CartPole
    assert report["seed"] == 1 and report["num_envs"] == 4 and report["checkpoint"].endswith(".pth")
    assert f"{report['reward']['mean']:.3f} +-" in capsys.readouterr().out
    again, _ = _new_report(cartpole, "--sample_env_episodes=10", "--seed=1")
    assert again["episode_rewards"] == rewards


def test_true_objectives_and_statistics_are_reported(clip):
    report, table = _new_report(clip, "--sample_env_episodes=1")
    assert report["true_objective"]["mean"] == 7.0 and report["episode_extra_stats"] == {"depth": 2.0}
    assert report["reward"] == {"mean": CLIP_STEPS, "standard_error": None, "min": CLIP_STEPS, "max": CLIP_STEPS}
    assert table[0]["true_objective"] == "7.0"


def test_short_episodes_do_not_push_out_long_ones():
    lengths = [[1], [1, 9], [9], [9, 1]]
    env = batch_envs("scripted", lambda i: Scripted(lengths[i]), 4)
    episodes = play_episodes(env, Fake(), 4, 8, seed=0, stopping=lambda: False)  # type: ignore[arg-type]
    assert episodes is not None
    played = [[e.reward for e in episodes if e.row == row] for row in range(4)]
    assert played == [[1, 1], [1, 9], [9, 9], [9, 1]]  # the first 8 that end would have a mean of 2
    assert summarize(episodes, 1)["reward"]["mean"] == 5.0


def test_every_agent_has_the_episodes_of_its_environment():
    env = batch_envs("duel", lambda i: Duel(length=3), 2)
    episodes = play_episodes(env, Fake(), 2, 3, seed=0, stopping=lambda: False)  # type: ignore[arg-type]
    assert episodes is not None
    assert [(e.row, e.number) for e in episodes] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 0)]
    summary = summarize(episodes, 2)
    assert summary["mean_reward_of_agents"] == [3.0, 4.0]
    # Agents differ, matches do not: three equal matches have no error.
    assert summary["reward"]["standard_error"] == 0.0
    assert summary["true_objective"]["mean"] == 5.0


def test_an_interrupted_fast_evaluation_has_no_result():
    env = batch_envs("scripted", lambda i: Scripted([5]), 2)
    assert play_episodes(env, Fake(), 2, 8, seed=0, stopping=lambda: True) is None  # type: ignore[arg-type]


def test_a_missing_experiment_is_one_line(train_dir, capsys):
    assert main([f"--train_dir={train_dir}", "--experiment=nowhere", "--env=gym_CartPole-v1"]) == 1
    error = capsys.readouterr().err
    assert error == f"error: there is no experiment to evaluate: {train_dir / 'nowhere'} has no cfg.json\n"
    assert not (train_dir / "nowhere").exists()


def test_another_architecture_is_one_line_with_the_first_difference(cartpole, capsys):
    assert main([*cartpole, "--no_render", "--max_num_episodes=1", "--hidden_size=8"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "is of another architecture" in error
    assert "(16, 4) in the checkpoint and (8, 4) in the model" in error


def test_restarting_makes_no_sense(cartpole, capsys):
    assert main([*cartpole, "--restart_behavior=overwrite"]) == 1
    assert "--restart_behavior=overwrite is for training" in capsys.readouterr().err
    assert (_folder(cartpole) / "cfg.json").exists()


def test_a_video_has_a_frame_for_every_reset_and_every_step(clip, capsys):
    assert main([*clip, "--save_video", "--max_num_episodes=2"]) == 0
    path = _folder(clip) / "replay.mp4"
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert frames == 2 * (CLIP_STEPS + 1) and f"{frames} frames in {path}" in capsys.readouterr().out
    assert seconds == pytest.approx(frames / 10, abs=0.2)  # the environment's own speed


def test_a_full_video_ends_the_evaluation(clip):
    assert main([*clip, "--save_video", "--video_name=short.gif", "--video_frames=8", "--fps=50"]) == 0
    with imageio.get_reader(_folder(clip) / "short.gif") as reader:
        frames = [np.asarray(frame)[0, 0, 0] for frame in reader]
        assert reader.get_meta_data(0)["duration"] == 20
    assert frames == [0, 40, 80, 120, 160, 200, 0, 40]


def test_episodes_are_recorded_one_by_one(clip, tmp_path):
    assert main([*clip, f"--record_to={tmp_path}", "--max_num_episodes=2"]) == 0
    paths = sorted((tmp_path / "clip").iterdir())
    assert [path.name for path in paths] == ["ep_000_r5.00.mp4", "ep_001_r5.00.mp4"]
    assert [imageio_ffmpeg.count_frames_and_secs(str(path))[0] for path in paths] == [CLIP_STEPS + 1] * 2


def test_a_recurrent_policy_is_watched_and_sampled(tmaze, capsys):
    assert main([*tmaze, "--no_render", "--max_num_episodes=5"]) == 0
    assert len(_rewards(capsys.readouterr().out)) == 5
    report, _ = _new_report(tmaze, "--sample_env_episodes=30")
    assert report["num_episodes"] == 30 and {round(reward, 3) for reward in report["episode_rewards"]} <= {
        4.0,
        0.0,
        -0.1,
    }


def test_doom_is_filmed_frame_by_frame(doom):
    assert main([*doom, "--save_video", "--max_num_frames=20", "--seed=1", "--overlay=False"]) == 0
    frames = read_mp4(_folder(doom) / "replay.mp4", 640, 480)
    assert len(frames) == 21
    _, seconds = imageio_ffmpeg.count_frames_and_secs(str(_folder(doom) / "replay.mp4"))
    assert seconds == pytest.approx(21 / 35, abs=0.05)
    # The floor is brown: more red than blue; the ceiling, darker, is above it.
    ceiling, floor = frames[9][40:80, 280:360].mean((0, 1)), frames[9][260:300, 50:200].mean((0, 1))
    assert floor[0] > floor[2] + 10 and floor.sum() > ceiling.sum() + 50


def test_doom_is_filmed_with_what_there_is_to_know_under_the_frames(doom):
    assert main([*doom, "--save_video", "--video_name=known.mp4", "--max_num_frames=5", "--seed=1"]) == 0
    assert main([*doom, "--save_video", "--video_name=bare.gif", "--max_num_frames=5", "--seed=1"]) == 0
    with imageio.get_reader(_folder(doom) / "known.mp4") as reader:
        frame = np.asarray(reader.get_data(4))
    assert frame.shape[1] == 640 and frame.shape[0] > 520
    caption = frame[480:]
    assert caption.max() > 200 and np.median(caption) < 40
    with imageio.get_reader(_folder(doom) / "bare.gif") as reader:
        assert np.asarray(reader.get_data(4)).shape[:2] == (120, 160)


def test_recorded_doom_episodes_can_be_replayed_by_the_game(doom, tmp_path, capsys):
    from sample_factory.envs.doom import doom_play_demo

    assert main([*doom, f"--record_to={tmp_path}", "--max_num_episodes=1", "--seed=1"]) == 0
    rewards = [line.split("reward ")[1].split(",")[0] for line in _rewards(capsys.readouterr().out)]
    demos = sorted((tmp_path / "doom_basic").glob("*.lmp"))
    assert [path.with_suffix(".mp4").exists() for path in demos] == [True]
    for path, reward in zip(demos, rewards, strict=True):
        assert doom_play_demo.main([f"--demo_path={path}"]) == 0
        assert f"reward {reward}" in capsys.readouterr().out


def test_ctrl_c_ends_with_status_2(cartpole):
    command = [sys.executable, "-u", "-m", "sample_factory.algorithms.appo.enjoy_appo", *cartpole, "--no_render"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True) as run:
        assert run.stdout is not None
        while not (line := run.stdout.readline()).startswith("episode 0"):
            assert line, "ended before the first episode"
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 2 and "Traceback" not in errors
