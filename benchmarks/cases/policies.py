"""`policies_acrobot` and `policies_cartpole`: four policies beside one, with the same total batch. Runs nothing."""

from __future__ import annotations

from benchmarks.cases.case import Case, Setting, System
from benchmarks.cases.command_lines import ours, train

_NUM_POLICIES = 4
_TOTAL_BATCH = 8192


def policies_acrobot(python: str, device: str) -> Case:
    """An environment in Python, of ordinary cost."""
    return _case("policies_acrobot", "gym_Acrobot-v1", (ours(2, 128), ours(2, 64)), python, device)


def policies_cartpole(python: str, device: str) -> Case:
    """Environments that cost nothing, so what is seen are the passes through four networks instead of one."""
    return _case("policies_cartpole", "gym_CartPole-v1", (ours(2, 256), ours(2, 512)), python, device)


def _case(name: str, env: str, settings: tuple[Setting, ...], python: str, device: str) -> Case:
    def of(system: str, num_policies: int) -> System:
        return train(
            system,
            python,
            device,
            (
                f"--env={env}",
                f"--num_policies={num_policies}",
                f"--batch_size={_TOTAL_BATCH // num_policies}",
                "--encoder_extra_fc_layers=0",
                "--hidden_size=64",
                "--use_rnn=False",
                "--rollout=32",
                "--recurrence=1",
            ),
            settings,
        )

    return Case(
        name=name,
        what=f"{env}, MLP 64x64, no RNN, rollout 32: {_NUM_POLICIES} policies with batches of "
        f"{_TOTAL_BATCH // _NUM_POLICIES} each beside one with {_TOTAL_BATCH}",
        ours=of("ours", _NUM_POLICIES),
        peers=(of("one_policy", 1),),
    )
