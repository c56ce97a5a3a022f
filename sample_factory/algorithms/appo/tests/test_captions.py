"""What is said under the frames, without frames."""

from __future__ import annotations

import numpy as np

from sample_factory.algorithms.appo.captions import Captions
from sample_factory.envs.contract import new_step_arrays


def test_captions_join_the_words_of_environment_and_policy():
    captions, result = Captions(2), new_step_arrays(2)
    overlays = [{"health": "80", "action": "left"}, {"health": "7"}]
    assert captions.texts(overlays)[1] == {"health": "7", "reward": "0.00", "value": "", "action": ""}
    captions.decide(np.array([[1, 0], [2, 3]], np.int32), np.array([0.5, -1.25], np.float32))
    result.rewards[:] = (1, 2)
    captions.step(result)
    captions.step(result)
    first, second = captions.texts(overlays)
    assert first == {"health": "80", "reward": "2.00", "value": "0.50", "action": "left"}
    assert second == {"health": "7", "reward": "4.00", "value": "-1.25", "action": "2 3"}


def test_the_reward_counts_from_the_start_of_the_episode():
    captions, result = Captions(1), new_step_arrays(1)
    result.rewards[:] = 3
    captions.step(result)
    result.rewards[:], result.resets[:] = 0, True
    captions.step(result)
    assert captions.texts([{}])[0]["reward"] == "0.00"
