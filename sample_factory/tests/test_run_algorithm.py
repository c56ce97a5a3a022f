"""The entry point finds the algorithm that is asked for."""

from __future__ import annotations

import pytest

from sample_factory import run_algorithm


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--algo=PPO"], "--algo=PPO must be one of APPO, DUMMY_SAMPLER"),
        (["oops"], "unexpected argument 'oops'"),
        (["--algo=APPO"], "--env is required"),
        (["--algo=DUMMY_SAMPLER", "--env=gym_CartPole-v1", "--batch_size=2"], "unknown flag --batch_size"),
        (["--algo=APPO", "--env=gym_CartPole-v1", "--sample_env_frames=2"], "unknown flag --sample_env_frames"),
    ],
)
def test_mistakes_are_one_line_and_status_1(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_algorithm.main(flags) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
