"""The actor-critic as sampler and learner see it. Knows no loss."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor

from sample_factory.models.actor_critic import ActorCritic, PolicyStep, make_actor_critic
from sample_factory.models.tests.model_options import SmallModelOptions
from sample_factory.models.tests.test_encoders import rows
from sample_factory.rl import distributions
from sample_factory.rl.spaces import MASK_KEY, TextSpace, action_layout, observation_keys

OPTIONS = SmallModelOptions()
VECTOR = gym.spaces.Box(-1, 1, (7,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (40, 48, 3), np.uint8)
ACTIONS: dict[str, gym.Space[Any]] = {
    "discrete": gym.spaces.Discrete(5),
    "masked": gym.spaces.Discrete(5),
    "multi": gym.spaces.MultiDiscrete([3, 2, 4]),
    "box": gym.spaces.Box(-1, 1, (3,), np.float32),
    "mix": gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Discrete(2))),
}
MEMORIES: dict[str, dict[str, Any]] = {
    "none": {"use_rnn": False},
    "gru": {"rnn_type": "gru"},
    "lstm": {"rnn_type": "lstm"},
    "deep gru": {"rnn_num_layers": 2},
    "deep lstm": {"rnn_type": "lstm", "rnn_num_layers": 2},
}
STEPS, ROWS = 6, 3


def make(
    actions: str = "discrete", observations: gym.Space[Any] = VECTOR, seed: int = 0, **changes: Any
) -> tuple[ActorCritic, dict[str, Any]]:
    torch.manual_seed(seed)
    spaces = {"obs": observations}
    if actions == "masked":
        spaces[MASK_KEY] = gym.spaces.Box(0, 1, (5,), np.int8)
    keys = observation_keys(gym.spaces.Dict(spaces))
    model = make_actor_critic(keys, action_layout(ACTIONS[actions]), replace(OPTIONS, **changes))
    return model, dict(keys)


def sample_trajectory(model: ActorCritic, keys: dict[str, Any]) -> tuple[dict[str, Tensor], Tensor, Tensor, PolicyStep]:
    """Observations, initial state, resets and what `act` gave, all [T, B, ...]."""
    flat = rows(keys, STEPS * ROWS)
    obs = {name: x.view(STEPS, ROWS, *x.shape[1:]) for name, x in flat.items()}
    resets = torch.rand(STEPS, ROWS, generator=torch.Generator().manual_seed(4)) < 0.3
    generator = torch.Generator().manual_seed(0)
    first = state = torch.randn(ROWS, model.state_size, generator=generator)
    steps = []
    for t in range(STEPS):
        step = model.act({name: x[t] for name, x in obs.items()}, state, generator)
        state = torch.where(resets[t][:, None], 0.0, step.state)
        steps.append(step)
    return obs, first, resets, PolicyStep(*(torch.stack(x) for x in zip(*steps, strict=True)))


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("memory", list(MEMORIES))
@pytest.mark.parametrize("actions", list(ACTIONS))
def test_evaluating_what_was_sampled_gives_ratio_one_and_no_divergence(actions: str, memory: str, share: bool) -> None:
    model, keys = make(actions, actor_critic_share_weights=share, **MEMORIES[memory])
    obs, state, resets, sampled = sample_trajectory(model, keys)
    params, values = model.evaluate(obs, state, resets)
    mask = model.action_mask(obs)
    log_probs = distributions.log_prob(model.layout, params, sampled.actions, mask)
    torch.testing.assert_close(log_probs, sampled.log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(values, sampled.values, rtol=0, atol=1e-5)
    divergence = distributions.kl(model.layout, params, sampled.action_logits, mask)
    torch.testing.assert_close(divergence, torch.zeros(STEPS, ROWS), rtol=0, atol=1e-5)
    # The memory is not an ornament: other resets give other parameters.
    if memory != "none":
        assert not torch.allclose(model.evaluate(obs, state, torch.zeros_like(resets))[0], params, atol=1e-4)


def test_evaluating_what_was_sampled_gives_ratio_one_where_observations_have_texts() -> None:
    space = gym.spaces.Dict({"vector": VECTOR, "order": TextSpace(50, 8)})
    model, keys = make(observations=space)
    obs, state, resets, sampled = sample_trajectory(model, keys)
    params, values = model.evaluate(obs, state, resets)
    log_probs = distributions.log_prob(model.layout, params, sampled.actions, None)
    torch.testing.assert_close(log_probs, sampled.log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(values, sampled.values, rtol=0, atol=1e-5)
    # The text has a say.
    other = {**obs, "obs/order": obs["obs/order"].flip(1)}
    assert not torch.allclose(model.evaluate(other, state, resets)[0], params, atol=1e-4)


@pytest.mark.parametrize("actions", list(ACTIONS))
def test_what_act_returns_fits_the_layout(actions: str) -> None:
    model, keys = make(actions)
    result = model.act(rows(keys, ROWS), model.initial_state(ROWS), torch.Generator().manual_seed(0))
    layout = model.layout
    assert result.actions.shape == (ROWS, layout.num_actions) and result.actions.numpy().dtype == layout.dtype
    assert result.action_logits.shape == (ROWS, layout.num_logits)
    assert result.log_probs.shape == result.values.shape == (ROWS,)
    assert result.state.shape == (ROWS, model.state_size)
    assert {x.dtype for x in result[1:]} == {torch.float32} and not any(x.requires_grad for x in result)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"use_rnn": False}, 0),
        ({}, 16),
        ({"rnn_type": "lstm"}, 32),
        ({"rnn_type": "lstm", "rnn_num_layers": 2, "actor_critic_share_weights": False}, 128),
    ],
)
def test_state_size(changes: dict[str, Any], size: int) -> None:
    assert make(**changes)[0].state_size == size


def test_same_generator_state_gives_same_actions_and_deterministic_gives_the_mode() -> None:
    model, keys = make("masked")
    obs, state = rows(keys, 64), model.initial_state(64)
    first, second = (model.act(obs, state, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.actions, second.actions)
    best = model.act(obs, state, deterministic=True)
    mask = obs[MASK_KEY]
    assert torch.equal(best.actions, distributions.mode(model.layout, best.action_logits, mask))
    assert not torch.equal(best.actions, first.actions)
    for actions in (best.actions, first.actions):
        assert mask.gather(1, actions.long()).all()


def test_separate_weights_share_nothing() -> None:
    model, keys = make(actor_critic_share_weights=False)
    obs, state, resets, _ = sample_trajectory(model, keys)
    torch.autograd.backward(model.evaluate(obs, state, resets)[1].sum())
    for encoder, core, used in zip(model.encoders, model.cores, (False, True), strict=True):
        gradients = [p.grad for p in (*encoder.parameters(), *core.parameters())]
        assert all((g is not None and bool(g.any())) == used for g in gradients)


@pytest.mark.parametrize("actions", ["box", "mix"])
def test_learned_stddev_is_one_vector_for_all_rows(actions: str) -> None:
    model, keys = make(actions, adaptive_stddev=False, initial_stddev=0.5)
    result = model.act(rows(keys, ROWS), model.initial_state(ROWS))
    first = 3 if actions == "box" else 5
    log_stddevs = result.action_logits[:, first : first + model.action_head.log_stddev.numel()]
    torch.testing.assert_close(log_stddevs, torch.full_like(log_stddevs, math.log(0.5)))
    obs, state, resets, sampled = sample_trajectory(model, keys)
    params, _ = model.evaluate(obs, state, resets)
    torch.autograd.backward(distributions.log_prob(model.layout, params, sampled.actions).sum())
    assert model.action_head.log_stddev.grad is not None and model.action_head.log_stddev.grad.all()


@pytest.mark.parametrize("memory", ["none", "gru", "lstm"])
@pytest.mark.parametrize("share", [True, False])
def test_bfloat16_trunk_keeps_float32_results_close(memory: str, share: bool) -> None:
    changes = {**MEMORIES[memory], "actor_critic_share_weights": share, "obs_scale": 255.0, "normalize_input": False}
    model, keys = make("discrete", IMAGE, **changes)
    obs, state = rows(keys, ROWS), torch.zeros(ROWS, model.state_size)
    precise = model.act(obs, state)
    with torch.autocast("cpu", torch.bfloat16):
        autocast = model.act(obs, state)
        trained = model.evaluate({k: v[None] for k, v in obs.items()}, state, torch.zeros(1, ROWS, dtype=torch.bool))
    torch.autograd.backward(trained[0].sum() + trained[1].sum())
    model.to_inference_precision(torch.bfloat16)
    converted = model.act(obs, state)
    assert {p.dtype for p in (*model.encoders.parameters(), *model.cores.parameters())} == {torch.bfloat16}
    assert model.value_head.weight.dtype == model.action_head.linear.weight.dtype == torch.float32
    for result in (autocast, converted):
        assert result.action_logits.dtype == result.values.dtype == result.state.dtype == torch.float32
        torch.testing.assert_close(result.action_logits, precise.action_logits, rtol=0, atol=0.03)
        torch.testing.assert_close(result.values, precise.values, rtol=0, atol=0.03)


def test_convolutions_are_stored_channels_last_and_stay_so() -> None:
    model, _ = make("discrete", IMAGE, use_spectral_norm=True)
    for other in (model, copy.deepcopy(model), model.to_inference_precision(torch.bfloat16)):
        weights = [p for p in other.encoders.parameters() if p.dim() == 4]
        assert len(weights) == 3
        assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)


def test_spectral_norm_survives_copies_and_state_dicts() -> None:
    model, keys = make("discrete", IMAGE, use_spectral_norm=True)
    obs = rows(keys, ROWS)
    model.act(obs, model.initial_state(ROWS))
    model.eval()
    expected = model.act(obs, model.initial_state(ROWS)).action_logits
    other, _ = make("discrete", IMAGE, seed=1, use_spectral_norm=True)
    other.eval().load_state_dict(model.state_dict())
    for twin in (other, copy.deepcopy(model)):
        torch.testing.assert_close(twin.act(obs, twin.initial_state(ROWS)).action_logits, expected)


def test_running_normalization_is_learned_only_on_request_and_stored_with_the_weights() -> None:
    model, keys = make("discrete", gym.spaces.Box(-100, 100, (7,), np.float32), normalize_input=True)
    flat = {"obs": rows(keys, 64)["obs"] * 10 + 50}
    obs = {"obs": flat["obs"].view(8, 8, 7)}
    valid = torch.rand(8, 8, generator=torch.Generator().manual_seed(0)) < 0.8
    clean = obs["obs"][valid]
    obs["obs"][~valid] = math.nan
    state = model.initial_state(len(clean))
    before = model.act({"obs": clean}, state).action_logits
    torch.testing.assert_close(model.act({"obs": clean}, state).action_logits, before, rtol=0, atol=0)
    model.update_normalizers(obs, valid)
    normalized = model.input_normalizer({"obs": clean})["obs"]
    torch.testing.assert_close(normalized.mean(0), torch.zeros(7), rtol=0, atol=1e-4)
    torch.testing.assert_close(normalized.std(0, correction=0), torch.ones(7), rtol=0, atol=1e-3)
    assert not torch.allclose(model.act({"obs": clean}, state).action_logits, before)
    twin, _ = make("discrete", gym.spaces.Box(-100, 100, (7,), np.float32), seed=1, normalize_input=True)
    twin.load_state_dict(model.state_dict())
    torch.testing.assert_close(twin.input_normalizer({"obs": clean})["obs"], normalized)
    assert float(model.input_normalizer({"obs": clean + 1e6})["obs"].max()) == 5.0


def test_images_are_normalized_per_channel_and_integers_not_at_all() -> None:
    torch.manual_seed(0)
    space = gym.spaces.Dict({"obs": IMAGE, "goal": gym.spaces.Discrete(4)})
    keys = observation_keys(space)
    options = replace(OPTIONS, normalize_input=True, obs_scale=255.0)
    model = make_actor_critic(keys, action_layout(gym.spaces.Discrete(2)), options)
    obs = rows(keys, 5)
    model.update_normalizers(obs, torch.ones(5, dtype=torch.bool))
    normalized = model.input_normalizer(obs)
    torch.testing.assert_close(normalized["obs"].mean((0, 1, 2)), torch.zeros(3), rtol=0, atol=1e-4)
    assert normalized["goal"] is obs["goal"]
    assert model.act(obs, model.initial_state(5)).values.isfinite().all()


def test_heads_take_any_leading_axes() -> None:
    model, _ = make(actor_critic_share_weights=False)
    params, values = model.heads(torch.randn(4, 3, 32))
    assert params.shape == (4, 3, 5) and values.shape == (4, 3)


def test_an_observation_with_nothing_but_a_mask_is_refused() -> None:
    keys = observation_keys(gym.spaces.Dict({MASK_KEY: gym.spaces.Box(0, 1, (5,), np.int8)}))
    with pytest.raises(ValueError, match="besides 'action_mask'"):
        make_actor_critic(keys, action_layout(gym.spaces.Discrete(5)), OPTIONS)
