"""Parts that users register are built by name, and their mistakes are found before anything starts."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from sample_factory.models.actor_critic import ActorCritic, make_actor_critic
from sample_factory.models.check import check_model
from sample_factory.models.extensions import register_action_distribution, register_core, register_encoder
from sample_factory.models.tests import custom_parts
from sample_factory.models.tests.model_options import SmallModelOptions
from sample_factory.rl import distributions
from sample_factory.rl.spaces import MASK_KEY, action_layout, observation_keys
from sample_factory.system import registrations

OPTIONS = SmallModelOptions()
KEYS = observation_keys(gym.spaces.Box(-1, 1, (7,), np.float32))
BOX = gym.spaces.Box(1, 3, (2,), np.float32)


@pytest.fixture(autouse=True)
def _own_registrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))


def model_with(space: gym.Space[Any] = BOX, encoder: Any = None, core: Any = None, distribution: Any = None) -> Any:
    changes = {}
    if encoder is not None:
        register_encoder("mine", encoder)
        changes["encoder_custom"] = "mine"
    if core is not None:
        register_core("mine", core)
        changes["core_custom"] = "mine"
    if distribution is not None:
        register_action_distribution("mine", distribution)
        changes["action_distribution_custom"] = "mine"
    torch.manual_seed(0)
    return make_actor_critic(KEYS, action_layout(space), replace(OPTIONS, **changes))


def test_a_model_is_made_of_what_was_registered() -> None:
    model: ActorCritic = model_with(BOX, custom_parts.Linear, custom_parts.RunningMean, custom_parts.Beta)
    assert isinstance(model.encoders[0], custom_parts.Linear) and model.feature_size == 4
    assert isinstance(model.cores[0], custom_parts.RunningMean) and model.state_size == 4
    assert isinstance(model.layout.parts[0].distribution, custom_parts.Beta) and model.layout.num_logits == 4
    actions = model.act({"obs": torch.randn(200, 7)}, model.initial_state(200)).actions
    assert bool((actions >= 1).all()) and bool((actions <= 3).all())
    check_model(model, KEYS)


def test_only_continuous_parts_get_the_custom_distribution() -> None:
    space = gym.spaces.Tuple((gym.spaces.Discrete(3), BOX, gym.spaces.Discrete(2)))
    model = model_with(space, distribution=custom_parts.Beta)
    assert [part.kind for part in model.layout.parts] == ["categorical", "custom", "categorical"]
    assert distributions.mode(model.layout, torch.zeros(1, model.layout.num_logits)).tolist() == [[0, 2, 2, 0]]
    check_model(model, KEYS)
    with pytest.raises(ValueError, match=r"--action_distribution_custom=mine is for Box actions, and .* Discrete\(3\)"):
        model_with(gym.spaces.Discrete(3), distribution=custom_parts.Beta)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"encoder": custom_parts.Dropping}, "acting and learning differ by .*dropout"),
        ({"core": custom_parts.Unforgetting}, "acting and learning differ by .*zero state after a reset"),
        ({"core": custom_parts.Narrow}, r"`step` returned a state of torch.float32 \[3, 4\], not .* \[3, 5\]"),
        ({"distribution": custom_parts.Column}, r"Column.log_prob returned \[3, 1\] instead of \[3\] for 3 rows"),
        ({"distribution": custom_parts.Shifted}, "Shifted.kl of a distribution to itself is 1, not 0"),
    ],
)
def test_parts_that_would_spoil_training_are_found(parts: dict[str, Any], message: str) -> None:
    model = model_with(**parts)
    with pytest.raises(ValueError, match=message) as caught:
        check_model(model, KEYS)
    assert "\n" not in str(caught.value)


def test_an_encoder_that_fails_in_the_precision_of_acting_is_found() -> None:
    model = model_with(encoder=custom_parts.Stubborn)
    check_model(model, KEYS)
    with pytest.raises(ValueError, match=r"fails in bfloat16.*bring inputs to the dtype of the weights") as caught:
        check_model(model, KEYS, bfloat16=True)
    assert "\n" not in str(caught.value)


def test_every_kind_of_observation_can_be_tried() -> None:
    space = gym.spaces.Dict(
        {
            "obs": gym.spaces.Box(0, 255, (40, 48, 3), np.uint8),
            "level": gym.spaces.MultiDiscrete([3, 4]),
            "flags": gym.spaces.MultiBinary(3),
            MASK_KEY: gym.spaces.MultiBinary(5),
        }
    )
    keys = observation_keys(space)
    check_model(make_actor_critic(keys, action_layout(gym.spaces.Discrete(5)), OPTIONS), keys)


@pytest.mark.parametrize("flag", ["core_custom", "action_distribution_custom", "encoder_custom"])
def test_unknown_names_are_refused_with_the_valid_ones(flag: str) -> None:
    options = replace(OPTIONS, **{flag: "typo"})
    if flag != "encoder_custom":
        with pytest.raises(ValueError, match=f"--{flag}=typo is unknown; none is registered"):
            make_actor_critic(KEYS, action_layout(BOX), options)
    model_with(BOX, custom_parts.Linear, custom_parts.RunningMean, custom_parts.Beta)
    with pytest.raises(ValueError, match=rf"--{flag}=typo is unknown; valid: (\w+, )?mine"):
        make_actor_critic(KEYS, action_layout(BOX), options)


def test_modules_must_say_how_wide_they_are() -> None:
    with pytest.raises(
        ValueError, match="--encoder_custom=mine built a Sizeless whose attribute 'output_size' is None"
    ):
        model_with(encoder=custom_parts.Sizeless)


def test_encoders_of_the_package_keep_their_names() -> None:
    with pytest.raises(ValueError, match="'vizdoom' is part of the package"):
        register_encoder("vizdoom", custom_parts.Linear)


def test_registering_does_not_load_torch() -> None:
    check = "import sys, sample_factory.models.extensions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
