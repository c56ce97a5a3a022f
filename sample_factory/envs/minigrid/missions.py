"""The words of missions, and what an observation looks like. Knows neither backend."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from sample_factory.envs.text import Vocabulary

# A checkpoint knows words by their places in this list: new ones go to its end.
_WORDS = (
    "a after and at avoid ball behind blue box door end fetch find from front get go goal green grey hallway in key "
    "lava left matching maze must near next object of on open opening pick purple put reach red right room rooms "
    "square the then to traverse unlock up use yellow you your"
)
_MINIGRID = Vocabulary(_WORDS.split(), length=24)
# "put a red ball in front of you next to a red door in front of you" has 17 words; four of these are joined.
_BABYAI = Vocabulary(_WORDS.split(), length=72)


def vocabulary(gym_id: str) -> Vocabulary:
    """The vocabulary of an environment; the words are the same for all, texts of BabyAI are longer."""
    return _BABYAI if gym_id.startswith("BabyAI-") else _MINIGRID


def observation_space(image: gym.Space[Any], texts: Vocabulary) -> gym.spaces.Dict:
    """`obs` uint8 [7, 7, 3] (type, colour and state of each cell), `direction` of the agent, `mission`."""
    return gym.spaces.Dict({"obs": image, "direction": gym.spaces.Discrete(4), "mission": texts.space})
