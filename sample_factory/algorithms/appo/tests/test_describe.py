"""What can be known before anything starts is said before anything starts."""

import gymnasium as gym
import pytest

from sample_factory.algorithms.appo.describe import check_exploration
from sample_factory.config.learning import LearningConfig
from sample_factory.rl.spaces import action_layout

_HYBRID = action_layout(gym.spaces.Tuple([gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (1,))]))


def test_an_exploration_loss_that_needs_discrete_actions_is_refused_for_others():
    with pytest.raises(ValueError, match="--exploration_loss=symmetric_kl needs discrete actions"):
        check_exploration(LearningConfig(exploration_loss="symmetric_kl"), _HYBRID)
    check_exploration(LearningConfig(exploration_loss="entropy"), _HYBRID)
    check_exploration(LearningConfig(exploration_loss="symmetric_kl", exploration_loss_coeff=0), _HYBRID)
    check_exploration(LearningConfig(exploration_loss="symmetric_kl"), action_layout(gym.spaces.Discrete(3)))
