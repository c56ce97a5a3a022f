"""Encoders: shapes, folded constants and error messages. Knows no training."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sample_factory.models.encoders import make_encoder, make_key_encoder, make_vizdoom_encoder
from sample_factory.models.image_encoders import FirstConv, FoldedNormalization, ResidualBlock, make_image_encoder
from sample_factory.models.layers import initialize, normalize_spectrally
from sample_factory.models.registry import build_encoder
from sample_factory.models.tests.model_options import SmallModelOptions
from sample_factory.rl.spaces import KeySpec, TextSpace, observation_keys

OPTIONS = SmallModelOptions()
IMAGE = gym.spaces.Box(0, 255, (3, 40, 48), np.uint8)


def rows(keys: Mapping[str, KeySpec], count: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """Random rows in the stored layout."""
    generator = np.random.default_rng(seed)
    out = {}
    for name, spec in keys.items():
        if spec.kind == "text":
            words = generator.integers(1, spec.categories[0], size=(count, *spec.shape))
            words *= np.arange(spec.shape[0]) < generator.integers(0, spec.shape[0] + 1, size=(count, 1))
            out[name] = torch.from_numpy(words.astype(spec.dtype))
        elif spec.kind == "integer":
            columns = [generator.integers(0, n, size=count) for n in spec.categories]
            out[name] = torch.from_numpy(np.stack(columns, 1).astype(spec.dtype))
        elif spec.kind == "mask":
            mask = generator.integers(0, 2, size=(count, *spec.shape))
            mask[:, 0] = 1
            out[name] = torch.from_numpy(mask.astype(spec.dtype))
        elif spec.dtype == np.uint8:
            out[name] = torch.from_numpy(generator.integers(0, 256, size=(count, *spec.shape)).astype(np.uint8))
        else:
            out[name] = torch.from_numpy(generator.standard_normal((count, *spec.shape)).astype(spec.dtype))
    return out


@pytest.mark.parametrize(
    ("encoder_type", "subtype", "shape", "size"),
    [
        ("conv", "convnet_simple", (72, 128, 3), 2304),  # 128 x 3 x 6
        ("conv", "convnet_impala", (72, 128, 3), 32 * 7 * 14),
        ("conv", "convnet_atari", (84, 84, 4), 64 * 7 * 7),
        ("conv", "minigrid_convnet_tiny", (7, 7, 3), 64 * 3 * 3),
        ("resnet", "resnet_impala", (72, 96, 3), 32 * 9 * 12),
        ("resnet", "resnet_impala", (9, 11, 3), 32 * 2 * 2),
    ],
)
def test_image_encoders_have_the_documented_shapes(
    encoder_type: str, subtype: str, shape: tuple[int, ...], size: int
) -> None:
    options = replace(OPTIONS, encoder_type=encoder_type, encoder_subtype=subtype)
    encoder = make_image_encoder(shape, FoldedNormalization(), options)
    assert encoder.output_size == size
    assert encoder(torch.zeros(2, *shape, dtype=torch.uint8)).shape == (2, size)


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 255.0), (128.0, 255.0), (4.0, 8.0), (3.0, 1.0)])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_folded_normalization_equals_the_plain_computation(
    mean: float, scale: float, padding: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 8, 4, 2, padding=padding)
    images = torch.randint(0, 256 if scale == 255.0 else 12, (3, 12, 16, 3)).to(dtype)
    plain_input = ((images.float() - mean) / scale).permute(0, 3, 1, 2)
    results = []
    folded_conv = FirstConv(conv, FoldedNormalization(mean, scale))
    for layer, layer_input in ((folded_conv, images), (conv, plain_input)):
        conv.zero_grad()
        output = layer(layer_input)
        torch.autograd.backward(output.square().mean())
        results.append([output, conv.weight.grad, conv.bias.grad if conv.bias is not None else None])
    for folded, plain in zip(*results, strict=True):
        torch.testing.assert_close(folded, plain, rtol=1e-5, atol=1e-5)


def test_images_are_read_without_changing_their_layout() -> None:
    conv = nn.Conv2d(3, 32, 8, 4).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    output = FirstConv(conv, FoldedNormalization())(torch.zeros(2, 40, 48, 3, dtype=torch.uint8))
    assert output.is_contiguous(memory_format=torch.channels_last)


def test_image_vector_integer_and_text_keys_are_encoded_side_by_side() -> None:
    space = gym.spaces.Dict(
        {
            "obs": IMAGE,
            "speed": gym.spaces.Box(-1, 1, (4,), np.float64),
            "goal": gym.spaces.MultiDiscrete([3, 5]),
            "tool": gym.spaces.Discrete(4, start=2),
            "bits": gym.spaces.MultiBinary(6),
            "order": TextSpace(50, 8),
        }
    )
    keys = observation_keys(space)
    encoder = make_encoder(keys, replace(OPTIONS, obs_scale=255.0))
    conv_size = make_image_encoder((40, 48, 3), FoldedNormalization(), OPTIONS).output_size
    assert encoder.fully_connected[0].in_features == conv_size + 4 * 16 + 64
    assert encoder(rows(keys)).shape == (2, encoder.output_size) == (2, 16)
    # Every key has a say.
    base = rows(keys)
    for name, other in rows(keys, seed=1).items():
        assert not torch.allclose(encoder({**base, name: other}), encoder(base)), name


def test_integers_are_encoded_as_a_linear_layer_on_one_hot_vectors() -> None:
    keys = observation_keys(gym.spaces.MultiDiscrete([3, 5, 2]))
    encoder = make_encoder(keys, replace(OPTIONS, encoder_extra_fc_layers=0, encoder_mlp_layers=(16,)))
    initialize(encoder, OPTIONS)
    integers = encoder.key_encoders[0]
    x = rows(keys, count=7)["obs"]
    one_hot = torch.cat([nn.functional.one_hot(x[:, i].long(), n) for i, n in enumerate((3, 5, 2))], 1).float()
    assert isinstance(integers.table, nn.EmbeddingBag)
    expected = nn.functional.elu(one_hot @ integers.table.weight)
    torch.testing.assert_close(encoder({"obs": x}), expected)
    # Orthogonal: the transposed table has orthogonal columns of length one.
    torch.testing.assert_close(integers.table.weight @ integers.table.weight.T, torch.eye(10), rtol=0, atol=1e-5)


def test_observation_constants_apply_to_the_key_obs_only() -> None:
    box = gym.spaces.Box(-1, 1, (4,), np.float32)
    keys = observation_keys(gym.spaces.Dict({"obs": box, "other": box}))
    plain, scaled = (make_encoder(keys, o) for o in (OPTIONS, replace(OPTIONS, obs_subtract_mean=2.0, obs_scale=4.0)))
    scaled.load_state_dict(plain.state_dict())
    x = rows(keys)
    expected = plain({"obs": (x["obs"] - 2.0) / 4.0, "other": x["other"]})
    torch.testing.assert_close(scaled(x), expected)


def test_mlp_for_images_if_asked_for() -> None:
    keys = observation_keys(IMAGE)
    encoder = make_encoder(keys, replace(OPTIONS, encoder_type="mlp", encoder_subtype="mlp_mujoco", hidden_size=24))
    assert encoder(rows(keys)).shape == (2, 24)
    assert encoder.key_encoders[0].first.in_features == 40 * 48 * 3  # type: ignore[union-attr]


@pytest.mark.parametrize("nonlinearity", ["elu", "relu", "tanh"])
def test_residual_blocks_add_to_an_unchanged_input(nonlinearity: str) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, replace(OPTIONS, nonlinearity=nonlinearity))
    x = torch.randn(2, 4, 5, 5)
    activation = {"elu": nn.functional.elu, "relu": torch.relu, "tanh": torch.tanh}[nonlinearity]
    kept = x.clone()
    expected = x + block.second(activation(block.first(activation(x))))
    torch.testing.assert_close(block(x), expected)
    assert torch.equal(x, kept)


def test_resnet_gradients_reach_every_weight() -> None:
    options = replace(OPTIONS, encoder_type="resnet", encoder_subtype="resnet_impala")
    encoder = make_image_encoder((9, 11, 3), FoldedNormalization(0.0, 255.0), options)
    torch.autograd.backward(encoder(torch.randint(0, 256, (2, 9, 11, 3), dtype=torch.uint8)).sum())
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_every_kind_of_key_works_in_bfloat16() -> None:
    vector = gym.spaces.Box(-1, 1, (4,), np.float32)
    spaces = {"obs": IMAGE, "v": vector, "i": gym.spaces.MultiDiscrete([3, 5]), "t": TextSpace(50, 8)}
    keys = observation_keys(gym.spaces.Dict(spaces))
    encoder = make_encoder(keys, replace(OPTIONS, obs_subtract_mean=128.0, obs_scale=255.0))
    initialize(encoder, OPTIONS)
    x = rows(keys)
    precise = encoder(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(encoder(x).float(), precise, rtol=0, atol=0.03)
    converted = encoder.to(torch.bfloat16)(x)
    assert converted.dtype == torch.bfloat16
    torch.testing.assert_close(converted.float(), precise, rtol=0, atol=0.03)


def test_mlp_mujoco_is_two_layers_of_the_hidden_size() -> None:
    keys = observation_keys(gym.spaces.Box(-1, 1, (4,), np.float32))
    options = replace(
        OPTIONS, encoder_subtype="mlp_mujoco", encoder_mlp_layers=(), hidden_size=24, encoder_extra_fc_layers=0
    )
    shapes = [tuple(p.shape) for p in make_encoder(keys, options).parameters()]
    assert shapes == [(24, 4), (24,), (24, 24), (24,)]


def test_vizdoom_encoder_gives_measurements_a_network_of_their_own() -> None:
    space = gym.spaces.Dict({"obs": IMAGE, "measurements": gym.spaces.Box(-1, 1, (23,), np.float32)})
    keys = observation_keys(space)
    encoder = build_encoder(keys, replace(OPTIONS, encoder_custom="vizdoom"))
    assert type(encoder) is type(make_vizdoom_encoder(keys, OPTIONS))
    shapes = [tuple(p.shape) for p in encoder.key_encoders[0].parameters()]
    assert shapes == [(128, 23), (128,), (128, 128), (128,)]
    assert encoder(rows(keys)).shape == (2, 16)


def test_instructions_come_behind_what_is_seen_without_a_layer_between() -> None:
    space = gym.spaces.Dict({"obs": IMAGE, "INSTR": TextSpace(1000, 16)})
    keys = observation_keys(space)
    options = replace(OPTIONS, encoder_custom="dmlab_instructions")
    encoder = build_encoder(keys, options)
    observations = rows(keys)
    features = encoder(observations)
    assert features.shape == (2, encoder.output_size) == (2, 16 + 64)
    table, rnn = encoder.text_encoders[0].embedding, encoder.text_encoders[0].rnn
    assert (table.num_embeddings, table.embedding_dim, rnn.hidden_size, rnn.num_layers) == (1000, 20, 64, 1)
    other = rows(keys, seed=1)
    assert torch.equal(encoder({**observations, "INSTR": other["INSTR"]})[:, :16], features[:, :16])
    assert torch.equal(encoder({**observations, "obs": other["obs"]})[:, 16:], features[:, 16:])


def test_the_encoder_of_instructions_does_without_them_but_not_without_images() -> None:
    options = replace(OPTIONS, encoder_custom="dmlab_instructions")
    keys = observation_keys(gym.spaces.Dict({"obs": IMAGE}))
    assert build_encoder(keys, options)(rows(keys)).shape == (2, 16)
    with pytest.raises(ValueError, match="something to see"):
        build_encoder(observation_keys(gym.spaces.Dict({"INSTR": TextSpace(1000, 16)})), options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_type": "cnn"}, "--encoder_type=cnn is unknown; valid: conv, mlp, resnet"),
        ({"encoder_subtype": "convnet"}, "--encoder_subtype=convnet is unknown; valid: .*convnet_simple"),
        ({"encoder_type": "resnet"}, "--encoder_subtype=convnet_simple is unknown; valid: resnet_impala"),
        ({"encoder_custom": "mine"}, "--encoder_custom=mine is unknown; valid: .*vizdoom"),
        ({"nonlinearity": "gelu"}, "--nonlinearity=gelu is unknown; valid: elu, relu, tanh"),
    ],
)
def test_unknown_names_are_refused_with_the_valid_ones(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        build_encoder(observation_keys(IMAGE), replace(OPTIONS, **changes))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_images_too_small_for_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"convnet_simple .*\(16, 16, 3\)"):
        make_encoder(observation_keys(gym.spaces.Box(0, 255, (16, 16, 3), np.uint8)), OPTIONS)


def test_initialization_scales_orthogonal_weights_and_zeroes_biases() -> None:
    encoder = make_encoder(observation_keys(IMAGE), OPTIONS)
    initialize(encoder, replace(OPTIONS, policy_init_gain=0.5))
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            flat = layer.weight.detach().flatten(1)
            gram = flat @ flat.T if len(flat) <= flat.shape[1] else flat.T @ flat
            torch.testing.assert_close(gram, 0.25 * torch.eye(len(gram)), rtol=0, atol=1e-5)
            assert layer.bias is not None and not layer.bias.any()


def test_xavier_and_torch_default_initializations() -> None:
    layer = nn.Linear(30, 20)
    before = layer.weight.detach().clone()
    initialize(layer, replace(OPTIONS, policy_initialization="torch_default"))
    assert torch.equal(layer.weight, before)
    initialize(layer, replace(OPTIONS, policy_initialization="xavier_uniform", policy_init_gain=2.0))
    bound = 2.0 * math.sqrt(6 / 50)
    assert 0.9 * bound < layer.weight.abs().max().item() <= bound


def test_spectral_norm_bounds_every_weight() -> None:
    torch.manual_seed(0)
    encoder = make_encoder(observation_keys(IMAGE), OPTIONS)
    normalize_spectrally(encoder)
    x = rows(observation_keys(IMAGE))
    for _ in range(30):
        encoder(x)
    encoder.eval()
    largest = [
        torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        for layer in encoder.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    assert len(largest) == 4 and largest == pytest.approx([1.0] * 4, abs=0.1)


def test_vectors_meet_their_first_layer_in_float32_whatever_the_trunk_computes_in() -> None:
    """1.0 and 1.003 are one number in bfloat16; a policy must be able to tell them apart."""
    spec = observation_keys(gym.spaces.Box(-1, 1, (4,), np.float32))["obs"]
    encoder = make_key_encoder("obs", spec, replace(OPTIONS, hidden_size=256))
    converted = copy.deepcopy(encoder).to(torch.bfloat16)
    rows = torch.tensor([[1.0, 0.5, 0.25, 0.0]]).repeat(2, 1)
    rows[1, 0] += 0.003
    assert torch.equal(rows[0].bfloat16(), rows[1].bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert not torch.equal(*encoder(rows).split(1))
    assert not torch.equal(*converted(rows).split(1))
