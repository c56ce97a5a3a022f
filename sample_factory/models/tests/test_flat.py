"""Flat weight vectors: what goes in comes out. Knows no transport."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from sample_factory.models.flat import FlatWeights
from sample_factory.models.tests.test_actor_critic import make
from sample_factory.models.tests.test_encoders import rows

IMAGE = gym.spaces.Box(0, 255, (40, 48, 3), np.uint8)


@pytest.mark.parametrize("changes", [{"normalize_input": True}, {"use_spectral_norm": True}, {"rnn_type": "lstm"}])
def test_a_round_trip_makes_an_equal_model(changes: dict[str, Any]) -> None:
    source, keys = make("box", IMAGE, **changes)
    source.update_normalizers(rows(keys, 4), torch.ones(4, dtype=torch.bool))
    source.eval()
    weights = FlatWeights(source)
    flat = torch.full((weights.size,), float("nan"))
    weights.write_to(flat)
    target, _ = make("box", IMAGE, seed=1, **changes)
    FlatWeights(target.eval()).load(flat)
    for (name, expected), loaded in zip(source.state_dict().items(), target.state_dict().values(), strict=True):
        torch.testing.assert_close(loaded, expected, rtol=0, atol=0, msg=name)
    results = [model.act(rows(keys), model.initial_state(2), deterministic=True) for model in (source, target)]
    torch.testing.assert_close(results[1].action_logits, results[0].action_logits)


def test_a_bfloat16_model_loads_float32_weights() -> None:
    source, _ = make("discrete", IMAGE)
    flat = torch.empty(FlatWeights(source).size)
    FlatWeights(source).write_to(flat)
    target, _ = make("discrete", IMAGE, seed=1)
    weights = FlatWeights(target)
    target.to_inference_precision(torch.bfloat16)  # which puts other tensors into the model
    weights.load(flat)
    for (name, expected), loaded in zip(source.state_dict().items(), target.state_dict().values(), strict=True):
        assert torch.equal(loaded, expected.to(loaded.dtype)), name


def test_a_vector_of_another_size_is_refused() -> None:
    weights = FlatWeights(make()[0])
    with pytest.raises(AssertionError, match="does not fit"):
        weights.load(torch.zeros(weights.size + 1))


def test_statistics_that_were_replaced_are_what_is_written() -> None:
    model, keys = make("box", IMAGE, normalize_input=True)
    weights = FlatWeights(model)
    before, after = torch.empty(weights.size), torch.empty(weights.size)
    weights.write_to(before)
    model.update_normalizers(rows(keys, 4), torch.ones(4, dtype=torch.bool))
    weights.write_to(after)
    saved = [tensor.flatten() for tensor in model.state_dict().values() if tensor.is_floating_point()]
    assert torch.equal(after, torch.cat(saved)) and not torch.equal(after, before)
