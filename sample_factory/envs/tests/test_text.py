"""Texts as numbers of words. Knows no environment."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from sample_factory.envs.text import Vocabulary

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
