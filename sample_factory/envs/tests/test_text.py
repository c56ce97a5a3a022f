"""Texts as numbers of words. Knows no environment."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.rules import leaf_problem
from sample_factory.envs.text import Vocabulary
from sample_factory.rl.spaces import TextSpace, observation_keys

WORDS = ("go", "to", "the", "red", "ball")


def test_known_words_have_numbers_of_their_own_and_can_be_read_back() -> None:
    texts = Vocabulary(WORDS, length=6, size=20)
    encoded = texts.encode("Go to the red ball, the ball")
    assert encoded.dtype == np.int32 and encoded.tolist() == [1, 2, 3, 4, 5, 3]
    assert texts.decode(encoded) == "go to the red ball the"
    assert texts.decode(texts.encode("the, ball.")) == "the ball"
    assert texts.encode("").tolist() == [0] * 6 and texts.decode(texts.encode("")) == ""
    assert encoded in texts.space


def test_unknown_words_share_the_other_numbers() -> None:
    texts = Vocabulary(WORDS, length=400, size=10)
    encoded = texts.encode(" ".join(f"word{i}" for i in range(400)))
    assert set(encoded.tolist()) == {6, 7, 8, 9}
    assert encoded in texts.space


def test_numbers_are_the_same_in_every_process() -> None:
    code = (
        "from sample_factory.envs.text import Vocabulary; print(Vocabulary(length=3).encode('pick up this').tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    here = f"{Vocabulary(length=3).encode('pick up this').tolist()}\n".encode()
    assert outputs == {here}


def test_what_is_encoded_cannot_be_changed_by_who_gets_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Vocabulary(WORDS).encode("go")[0] = 7


@pytest.mark.parametrize("words", [("a", "b", "a"), tuple("abcdefghij")])
def test_words_must_be_different_and_fit(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must fit"):
        Vocabulary(words, size=10)


def test_a_text_is_a_key_of_its_own_kind() -> None:
    keys = observation_keys(gym.spaces.Dict({"order": TextSpace(20, 6), "tool": gym.spaces.MultiDiscrete([20] * 6)}))
    assert [keys[name].kind for name in ("order", "tool")] == ["text", "integer"]
    order = pickle.loads(pickle.dumps(keys["order"]))
    assert (order.kind, order.shape, order.dtype, order.categories) == ("text", (6,), np.int32, (20,) * 6)
    assert isinstance(order.space, TextSpace)


def test_words_outside_the_vocabulary_are_found_before_training() -> None:
    space = TextSpace(20, 3)
    assert leaf_problem(space, np.array([19, 0, 0], np.int32)) is None
    assert "outside the declared 0 to 19" in str(leaf_problem(space, np.array([20, 0, 0], np.int32)))
    assert "declared (3,)" in str(leaf_problem(space, np.array([1, 0], np.int32)))
