"""Population-based training: when which policy is judged, and what follows. Knows no weights and no process.

Everything that it decides is in the lineage first (`lineage_file`); what learners and rollout workers use stands in
shared memory, and is written there again when a run is resumed.
"""

from __future__ import annotations

import datetime
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.exchange import Exchanges
from sample_factory.algorithms.appo.lineage_file import Decision
from sample_factory.algorithms.appo.mutation import mutate, mutate_reward_shaping, tuned_values
from sample_factory.algorithms.appo.selection import judge, num_updates_due
from sample_factory.algorithms.appo.wiring import ENV_STEPS, Wiring
from sample_factory.config.experiment import replace_text
from sample_factory.config.population import PbtConfig
from sample_factory.envs.reward_shaping import RewardShaping, flatten
from sample_factory.sampling.shared_values import SharedValues
from sample_factory.system.every import Every
from sample_factory.system.reports import Report
from sample_factory.system.telemetry import TRUE_OBJECTIVE, Telemetry

log = logging.getLogger(__name__)

_SUMMARIES_SEC = 300.0
_OBJECTIVES_SEC = 10.0
_RETRY_SEC = 30.0
_OBJECTIVES = "objectives.json"


@dataclass(frozen=True)
class Beginnings:
    """What a run begins with, the same for every policy."""

    hyper_parameters: Mapping[str, float]
    reward_shaping: RewardShaping | None
    rollout: int
    seed: int


class Population:
    """The policies of one run."""

    def __init__(
        self,
        folder: Path,
        options: PbtConfig,
        beginnings: Beginnings,
        env_steps: np.ndarray,
        exchanges: Exchanges,
        hyper_parameters: SharedValues,
        reward_shaping: SharedValues | None,
        objective: Callable[[int], float | None],
        forget: Callable[[int], None],
        summary: Callable[[int, str, float], None],
    ) -> None:
        """
        Args:
            env_steps: frames of each policy [N], in the arena.
            objective: what a policy is judged by now; None before there is anything.
            forget: drop what `objective` is made of, because the policy has become another one.
            summary: write one number of a policy.

        Raises:
            ValueError: the lineage cannot be read.
            OSError: the folder cannot be written to.
        """
        self._folder, self._options, self._beginnings = folder, options, beginnings
        self._env_steps, self._exchanges = env_steps, exchanges
        self._hyper_parameters, self._reward_shaping = hyper_parameters, reward_shaping
        self._objective, self._forget, self._summary = objective, forget, summary
        self._summaries_due, self._objectives_due = Every(_SUMMARIES_SEC), Every(_OBJECTIVES_SEC)
        self._waits_for: int | None = None  # the policy that is being replaced
        self._retry_due: Every | None = None  # after a failure
        self._has_warned = False
        lineage_file.mend(folder)
        self._last = {decision.policy: decision for decision in lineage_file.read(folder)}
        self._saved = _saved_objectives(folder, len(env_steps))
        for policy in range(len(env_steps)):
            if policy not in self._last:
                self._begin(policy)
        self._has_begun = False

    def take(self, report: Report) -> None:
        """Nothing: what it goes by are averages, which telemetry makes."""

    def tick(self) -> None:
        """Do what is due; call it often, once every learner is ready."""
        if not self._has_begun:
            self._has_begun = True
            self._resume()
        if self._waits_for is not None:
            if not self._exchanges.is_over(self._waits_for):
                return
            self._forget(self._waits_for)
            self._saved[self._waits_for] = None
            self._use(self._last[self._waits_for])
            self._waits_for = None
        if self._retry_due is None or self._retry_due.due():
            self._update()
        if self._summaries_due.due():
            for decision in self._last.values():
                self._summarize(decision)
        if self._objectives_due.due():
            self._save_objectives()

    def close(self) -> None:
        """Leave everything such that the run can be resumed."""
        self._save_objectives()

    def _begin(self, policy: int) -> None:
        """Policy 0 has what the command line says, the others something near it."""
        first = self._beginnings
        values, shaping = dict(first.hyper_parameters), first.reward_shaping
        if policy:
            values, shaping = self._mutated(values, shaping, policy, 0)
        self._decide(policy, 0, None, "began", [], values, shaping)

    def _resume(self) -> None:
        """Let everybody have what the lineage says, and finish an exchange that a kill interrupted."""
        for policy in range(len(self._env_steps)):
            decision = self._last[policy]
            if decision.source is not None:
                self._exchanges.ask(policy, decision.source, decision.number)
            if self._exchanges.is_over(policy):
                self._use(decision)
            else:
                self._waits_for = policy

    def _update(self) -> None:
        try:
            for policy in range(len(self._env_steps)):
                if self._waits_for is None:
                    self._update_if_due(policy)
            self._retry_due = None
        except OSError as error:
            self._retry_due = Every(_RETRY_SEC)
            log.error("The population waits: cannot write %s: %s", lineage_file.FILE_NAME, error.strerror or error)

    def _update_if_due(self, policy: int) -> None:
        number = num_updates_due(int(self._env_steps[policy]), self._options)
        last = self._last[policy]
        if number <= last.number:
            return
        objectives = self._objectives()
        if any(objective is None for objective in objectives):
            self._warn_of_missing(objectives)
            return
        known = [objective for objective in objectives if objective is not None]
        verdict = judge(policy, known, self._options, self._rng(policy, number, 0))
        # The first policy keeps the hyper-parameters of the command line, whosever weights it has.
        origin = last if verdict.source is None or policy == 0 else self._last[verdict.source]
        values: Mapping[str, float] = origin.hyper_parameters
        shaping: RewardShaping | None = origin.reward_shaping
        if verdict.mutates:
            values, shaping = self._mutated(values, shaping, policy, number)
        why = "replaced" if verdict.source is not None else "mutated" if verdict.mutates else "kept"
        decision = self._decide(policy, number, verdict.source, why, known, values, shaping)
        if decision.source is None:
            self._use(decision)
        else:
            self._exchanges.ask(policy, decision.source, number)
            self._waits_for = policy

    def _decide(
        self,
        policy: int,
        number: int,
        source: int | None,
        why: str,
        objectives: Sequence[float],
        values: Mapping[str, float],
        shaping: RewardShaping | None,
    ) -> Decision:
        decision = Decision(
            policy,
            number,
            source,
            why,
            int(self._env_steps[policy]),
            objectives,
            dict(values),
            None if shaping is None else dict(shaping),
            datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        )
        lineage_file.append(self._folder, decision)
        self._last[policy] = decision
        if number:
            whose = "" if source is None else f" by policy {source}"
            log.info("Policy %d at %d frames: %s%s", policy, decision.env_steps, why, whose)
        return decision

    def _use(self, decision: Decision) -> None:
        """Let learner and environments of the policy have the values of a decision that has been carried out."""
        policy = decision.policy
        self._hyper_parameters.write(policy, decision.hyper_parameters)
        _save_json(self._folder / f"policy_{policy:02d}_cfg.json", decision.hyper_parameters)
        if self._reward_shaping is not None and decision.reward_shaping is not None:
            self._reward_shaping.write(policy, decision.reward_shaping)
            _save_json(self._folder / f"policy_{policy:02d}_reward_shaping.json", decision.reward_shaping)
        self._summarize(decision)

    def _mutated(
        self, values: Mapping[str, float], shaping: RewardShaping | None, policy: int, number: int
    ) -> tuple[dict[str, float], RewardShaping | None]:
        first, options, rng = self._beginnings, self._options, self._rng(policy, number, 1)
        mutated = mutate(values, first.hyper_parameters, options, first.rollout, rng)
        if shaping is None or first.reward_shaping is None:
            return mutated, shaping
        return mutated, mutate_reward_shaping(shaping, first.reward_shaping, options, rng)

    def _rng(self, policy: int, number: int, use: int) -> np.random.Generator:
        """Chance that depends on nothing but the decision, so that a resumed run goes on as it would have."""
        return np.random.default_rng([self._beginnings.seed, policy, number, use])

    def _objectives(self) -> list[float | None]:
        """Of all policies; what a run that is resumed had last, until there is something new."""
        found = [self._objective(policy) for policy in range(len(self._env_steps))]
        return [
            self._saved[policy] if value is None or not math.isfinite(value) else value
            for policy, value in enumerate(found)
        ]

    def _warn_of_missing(self, objectives: Sequence[float | None]) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        missing = ", ".join(str(policy) for policy, value in enumerate(objectives) if value is None)
        log.warning(
            "The population waits: no episode of policy %s has given %r yet (--pbt_target_objective)",
            missing,
            self._options.pbt_target_objective,
        )

    def _summarize(self, decision: Decision) -> None:
        for name, value in decision.hyper_parameters.items():
            self._summary(decision.policy, f"zz_pbt/cfg_{name}", value)
        for path, value in flatten(decision.reward_shaping or {}).items():
            self._summary(decision.policy, f"zz_pbt/rew_{'_'.join(path)}", value)

    def _save_objectives(self) -> None:
        _save_json(self._folder / _OBJECTIVES, self._objectives())


def make_population(wiring: Wiring, telemetry: Telemetry) -> Population | None:
    """The population of a run; None if the options ask for none, or there is only one policy.

    Raises:
        ValueError: its lineage cannot be read.
        OSError: the experiment folder cannot be written to.
    """
    options = wiring.config.pbt
    if not options.with_pbt:
        return None
    if wiring.num_policies == 1:
        log.warning("--with_pbt=True changes nothing with --num_policies=1")
        return None

    def objective(policy: int) -> float | None:
        name = options.pbt_target_objective
        value = telemetry.average(policy, name)
        return telemetry.average(policy, "reward") if value is None and name == TRUE_OBJECTIVE else value

    return Population(
        wiring.folder,
        options,
        Beginnings(
            tuned_values(wiring.config.learning, options),
            wiring.facts.reward_shaping,
            wiring.config.sampling.rollout,
            wiring.seed,
        ),
        wiring.arena["learner/progress"][:, ENV_STEPS],
        Exchanges(wiring.arena),
        wiring.hyper_parameters,
        wiring.reward_shaping,
        objective,
        telemetry.forget_episodes,
        telemetry.scalar,
    )


def _saved_objectives(folder: Path, num_policies: int) -> list[float | None]:
    """What a run that is resumed had last; None where there is nothing."""
    try:
        found = json.loads((folder / _OBJECTIVES).read_text(encoding="utf-8"))
        values = [float(value) if isinstance(value, float) and math.isfinite(value) else None for value in found]
    except (OSError, ValueError, TypeError):
        values = []
    return (values + [None] * num_policies)[:num_policies]


def _save_json(path: Path, value: Any) -> None:
    """For people, and for what is not in the lineage; a full disk does not end the run."""
    try:
        replace_text(path, json.dumps(value, indent=2) + "\n")
    except OSError as error:
        log.error("cannot write %s: %s", path, error.strerror or error)
