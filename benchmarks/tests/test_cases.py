"""The cases are complete, and all systems of one do the same work."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from benchmarks.cases import all_cases
from benchmarks.environments import make_env
from benchmarks.limit_stages import Spaces, make_network
from sample_factory.algorithms.appo.options import parse_training_options
from sample_factory.algorithms.dummy_sampler.run_dummy_sampler import parse_options
from sample_factory.models.actor_critic import make_actor_critic

CASES = all_cases()
_NEEDS = {
    "doom": ("vizdoom", "cv2"),
    "doom_32": ("vizdoom", "cv2"),
    "sampler_doom": ("vizdoom", "cv2"),
    "breakout": ("ale_py", "envpool", "cv2"),
    "sampler_breakout": ("ale_py", "envpool", "cv2"),
    "cartpole_small": ("envpool",),
    "half_cheetah": ("mujoco", "envpool"),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@each_case
def test_settings_have_names_of_their_own_and_peers_cannot_import_our_package(case, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    for system in (case.ours, *case.peers):
        names = [setting.name for setting in system.settings]
        assert len(names) == len(set(names)) > (names != ["auto"])
        assert (system.python_path is None) == (".venv-peers" in system.python)
        assert system.environ(system.settings[0]).get("PYTHONPATH") == system.python_path


@each_case
def test_our_engine_understands_every_setting_and_does_the_work_of_the_case(case):
    for package in _NEEDS.get(case.name, ()):
        pytest.importorskip(package)
    for setting in case.ours.settings:
        arguments = case.ours.full_command(setting)[3:]
        if case.name.startswith("sampler"):
            assert parse_options(arguments).run.env == case.peers[0].settings[0].flags[0].removeprefix("--env=")
            continue
        config = parse_training_options(arguments)
        learning, work = config.learning, case.work
        if work is None:
            continue
        assert (config.sampling.rollout, learning.batch_size) == (work.rollout, work.batch_size)
        assert (learning.ppo_epochs, learning.num_batches_per_iteration) == (1, 1)
        assert config.run.env in {backend.env for backend in work.backends}
        assert bool(work.network.gru) == config.model.use_rnn
        assert config.model.nonlinearity == work.network.activation


@pytest.mark.parametrize("name", ["policies_acrobot", "policies_cartpole"])
def test_four_policies_are_compared_with_one_that_has_the_same_total_batch_and_nothing_else(name):
    case = CASES[name]
    (one,) = case.peers
    four, alone = (
        parse_training_options(system.full_command(setting)[3:])
        for system, setting in zip((case.ours, one), (case.ours.settings[0], one.settings[0]), strict=True)
    )
    assert (four.sampling.num_policies, alone.sampling.num_policies) == (4, 1)
    assert 4 * four.learning.batch_size == alone.learning.batch_size
    assert set(case.ours.command) ^ set(one.command) == {
        "--num_policies=4",
        "--num_policies=1",
        "--batch_size=2048",
        "--batch_size=8192",
    }
    assert case.ours.settings == one.settings


@pytest.mark.parametrize("name", ["doom", "cartpole", "cartpole_small", "breakout"])
def test_numbers_chosen_by_the_engine_are_compared_with_those_chosen_by_hand_and_nothing_else(name):
    case = CASES[f"auto_{name}"]
    (by_hand,) = case.peers
    assert by_hand.command == case.ours.command == CASES[name].ours.command
    assert by_hand.settings == CASES[name].ours.settings
    (setting,) = case.ours.settings
    config = parse_training_options(case.ours.full_command(setting)[3:])
    assert (config.sampling.num_workers, config.sampling.num_envs_per_worker) == ("auto", "auto")
    first = parse_training_options(by_hand.full_command(by_hand.settings[0])[3:])
    assert config.run.env == first.run.env


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.work], ids=lambda case: case.name)
def test_peers_are_given_the_rollout_and_the_batch_of_the_case(case):
    for peer in case.peers:
        assert f"--rollout={case.work.rollout}" in peer.command
        assert f"--batch_size={case.work.batch_size}" in peer.command


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.work], ids=lambda case: case.name)
def test_a_batch_can_be_cut_into_the_slices_of_the_limit(case):
    trajectories = case.work.batch_size // case.work.rollout
    assert trajectories * case.work.rollout == case.work.batch_size
    assert all(trajectories % slices == 0 for slices in case.work.training_slices)


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.work], ids=lambda case: case.name)
def test_the_network_of_the_limit_is_as_large_as_ours(case):
    for package in _NEEDS.get(case.name, ()):
        pytest.importorskip(package)
    options = parse_training_options(case.ours.full_command(case.ours.settings[0])[3:]).model
    with closing(make_env(case.work.backends[0], 1)) as env:
        ours = make_actor_critic(env.keys, env.actions, options)
        limit = make_network(case.work, Spaces(env.keys["obs"], env.actions))
    if env.actions.dtype == np.int32:
        limit.log_std = None
    assert sum(p.numel() for p in limit.parameters()) == sum(p.numel() for p in ours.parameters())
