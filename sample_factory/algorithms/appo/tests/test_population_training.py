"""A population finds the learning rate that works, in every mode, and goes on after a kill with the same lineage."""

from __future__ import annotations

import ast
import re
import signal
from pathlib import Path

import pytest

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.lineage_file import Decision
from sample_factory.algorithms.appo.mutation import tuned_values
from sample_factory.algorithms.appo.tests.training_run import TrainingRun, training
from sample_factory.config.learning import LearningConfig
from sample_factory.config.population import PbtConfig

GOOD, TOO_SMALL = 1e-3, 1e-5
MODES = {
    "serial": ("--serial_mode=True",),
    "inline": ("--inference=inline",),
    "policy_workers": ("--inference=policy_workers",),
}
CARTPOLE = (
    "--env=gym_CartPole-v1",
    "--num_policies=4",
    "--num_envs_per_worker=16",
    "--hidden_size=64",
    "--encoder_extra_fc_layers=0",
    "--use_rnn=False",
    "--rollout=32",
    "--recurrence=32",
    "--batch_size=256",
    "--num_batches_per_iteration=2",
    "--ppo_epochs=4",
    "--reward_scale=0.1",
    f"--learning_rate={GOOD}",
    "--with_pbt=True",
    "--pbt_start_mutation=20000",
    "--pbt_period_env_steps=20000",
    "--train_for_env_steps=250000",
    "--stats_avg=50",
    "--seed=1",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # minutes each on idle cores, more on busy ones
_REWARDS = re.compile(r"Avg episode reward: (\[.*\])")


def begin(folder: Path) -> None:
    """Three of the four policies have a learning rate with which nothing is learnt."""
    first = tuned_values(LearningConfig(learning_rate=GOOD), PbtConfig())
    folder.mkdir(parents=True)
    for policy in range(4):
        values = first | {"learning_rate": TOO_SMALL if policy else GOOD}
        now = "2026-01-01T00:00:00+00:00"
        lineage_file.append(folder, Decision(policy, 0, None, "began", 0, [], values, None, now))


def rewards(run: TrainingRun) -> dict[int, float]:
    """Of each policy, as last shown."""
    found = _REWARDS.findall(run.output)
    return {policy: float(reward) for policy, reward in ast.literal_eval(found[-1])} if found else {}


def all_learn(folder: Path, mode: str) -> None:
    """The run, begun or resumed, ends with four good policies."""
    with training(folder, *CARTPOLE, *MODES[mode]) as run:
        assert run.wait(900) == 0, run.output
        assert min(rewards(run).values()) > 400, rewards(run)


@pytest.mark.parametrize("mode", MODES)
def test_a_population_finds_the_learning_rate_that_works(tmp_path, mode):
    begin(tmp_path / "run")
    all_learn(tmp_path, mode)
    decisions = lineage_file.read(tmp_path / "run")
    assert {decision.policy for decision in decisions if decision.why == "replaced"} >= {1, 2, 3}
    last = {decision.policy: decision.hyper_parameters["learning_rate"] for decision in decisions}
    assert min(last.values()) > 10 * TOO_SMALL, last


def test_without_exchange_those_with_the_wrong_learning_rate_stay_behind(tmp_path):
    begin(tmp_path / "run")
    with training(tmp_path, *CARTPOLE, *MODES["inline"], "--pbt_start_mutation=1000000000") as run:
        assert run.wait(900) == 0, run.output
        found = rewards(run)
        assert found[0] > 400 and max(found[policy] for policy in (1, 2, 3)) < 100, found


@pytest.mark.parametrize("mode", MODES)
def test_a_population_that_is_killed_goes_on_with_the_same_lineage(tmp_path, mode):
    begin(tmp_path / "run")
    with training(tmp_path, *CARTPOLE, *MODES[mode]) as run:
        run.wait_until(lambda: "replaced" in run.output, "a policy that is replaced", 600)
        run.signal_group(signal.SIGKILL)
        run.wait(30)
    before = lineage_file.read(tmp_path / "run")
    assert any(decision.why == "replaced" for decision in before)
    all_learn(tmp_path, mode)
    after = lineage_file.read(tmp_path / "run")
    assert after[: len(before)] == before and len(after) > len(before)
    numbers = [(decision.policy, decision.number) for decision in after]
    assert len(set(numbers)) == len(numbers)  # no update of a policy was made twice
