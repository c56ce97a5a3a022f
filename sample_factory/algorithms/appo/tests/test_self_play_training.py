"""Self-play comes near the equilibrium of a game that is known, and gets better than its own past in another one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sample_factory.algorithms.appo.evaluation_batch import play_episodes
from sample_factory.algorithms.appo.match import main as match
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.past_versions import FOLDER
from sample_factory.algorithms.appo.tests.training_run import training
from sample_factory.algorithms.appo.trained_policy import load_checkpoint_file, make_trained_policy
from sample_factory.algorithms.appo.wiring import checkpoint_folder
from sample_factory.config.values import namespace
from sample_factory.envs import registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # minutes each on idle cores, more on busy ones
COMMON = (
    "--num_envs_per_worker=64",
    "--hidden_size=64",
    "--encoder_extra_fc_layers=0",
    "--use_rnn=False",
    "--rollout=32",
    "--recurrence=32",
    "--batch_size=4096",
    "--learning_rate=0.001",
    "--seed=1",
)
PENNIES = (
    "--env=pennies_10",
    *COMMON,
    "--gamma=0.9",
    "--exploration_loss_coeff=0.1",
    "--self_play_pool_size=20",
    "--self_play_past_share=0.8",
    "--self_play_save_every=200000",
    "--train_for_env_steps=4000000",
)
PURSUIT = (
    "--env=pursuit_4",
    *COMMON,
    "--exploration_loss_coeff=0.1",
    "--self_play_pool_size=4",
    "--self_play_save_every=500000",
    "--train_for_env_steps=2950000",
)


def heads_by_seat(train_dir: Path) -> np.ndarray:
    """Share of heads of every past version in each seat [versions, 2], in games against itself."""
    config = parse_evaluation_options([f"--train_dir={train_dir}", "--experiment=run", "--device=cpu"])
    files = sorted((checkpoint_folder(train_dir / "run", 0) / FOLDER).glob("*.pth"))
    env = registry.make_batched(config.run.env, namespace(config), 256, is_training=False)
    shares = []
    for file in files:
        checkpoint = load_checkpoint_file(train_dir / "run", 0, file.name)
        policy = make_trained_policy(config, checkpoint, env.keys, env.actions, env.num_rows, seed=1)
        episodes = play_episodes(env, policy, 256, 512, 1, lambda: False)
        assert episodes is not None
        shares.append([np.mean([e.extra["heads"] for e in episodes if e.row % 2 == seat]) for seat in range(2)])
    env.close()
    return np.array(shares)


def test_the_pool_of_matching_pennies_mixes_evenly_on_average(tmp_path):
    with training(tmp_path, *PENNIES) as run:
        assert run.wait(600) == 0, run.output
    shares = heads_by_seat(tmp_path)
    print(np.round(shares, 3))
    assert len(shares) == 20
    assert (np.abs(shares.mean(axis=0) - 0.5) < 0.05).all(), shares


def test_the_late_pursuit_policy_beats_each_of_its_past_versions(tmp_path):
    with training(tmp_path, *PURSUIT) as run:
        assert run.wait(900) == 0, run.output
    files = sorted((checkpoint_folder(tmp_path / "run", 0) / FOLDER).glob("*.pth"))
    assert len(files) == 4
    for file in files:
        out = tmp_path / "match.json"
        players = ["run", f"run:0:{file.name}"]
        options = ["--episodes=20000", "--num_envs=512", "--seed=1", f"--train_dir={tmp_path}", f"--out={out}"]
        assert match(["--players", *players, *options]) == 0
        result = json.loads(out.read_text())
        print(file.name, result["pairs"][0]["score"], result["pairs"][0]["score_interval"])
        assert result["pairs"][0]["score_interval"][0] > 0.5
