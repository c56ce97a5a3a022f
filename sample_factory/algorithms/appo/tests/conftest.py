"""Experiments for evaluation to look at, trained for a moment in serial mode. Knows no assertion."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_factory.algorithms.appo import train_appo
from sample_factory.algorithms.appo.tests.envs_to_watch import FAMILIES
from sample_factory.envs import registry
from sample_factory.envs.dmlab.tests.conftest import deepmind_lab  # noqa: F401 (a fixture)

_TINY = (
    "--device=cpu --serial_mode=True --precision=float32 --num_workers=1 "
    "--num_envs_per_worker=4 --worker_num_splits=1 "
    "--rollout=16 --recurrence=16 --batch_size=64 --hidden_size=16 "
    "--train_for_env_steps=600 --save_every_sec=1000 --seed=3"
)


@pytest.fixture(scope="session")
def train_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `experiment` puts experiments."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="session")
def cartpole(train_dir: Path) -> list[str]:
    """The arguments that name a CartPole experiment."""
    return _trained(train_dir, "gym_CartPole-v1", "--use_rnn=False")


@pytest.fixture(scope="session")
def tmaze(train_dir: Path) -> list[str]:
    """The arguments that name a T-maze experiment with a recurrent network."""
    return _trained(train_dir, "tmaze_3", "--use_rnn=True")


@pytest.fixture(scope="session")
def meeting(train_dir: Path) -> list[str]:
    """The arguments that name an experiment with two agents and two recurrent policies."""
    return _trained(train_dir, "meeting_3", "--use_rnn=True", "--num_policies=2")


@pytest.fixture(scope="session")
def doom(train_dir: Path) -> list[str]:
    """The arguments that name a Doom experiment."""
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    return _trained(train_dir, "doom_basic", "--use_rnn=False")


@pytest.fixture(scope="session")
def clip(train_dir: Path) -> list[str]:
    """The arguments that name an experiment on `Clip`."""
    return _trained(train_dir, "clip", "--use_rnn=False", "--encoder_type=mlp")


def _trained(train_dir: Path, env: str, *arguments: str) -> list[str]:
    for family in FAMILIES:
        registry.register_family(family)
    names = [f"--train_dir={train_dir}", f"--experiment={env}"]
    assert train_appo.main([f"--env={env}", *names, *_TINY.split(), *arguments]) == 0
    return names
