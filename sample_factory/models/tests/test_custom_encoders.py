"""Registrations of encoders can be sent to other processes, and mistakes are found before that."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from torch import Tensor, nn

from sample_factory.models import custom_encoders
from sample_factory.models.options import ModelOptions
from sample_factory.rl.spaces import KeySpec


class Constant(nn.Module):
    output_size = 3

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        return obs["obs"].new_zeros(len(obs["obs"]), 3)


def make_constant(keys: Mapping[str, KeySpec], options: ModelOptions) -> nn.Module:
    return Constant()


@pytest.fixture(autouse=True)
def registrations() -> Iterator[None]:
    before = dict(custom_encoders._registered)
    custom_encoders._registered.clear()
    yield
    custom_encoders._registered.clear()
    custom_encoders._registered.update(before)


def test_a_snapshot_restores_the_chosen_encoder_elsewhere() -> None:
    custom_encoders.register_encoder("mine", make_constant)
    custom_encoders.register_encoder("other", lambda keys, options: Constant())
    sent = pickle.dumps(custom_encoders.snapshot("mine"))
    custom_encoders._registered.clear()
    custom_encoders.restore(pickle.loads(sent))
    assert dict(custom_encoders.registered()) == {"mine": make_constant}


def test_built_in_and_missing_encoders_need_not_be_sent() -> None:
    assert custom_encoders.snapshot(None) == {}
    assert custom_encoders.snapshot("vizdoom") == {}


def test_functions_that_other_processes_cannot_find_are_refused() -> None:
    custom_encoders.register_encoder("mine", lambda keys, options: Constant())
    with pytest.raises(ValueError, match="encoder 'mine' cannot be built in other processes: it must be defined at"):
        custom_encoders.snapshot("mine")


def test_names_of_others_are_refused() -> None:
    with pytest.raises(ValueError, match="'vizdoom' is already registered"):
        custom_encoders.register_encoder("vizdoom", make_constant)


def test_registering_does_not_load_torch() -> None:
    check = "import sys, sample_factory.models.custom_encoders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
