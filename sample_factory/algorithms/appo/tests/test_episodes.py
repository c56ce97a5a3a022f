"""Adding up steps to episodes, and episodes to numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sample_factory.algorithms.appo.episodes import EpisodeCounter, estimate, share_evenly
from sample_factory.envs.contract import EpisodeInfo, StepArrays, new_step_arrays


def _step(rewards: list[float], resets: tuple[int, ...] = ()) -> StepArrays:
    result = new_step_arrays(len(rewards))
    result.rewards[:] = rewards
    result.frames[:] = 4
    result.resets[list(resets)] = True
    return result


def test_an_episode_has_the_rewards_and_frames_since_the_one_before():
    counter = EpisodeCounter(2)
    assert counter.take(_step([1.0, 10.0]), []) == []
    info = {"true_reward": 5, "episode_extra_stats": {"kills": 3, "map": "arena", "won": np.True_}}
    (first,) = counter.take(_step([2.0, 20.0]), [EpisodeInfo(1, info)])
    assert (first.row, first.number, first.reward, first.frames) == (1, 0, 30.0, 8)
    assert first.true_objective == 5.0 and first.extra == {"kills": 3.0, "won": 1.0}
    (second,) = counter.take(_step([3.0, 1.0]), [EpisodeInfo(1, {})])
    assert (second.number, second.reward, second.true_objective) == (1, 1.0, None)
    assert counter.finished.tolist() == [0, 2]


def test_the_reward_of_an_invalid_last_step_counts():
    counter = EpisodeCounter(1)
    counter.take(_step([1.0]), [])
    (episode,) = counter.take(_step([0.0], resets=(0,)), [EpisodeInfo(0, {}, lost_reward=2.5)])
    assert episode.reward == 3.5


def test_what_a_failed_environment_leaves_behind_is_no_part_of_the_next_episode():
    counter = EpisodeCounter(1)
    counter.take(_step([100.0]), [])
    counter.take(_step([0.0], resets=(0,)), [])
    (episode,) = counter.take(_step([1.0]), [EpisodeInfo(0, {})])
    assert episode.reward == 1.0 and episode.number == 0


def test_mean_and_standard_error_are_those_of_the_textbook():
    outcome = estimate([1.0, 2.0, 3.0, 6.0])
    assert outcome.mean == 3.0 and (outcome.min, outcome.max) == (1.0, 6.0)
    assert outcome.standard_error == pytest.approx(math.sqrt(14 / 3 / 4))
    assert math.isnan(estimate([1.0]).standard_error)


def test_shares_differ_by_at_most_one():
    assert share_evenly(11, 4).tolist() == [3, 3, 3, 2]
    assert np.array_equal(share_evenly(4, 4), np.ones(4))
