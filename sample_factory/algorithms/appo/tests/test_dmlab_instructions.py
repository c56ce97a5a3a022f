"""Instructions are learnt to be followed, and cannot be guessed: minutes long."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from sample_factory.algorithms.appo import train_appo
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.trained_policy import load_checkpoint, make_trained_policy
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.observations import zero_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

_COMMAND = shlex.split(
    "--algo=APPO --env=dmlab_language_select_described_object --encoder_custom=dmlab_instructions "
    "--encoder_subtype=convnet_simple --hidden_size=128 --use_rnn=True --rollout=32 --recurrence=32 --batch_size=1024 "
    "--ppo_epochs=2 --with_vtrace=False --ppo_clip_ratio=0.2 --learning_rate=0.0005 --gamma=0.95 "
    "--normalize_returns=True --exploration_loss_coeff=0.01 --max_grad_norm=1 --num_workers=2 --num_envs_per_worker=16 "
    "--device=cpu --seed=1"
)
_GAMES = 16


def right_and_wrong(train_dir: Path, experiment: str) -> tuple[int, int]:
    """How often a trained policy went to the object of the instruction, and to the other one, in 16 episodes."""
    config = parse_evaluation_options([f"--train_dir={train_dir}", f"--experiment={experiment}", "--device=cpu"])
    env = registry.make_batched(config.run.env, namespace(config), _GAMES, is_training=False)
    checkpoint = load_checkpoint(train_dir / experiment, 0, "latest")
    policy = make_trained_policy(config, checkpoint, env.keys, env.actions, env.num_rows, seed=1)
    obs, result = zero_rows(env.keys, _GAMES), new_step_arrays(_GAMES)
    is_playing, right, wrong = np.ones(_GAMES, np.bool_), 0, 0
    env.reset(5, obs)
    while is_playing.any():
        ended = env.step(policy.act(obs), obs, result)
        policy.forget(result.resets)
        right += int((result.rewards[is_playing] > 1).sum())
        wrong += int((result.rewards[is_playing] < -1).sum())
        is_playing[[episode.row for episode in ended]] = False
    env.close()
    return right, wrong


@pytest.mark.parametrize("with_instructions", [True, False])
def test_only_who_reads_the_instruction_goes_to_the_right_object(deepmind_lab, tmp_path, with_instructions):
    frames = 2_000_000 if with_instructions else 800_000
    places = [f"--train_dir={tmp_path}", f"--dmlab_level_cache_path={tmp_path}/cache", "--experiment=run"]
    how = [f"--dmlab_with_instructions={with_instructions}", f"--train_for_env_steps={frames}"]
    assert train_appo.main([*_COMMAND, *places, *how]) == 0
    right, wrong = right_and_wrong(tmp_path, "run")
    assert right + wrong > 100
    if with_instructions:
        assert right / (right + wrong) > 0.95
    else:
        assert abs(right / (right + wrong) - 0.5) < 3 * 0.5 / np.sqrt(right + wrong)
