"""Decisions are on the disk before anything follows from them, and survive whatever happens then."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.exchange import Exchanges, exchange_specs
from sample_factory.algorithms.appo.population import Beginnings, Population
from sample_factory.config.population import PbtConfig
from sample_factory.envs.reward_shaping import flatten
from sample_factory.sampling.shared_values import SharedValues, shared_values_specs
from sample_factory.system.arena import Arena

FIRST = {"learning_rate": 1e-3, "gamma": 0.99}
SHAPING = {"delta": {"HEALTH": 0.5}, "goal": 1.0}
OPTIONS = PbtConfig(pbt_start_mutation=100, pbt_period_env_steps=50, pbt_mutation_rate=1.0, pbt_replace_fraction=0.3)


class Run:
    """A run of three policies without learners: the test is the learners."""

    def __init__(self, folder: Path, seed: int = 1, taken: int | None = None) -> None:
        """`taken`: the exchange that the checkpoint of policy 1 knows of."""
        names = [("hyper", len(FIRST)), ("shaping", len(flatten(SHAPING)))]
        specs = dict(exchange_specs(3))
        for name, size in names:
            specs |= shared_values_specs(name, 3, size)
        arena = Arena.create(specs)
        self.folder = folder
        self.exchanges = Exchanges(arena)
        self.hyper_parameters = SharedValues(arena, "hyper", tuple(flatten(FIRST)))
        self.shaping = SharedValues(arena, "shaping", tuple(flatten(SHAPING)))
        self.env_steps = np.zeros(3, np.int64)
        self.objectives: list[float | None] = [None] * 3
        self.forgotten: list[int] = []
        self.summaries: dict[tuple[int, str], float] = {}
        self.population = Population(
            folder,
            OPTIONS,
            Beginnings(FIRST, SHAPING, 32, seed),
            self.env_steps,
            self.exchanges,
            self.hyper_parameters,
            self.shaping,
            lambda policy: self.objectives[policy],
            self.forget,
            lambda policy, tag, value: self.summaries.__setitem__((policy, tag), value),
        )
        if taken is not None:
            self.exchanges.took(1, taken, version=7)
        self.population.tick()

    def forget(self, policy: int) -> None:
        self.forgotten.append(policy)
        self.objectives[policy] = None

    def used(self, policy: int) -> Any:
        found = self.hyper_parameters.read(policy)
        assert found is not None
        return found[1]

    def saved(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    @property
    def lineage(self) -> list[lineage_file.Decision]:
        return lineage_file.read(self.folder)


def one_is_replaced(run: Run) -> None:
    """Policy 1 is much worse than the others, and its time has come."""
    run.objectives = [10.0, 1.0, 9.0]
    run.env_steps[1] = 100
    run.population.tick()


def test_the_first_policy_begins_with_the_command_line_and_the_others_near_it(tmp_path):
    run = Run(tmp_path)
    assert run.used(0) == FIRST and run.saved("policy_00_cfg.json") == FIRST
    for policy in (1, 2):
        assert run.used(policy) != FIRST and run.used(policy) == run.saved(f"policy_0{policy}_cfg.json")
        shaping = run.shaping.read(policy)
        assert shaping is not None and shaping[1] == run.saved(f"policy_0{policy}_reward_shaping.json") != SHAPING
    assert [(decision.policy, decision.why) for decision in run.lineage] == [(p, "began") for p in range(3)]
    assert run.summaries[0, "zz_pbt/cfg_learning_rate"] == 1e-3
    assert run.summaries[0, "zz_pbt/rew_delta_HEALTH"] == 0.5


def test_nobody_is_judged_before_everybody_has_been_seen(tmp_path, caplog):
    run = Run(tmp_path)
    run.env_steps[:] = 1000
    run.objectives = [1.0, None, float("nan")]
    run.population.tick()
    run.population.tick()
    assert len(run.lineage) == 3
    assert [record.message for record in caplog.records if "policy 1, 2" in record.message] != []


def test_the_worst_goes_on_as_a_mutation_of_the_best_once_it_has_its_weights(tmp_path):
    run = Run(tmp_path)
    before = run.used(1)
    one_is_replaced(run)
    decision = run.lineage[-1]
    assert (decision.policy, decision.number, decision.source, decision.why) == (1, 1, 0, "replaced")
    assert decision.objectives == [10.0, 1.0, 9.0] and decision.env_steps == 100
    assert run.exchanges.to_write(0) == [(1, 1)] and run.exchanges.to_write(2) == []
    run.env_steps[:] = 1000
    run.population.tick()
    assert run.used(1) == before and not run.forgotten and len(run.lineage) == 4  # one exchange at a time
    run.exchanges.wrote(1, 1)
    run.exchanges.took(1, 1, version=7)
    run.population.tick()
    assert run.forgotten == [1]
    assert run.used(1) == decision.hyper_parameters == run.saved("policy_01_cfg.json") != before
    ratio = run.used(1)["learning_rate"] / FIRST["learning_rate"]
    assert 1.05 <= max(ratio, 1 / ratio) <= 1.5


def test_the_first_policy_is_replaced_but_keeps_the_hyper_parameters_of_the_command_line(tmp_path):
    run = Run(tmp_path)
    run.objectives, run.env_steps[0] = [1.0, 10.0, 9.0], 100
    run.population.tick()
    run.exchanges.took(0, 1, version=7)
    run.population.tick()
    assert run.lineage[-1].source == 1 and run.used(0) == FIRST


def test_those_in_between_mutate_and_the_best_stay(tmp_path):
    run = Run(tmp_path)
    run.objectives, run.env_steps[1:] = [1.0, 10.0, 9.0], 100
    best, middle = run.used(1), run.used(2)
    run.population.tick()
    assert [decision.why for decision in run.lineage[-2:]] == ["kept", "mutated"]
    assert run.used(1) == best and run.used(2) != middle


def test_each_policy_is_judged_once_a_period(tmp_path):
    run = Run(tmp_path)
    run.objectives = [1.0, 1.0, 1.0]
    for frames in range(0, 301, 10):
        run.env_steps[2] = frames
        run.population.tick()
    assert [decision.env_steps for decision in run.lineage[3:]] == [100, 150, 200, 250, 300]


def test_a_resumed_run_goes_on_where_the_other_one_was(tmp_path):
    run = Run(tmp_path)
    run.objectives, run.env_steps[:] = [3.0, 2.0, 2.9], 100
    run.population.tick()
    run.exchanges.took(1, 1, version=7)
    run.population.tick()
    run.population.close()
    lines = run.lineage
    again = Run(tmp_path, seed=99, taken=1)
    assert again.lineage == lines and [again.used(policy) for policy in range(3)] == [run.used(p) for p in range(3)]
    again.env_steps[:] = 149
    again.population.tick()
    assert again.lineage == lines
    again.env_steps[2] = 150
    again.population.tick()  # with the objectives that were saved, but for the policy that has become another one
    assert again.lineage == lines
    again.objectives[1] = 2.5
    again.population.tick()
    assert again.lineage[len(lines)].objectives == [3.0, 2.5, 2.9]


def test_an_exchange_that_a_kill_interrupted_is_made_when_the_run_is_resumed(tmp_path):
    run = Run(tmp_path)
    one_is_replaced(run)
    again = Run(tmp_path)
    assert again.exchanges.to_write(0) == [(1, 1)] and not again.exchanges.is_over(1)
    again.exchanges.wrote(1, 1)
    assert again.exchanges.to_take(1) == 1
    again.exchanges.took(1, 1, version=7)
    again.population.tick()
    assert again.used(1) == again.lineage[-1].hyper_parameters and len(again.lineage) == 4


def test_an_exchange_that_was_made_before_the_kill_is_not_made_again(tmp_path):
    run = Run(tmp_path)
    one_is_replaced(run)
    again = Run(tmp_path, taken=1)
    assert again.exchanges.to_write(0) == [] and again.exchanges.to_take(1) is None
    assert again.used(1) == again.lineage[-1].hyper_parameters and not again.forgotten


def test_a_line_that_was_being_written_when_the_run_was_killed_does_no_harm(tmp_path):
    run = Run(tmp_path)
    lines = run.lineage
    path = tmp_path / lineage_file.FILE_NAME
    with path.open("ab") as file:
        file.write(b'{"policy": 2, "num')
    assert lineage_file.read(tmp_path) == lines
    assert Run(tmp_path).lineage == lines
    assert path.read_bytes().endswith(b"\n")


def test_a_damaged_line_is_named(tmp_path):
    Run(tmp_path)
    path = tmp_path / lineage_file.FILE_NAME
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(ValueError, match=r"lineage\.jsonl is damaged"):
        Run(tmp_path)


def test_what_cannot_be_written_down_does_not_happen(tmp_path, monkeypatch, caplog):
    run = Run(tmp_path)
    before = run.used(1)

    def full(folder: Path, decision: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lineage_file, "append", full)
        one_is_replaced(run)
        run.population.tick()
    assert run.used(1) == before and run.exchanges.is_over(1)
    assert sum("No space left" in record.message for record in caplog.records) == 1
    monkeypatch.setattr("sample_factory.algorithms.appo.population._RETRY_SEC", 0.0)
    run.population._retry_due = None  # half a minute later
    run.population.tick()
    assert run.lineage[-1].why == "replaced"


def test_decisions_survive_the_file(tmp_path):
    run = Run(tmp_path)
    for decision in run.lineage:
        assert dataclasses.asdict(decision)["hyper_parameters"] == run.used(decision.policy)
