"""Loading a checkpoint, and acting with it."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.trained_policy import load_checkpoint, make_trained_policy, with_means
from sample_factory.config.experiment import experiment_dir
from sample_factory.envs.small.tmaze import ACTION_SPACE, OBSERVATION_SPACE
from sample_factory.rl.spaces import action_layout, observation_keys


def test_means_replace_samples_of_continuous_parts_only():
    space = gym.spaces.Tuple(
        (gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.MultiDiscrete([2, 2]))
    )
    layout = action_layout(space)
    actions = np.array([[2, 9.0, 9.0, 1, 0]], np.float32)
    #         3 logits      means       log stddevs  2 x 2 logits
    logits = np.array([[0, 0, 0, 0.25, -0.5, 3.0, 3.0, 0, 0, 0, 0]], np.float32)
    assert with_means(layout, actions, logits).tolist() == [[2, 0.25, -0.5, 1, 0]]
    assert actions[0, 1] == 9.0  # the policy's own array stays as it is


def test_forgetting_a_row_is_starting_it_anew(tmaze):
    config = parse_evaluation_options([*tmaze, "--eval_deterministic=True"])
    checkpoint = load_checkpoint(experiment_dir(config.run), 0, "latest")
    keys, layout = observation_keys(OBSERVATION_SPACE), action_layout(ACTION_SPACE)
    policy = make_trained_policy(config, checkpoint, keys, layout, num_rows=2, seed=0)
    obs = {"obs": np.ones((2, 4), np.float32)}
    policy.act(obs)
    first = policy._state.copy()
    assert np.array_equal(first[0], first[1]) and first.any()
    policy.forget(np.array([False, True]))
    policy.act(obs)
    assert np.array_equal(policy._state[1], first[1])
    assert not np.array_equal(policy._state[0], first[0])


def test_a_missing_checkpoint_is_named(cartpole):
    folder = experiment_dir(parse_evaluation_options(cartpole).run)
    with pytest.raises(ValueError, match=r"no best checkpoint in .*checkpoint_p0; .*--load_checkpoint_kind=latest"):
        load_checkpoint(folder, 0, "best")
