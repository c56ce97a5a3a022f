"""Words have the numbers that policies were trained with."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sample_factory.envs.dmlab.instructions import LENGTH, SIZE, WORDS, instruction_space, make_encoder, word_bucket


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("aaabbbccc", 28),
        ("12313123132", 28),
        ("RL", 24),
        ("dmlab", 35),
        ("a cupful of liquid that was almost, but not quite, entirely unlike tea", 37),
    ],
)
def test_buckets_of_a_small_vocabulary_are_those_of_version_1(word, number):
    assert word_bucket(word, 42) == number


def test_hashed_instructions_are_those_of_version_1():
    encode = make_encoder("md5")
    assert encode("Pick the red object in the blue room").tolist() == [373, 132, 380, 720, 620, 132, 544, 958] + [0] * 8
    assert encode("red?")[0] == 279 != encode("red")[0]  # punctuation belongs to the word
    assert not encode("").any()


@pytest.mark.parametrize("vocabulary", ["md5", "words"])
def test_long_instructions_are_cut_off(vocabulary):
    encode = make_encoder(vocabulary)
    words = [f"word{number}" for number in range(40)]
    encoded = encode(" ".join(words))
    assert encoded.shape == (LENGTH,) and (encoded > 0).all()
    assert encoded.tolist() == encode(" ".join(words[:LENGTH])).tolist()
    assert instruction_space().contains(encoded)


def test_hashes_collide_where_words_with_numbers_of_their_own_do_not():
    assert word_bucket("balloon") == word_bucket("ladder") and word_bucket("cow") == word_bucket("fridge")
    encode = make_encoder("words")
    numbers = [encode(word)[0] for word in WORDS]
    assert len(set(numbers)) == len(WORDS) and max(numbers) < SIZE
    assert encode("RED object?").tolist() == encode("red object").tolist()


@pytest.mark.parametrize("vocabulary", ["md5", "words"])
def test_every_process_has_the_same_numbers(vocabulary):
    text = "Pick the unheard-of thing"
    code = f"from {make_encoder.__module__} import *; print(make_encoder({vocabulary!r})({text!r}).tolist())"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == str(make_encoder(vocabulary)(text).tolist())


def test_what_is_remembered_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        make_encoder("md5")("red")[0] = 1
    assert make_encoder("md5")("red").dtype == np.int32
