"""The encoder of texts against a plain loop over rows and words. Knows no vocabulary."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from sample_factory.models.flat import FlatWeights
from sample_factory.models.text_encoder import TextEncoder

NUM_WORDS, LENGTH = 30, 7
TEXTS = [[], [5], [5, 6], [6, 5], [29, 1, 2, 3, 4, 5, 6], [5, 6], [5, 6, 7]]


def make(seed: int = 0) -> TextEncoder:
    torch.manual_seed(seed)
    return TextEncoder(NUM_WORDS, LENGTH)


def words(texts: list[list[int]], length: int = LENGTH) -> Tensor:
    return torch.tensor([text + [0] * (length - len(text)) for text in texts], dtype=torch.int32)


def oracle(encoder: TextEncoder, texts: list[list[int]]) -> Tensor:
    """One text after the other, word by word, through a single cell."""
    rnn = encoder.rnn
    features = []
    for text in texts:
        hidden = cell = torch.zeros(1, rnn.hidden_size, dtype=rnn.weight_ih_l0.dtype)
        for word in text:
            gates = (rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0)
            hidden, cell = torch.lstm_cell(encoder.embedding.weight[word][None], (hidden, cell), *gates)
        features.append(hidden[0])
    return torch.stack(features)


def test_values_and_gradients_equal_a_loop_over_words() -> None:
    encoder = make().double()
    weights = torch.randn(len(TEXTS), encoder.output_size, dtype=torch.float64)
    mine, theirs = encoder(words(TEXTS)), oracle(encoder, TEXTS)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    found, wanted = ([*torch.autograd.grad((x * weights).sum(), list(encoder.parameters()))] for x in (mine, theirs))
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def test_an_empty_text_is_zero_and_nothing_is_learned_from_it() -> None:
    encoder = make()
    features = encoder(words([[], []]))
    assert features.shape == (2, 64) and not features.any()
    features.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in encoder.parameters())


def test_how_much_room_is_left_behind_a_text_does_not_matter() -> None:
    encoder = make()
    longer = TextEncoder(NUM_WORDS, 40)
    longer.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(longer(words(TEXTS, 40)), encoder(words(TEXTS)))
    alone = torch.cat([encoder(words([text])) for text in TEXTS])
    torch.testing.assert_close(alone, encoder(words(TEXTS)), rtol=1e-5, atol=1e-6)


def test_without_gradients_the_same_comes_out_and_each_text_is_read_once() -> None:
    encoder = make()
    expected = encoder(words(TEXTS)).detach()
    read: list[int] = []
    encoder.rnn.register_forward_hook(lambda _, inputs, output: read.append(inputs[0].shape[1]))
    with torch.no_grad():
        for rows in (slice(0, 3), slice(0, 7), slice(2, 6)):
            torch.testing.assert_close(encoder(words(TEXTS[rows])), expected[rows], rtol=1e-5, atol=1e-6)
    assert read == [3, 3]  # the other three of six different texts only when they are met, and never again


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("change", ["optimizer", "load_flat", "load_state_dict", "half", "copy"])
def test_nothing_is_remembered_of_other_weights(change: str, mode: Any) -> None:
    encoder, other = make(), make(1)
    with mode():
        before = encoder(words(TEXTS))
    if change == "optimizer":
        optimizer = torch.optim.Adam(encoder.parameters(), 0.1)
        encoder(words(TEXTS)).sum().backward()
        optimizer.step()
    elif change == "load_flat":
        flat = torch.empty(FlatWeights(other).size)
        FlatWeights(other).write_to(flat)
        with mode():  # as the sampler does; in inference mode torch does not count that weights were written
            FlatWeights(encoder).load(flat)
    elif change == "load_state_dict":
        encoder.load_state_dict(other.state_dict(), assign=True)
    elif change == "half":
        encoder.to(torch.bfloat16)
    else:
        encoder = copy.deepcopy(encoder)
        encoder.load_state_dict(other.state_dict())
    expected = encoder(words(TEXTS)).detach()
    with mode():
        after = encoder(words(TEXTS))
    assert after.dtype == expected.dtype
    torch.testing.assert_close(after, expected, rtol=1e-2 if change == "half" else 1e-5, atol=1e-6)
    assert not torch.equal(after.float(), before)


def test_bfloat16_is_close() -> None:
    encoder = make()
    expected = encoder(words(TEXTS)).detach()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(encoder(words(TEXTS)).float(), expected, rtol=0, atol=0.02)
    converted = encoder.to(torch.bfloat16)
    assert converted.hash_factors.dtype == torch.int64
    with torch.no_grad():
        torch.testing.assert_close(converted(words(TEXTS)).float(), expected, rtol=0, atol=0.02)
