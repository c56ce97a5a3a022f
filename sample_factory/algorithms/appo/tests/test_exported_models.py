"""Exported networks give what the policy gives, whatever they are made of. Know no environment."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo.export.acting_module import STATE, ActingModule
from sample_factory.algorithms.appo.export.rehearsal import Twin
from sample_factory.algorithms.appo.export.torchscript import TorchScriptRunner, write_torchscript
from sample_factory.models.actor_critic import ActorCritic, make_actor_critic
from sample_factory.models.tests.model_options import SmallModelOptions
from sample_factory.models.tests.test_encoders import rows
from sample_factory.rl import distributions
from sample_factory.rl.spaces import MASK_KEY, KeySpec, TextSpace, action_layout, observation_keys

Keys = dict[str, KeySpec]
Export = Callable[[ActingModule, Path], Twin]
ROWS_TRACED, ROWS_PLAYED = 3, 40
"""Different, and enough of the latter for the kernels that only large batches take."""

VECTOR = gym.spaces.Box(-1, 1, (7,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (40, 48, 3), np.uint8)
DISCRETE = gym.spaces.Discrete(5)
MIX = gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Discrete(2)))
CASES: dict[str, tuple[dict[str, gym.Space[Any]], gym.Space[Any], dict[str, Any]]] = {
    "vector": ({"obs": VECTOR}, DISCRETE, {"use_rnn": False}),
    "normalised": ({"obs": VECTOR}, DISCRETE, {"normalize_input": True, "obs_scale": 2.0}),
    "image": ({"obs": IMAGE}, DISCRETE, {"obs_subtract_mean": 128.0, "obs_scale": 128.0}),
    "resnet": ({"obs": IMAGE}, DISCRETE, {"encoder_type": "resnet", "encoder_subtype": "resnet_impala"}),
    "wide": ({"obs": VECTOR}, DISCRETE, {"encoder_mlp_layers": (512, 512), "hidden_size": 512}),
    "integers": ({"obs": VECTOR, "n": gym.spaces.MultiDiscrete([3, 4])}, DISCRETE, {}),
    "masked": ({"obs": VECTOR, MASK_KEY: gym.spaces.Box(0, 1, (5,), np.int8)}, DISCRETE, {}),
    "texts": ({"obs": VECTOR, "words": TextSpace(30, 6)}, DISCRETE, {"encoder_custom": "dmlab_instructions"}),
    "mix": ({"obs": VECTOR}, MIX, {"adaptive_stddev": False, "nonlinearity": "tanh"}),
    "deep gru": ({"obs": VECTOR}, DISCRETE, {"rnn_num_layers": 2}),
    "deep lstm": ({"obs": VECTOR}, MIX, {"rnn_type": "lstm", "rnn_num_layers": 2, "nonlinearity": "relu"}),
    "separate": ({"obs": VECTOR}, DISCRETE, {"actor_critic_share_weights": False}),
    "spectral": ({"obs": VECTOR}, DISCRETE, {"use_spectral_norm": True}),
}


def torchscript(module: ActingModule, folder: Path) -> Twin:
    write_torchscript(module, ROWS_TRACED, folder / "policy.pt")
    return TorchScriptRunner(folder / "policy.pt")


def onnx(module: ActingModule, folder: Path) -> Twin:
    from sample_factory.algorithms.appo.export.onnx_file import OnnxRunner, write_onnx

    write_onnx(module, ROWS_TRACED, folder / "policy.onnx")
    return OnnxRunner(folder / "policy.onnx")


HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
FORMATS = [torchscript, pytest.param(onnx, marks=pytest.mark.skipif(not HAS_ONNX, reason="needs onnx, onnxruntime"))]


def make(case: str) -> tuple[ActorCritic, Keys]:
    spaces, actions, changes = CASES[case]
    torch.manual_seed(0)
    keys = observation_keys(gym.spaces.Dict(spaces))
    return make_actor_critic(keys, action_layout(actions), replace(SmallModelOptions(), **changes)).eval(), dict(keys)


@pytest.mark.parametrize("export", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_an_exported_network_gives_what_the_policy_gives(case: str, export: Export, tmp_path: Path) -> None:
    model, keys = make(case)
    if case == "normalised":
        model.update_normalizers(rows(keys, 50), torch.ones(50, dtype=torch.bool))
    obs = rows(keys, ROWS_PLAYED)
    if MASK_KEY in obs:
        obs[MASK_KEY] = (torch.arange(5 * ROWS_PLAYED).view(ROWS_PLAYED, 5) % 3 == 0).to(torch.int8)
    state = torch.randn(ROWS_PLAYED, model.state_size, generator=torch.Generator().manual_seed(1))
    expected = model.act(obs, state, deterministic=True)
    inputs = {name: x.numpy() for name, x in obs.items()} | ({STATE: state.numpy()} if model.state_size else {})

    actions, params, values, *next_state = export(ActingModule(model, keys), tmp_path)(inputs)

    mask = model.action_mask(obs)
    usable = distributions.usable_params(model.layout, expected.action_logits, mask).numpy()
    assert params == pytest.approx(usable, rel=1e-4, abs=1e-4) and params.dtype == np.float32
    assert np.isclose(actions, expected.actions.numpy(), atol=1e-4).all()
    assert actions.dtype == model.layout.dtype
    assert values == pytest.approx(expected.values.numpy(), rel=1e-4, abs=1e-4)
    assert len(next_state) == (model.state_size > 0)
    if next_state:
        assert next_state[0] == pytest.approx(expected.state.numpy(), abs=1e-4)


def test_usable_params_need_no_mask_and_no_limits() -> None:
    layout = action_layout(MIX)
    #                       3 logits         means     log stddevs   2 logits
    params = torch.tensor([[0.0, 1.0, 2.0, 0.5, -0.5, 90.0, -90.0, 3.0, 4.0]])
    mask = torch.tensor([[1, 0, 1, 0, 1]], dtype=torch.int8)
    usable = distributions.usable_params(layout, params, mask)
    assert usable[0, [0, 2, 3, 4, 8]].tolist() == [0.0, 2.0, 0.5, -0.5, 4.0]
    assert (usable[0, [1, 7]] < -1e8).all()
    assert usable[0, 5:7].exp().tolist() == pytest.approx([1e5, 1e-5], rel=1e-3)


def test_an_observation_must_not_be_called_like_the_state() -> None:
    keys = observation_keys(gym.spaces.Dict({STATE: VECTOR}))
    model = make_actor_critic(keys, action_layout(DISCRETE), SmallModelOptions())
    with pytest.raises(ValueError, match="an observation is called rnn_state"):
        ActingModule(model, keys)
