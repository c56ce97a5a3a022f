"""Environments of several families are trained on for a moment, in serial mode. Knows no adapter."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from sample_factory.algorithms.appo import enjoy_appo, train_appo

_SERIAL = (
    "--device=cpu --serial_mode=True --precision=float32 --num_workers=1 --num_envs_per_worker=4 "
    "--worker_num_splits=1 --rollout=16 --recurrence=16 --batch_size=64 --hidden_size=16 --seed=3"
)
_PARALLEL_ENVS = "pettingzoo_sample_factory.envs.tests.parallel_envs_for_tests"
_NEEDS_PETTINGZOO = pytest.mark.skipif(not importlib.util.find_spec("pettingzoo"), reason="needs pettingzoo")


def _train(train_dir: Path, env: str, *arguments: str) -> list[str]:
    """Returns the arguments that name the experiment."""
    names = [f"--train_dir={train_dir}", "--experiment=small"]
    assert train_appo.main([f"--env={env}", *names, *_SERIAL.split(), *arguments]) == 0
    return names


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        ("recall_2", ["--use_rnn=True"]),
        ("meeting_3", ["--use_rnn=True"]),
        pytest.param(_PARALLEL_ENVS, ["--use_rnn=True"], marks=_NEEDS_PETTINGZOO),
        pytest.param(_PARALLEL_ENVS, ["--use_rnn=False", '--env_kwargs={"kind": "masked"}'], marks=_NEEDS_PETTINGZOO),
    ],
)
def test_is_trained_on_and_played(env, arguments, tmp_path, capsys):
    names = _train(tmp_path, env, *arguments, "--train_for_env_steps=600")
    assert enjoy_appo.main([*names, "--no_render", "--max_num_episodes=3"]) == 0
    assert "episode 2" in capsys.readouterr().out


def test_procgen_is_trained_on_played_and_filmed(tmp_path):
    pytest.importorskip("envpool", reason="EnvPool has no wheel for this Python")
    from sample_factory.envs.envpool_vector import make_spec

    try:
        make_spec("BigfishEasy-v0")
    except ValueError as error:
        pytest.skip(str(error))
    names = _train(
        tmp_path,
        "procgen_bigfish",
        "--encoder_type=conv",
        "--encoder_subtype=convnet_simple",
        "--train_for_env_steps=300",
    )
    assert enjoy_appo.main([*names, "--procgen_num_levels=0", "--no_render", "--max_num_frames=20"]) == 0
    assert enjoy_appo.main([*names, "--save_video", "--max_num_frames=20"]) == 0
    assert (tmp_path / "small" / "replay.mp4").stat().st_size > 0


def test_a_bandits_best_arm_is_found(tmp_path):
    """The smallest environment that can be learned: 8 with the best arm, 5 at random."""
    names = _train(
        tmp_path,
        "bandit_4",
        *("--use_rnn=False", "--learning_rate=0.01", "--ppo_epochs=2", "--with_vtrace=False"),
        "--train_for_env_steps=6000",
    )
    assert enjoy_appo.main([*names, "--sample_env_episodes=200", "--seed=1"]) == 0
    (path,) = (tmp_path / "small" / "evaluation").glob("*.json")
    assert json.loads(path.read_text())["reward"]["mean"] > 7.3
