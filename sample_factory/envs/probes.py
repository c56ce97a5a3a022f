"""Steps an environment as it was made, whatever its interface, and says at each step which rules it breaks.

Knows no instance but its own: what several of them share, and what came of a seed, is for others to compare. Single
and multi-agent environments are stepped without their adapters, so that a wrong observation is reported as returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.batch_probes import BatchedProbe, VectorProbe
from sample_factory.envs.batching import kind_of_env
from sample_factory.envs.multi_agent import env_attribute, read_outcome, reset_agents
from sample_factory.envs.observations import ObservationWriter
from sample_factory.envs.probe import Probe, Seen, read_values
from sample_factory.envs.rules import (
    BrokenRuleError,
    Finding,
    flag_findings,
    info_findings,
    observation_findings,
    reward_findings,
)
from sample_factory.rl.spaces import ActionLayout, action_layout


def open_probe(name: str, env: Any) -> Probe:
    """The probe for an environment's interface.

    Raises:
        ValueError: the environment has none that can be batched, or does not reset by itself.
        BrokenRuleError: its spaces are not supported.
    """
    kind = kind_of_env(name, env)
    if kind == "batched":
        return BatchedProbe(env)
    prefix = "single_" if kind == "vector" else ""
    try:
        writer = ObservationWriter(getattr(env, f"{prefix}observation_space"))
        layout = action_layout(getattr(env, f"{prefix}action_space"))
    except ValueError as error:
        raise BrokenRuleError("unsupported-space", str(error)) from error
    if kind == "vector":
        return VectorProbe(name, env, writer)
    return SingleProbe(env, writer, layout) if kind == "single" else AgentsProbe(env, writer, layout)


class SingleProbe:
    """A single-agent Gymnasium environment; it is reset in the step after the one that ended its episode."""

    num_rows = 1

    def __init__(self, env: gym.Env[Any, Any], writer: ObservationWriter, actions: ActionLayout) -> None:
        self.env = env
        self.keys, self.actions = writer.keys, actions
        self._writer = writer
        self._ended = False

    def reset(self, seed: int | None) -> Seen:
        """Reset it."""
        self._ended = False
        outcome: Any = self.env.reset(seed=seed)
        if not isinstance(outcome, tuple) or len(outcome) != 2:
            raise BrokenRuleError("reset-result", "reset must return (observation, info)")
        values = read_values(self._writer, outcome[0])
        findings = [*observation_findings(self.keys, values, None), *info_findings(outcome[1], None)]
        return Seen([values], [], np.array([False]), np.array([True]), findings)

    def step(self, flat: np.ndarray) -> Seen:
        """Step it, or reset it if its episode has ended."""
        if self._ended:
            return self.reset(None)
        action = self.actions.decode(flat[0])
        kept = self.actions.encode(action).copy()
        outcome: Any = self.env.step(action)
        if not isinstance(outcome, tuple) or len(outcome) != 5:
            raise BrokenRuleError("step-result", "step must return (observation, reward, terminated, truncated, info)")
        observation, reward, terminated, truncated, info = outcome
        values = read_values(self._writer, observation)
        findings = [
            *observation_findings(self.keys, values, None),
            *reward_findings(reward, None),
            *flag_findings(terminated, truncated, None),
            *info_findings(info, None),
            *_mutation(kept, self.actions.encode(action)),
        ]
        self._ended = bool(terminated or truncated)
        return Seen([values], [reward], np.array([self._ended]), np.array([False]), findings)


class AgentsProbe:
    """A multi-agent environment, which resets by itself."""

    def __init__(self, env: Any, writer: ObservationWriter, actions: ActionLayout) -> None:
        self.env = env
        self.keys, self.actions = writer.keys, actions
        self._writer = writer
        self.num_rows = int(env_attribute(env, "num_agents", 1))

    def reset(self, seed: int | None) -> Seen:
        """Reset it."""
        observations = reset_agents(self.env, seed)
        self._check_count({"observations": observations})
        values, findings = self._look(observations)
        return Seen(values, [], np.zeros(self.num_rows, bool), np.ones(self.num_rows, bool), findings)

    def step(self, flat: np.ndarray) -> Seen:
        """Step all agents."""
        actions = [self.actions.decode(row) for row in flat]
        kept = [self.actions.encode(action).copy() for action in actions]
        outcome: Any = self.env.step(actions)
        if not isinstance(outcome, tuple) or len(outcome) not in (4, 5):
            raise BrokenRuleError(
                "step-result", "step must return (observations, rewards, terminated, truncated, infos), lists of agents"
            )
        names = ("observations", "rewards", "terminated", "truncated", "infos")
        self._check_count(
            dict(zip(names if len(outcome) == 5 else (*names[:2], "dones", "infos"), outcome, strict=True))
        )
        infos = outcome[-1]
        if broken := [finding for agent in range(self.num_rows) for finding in info_findings(infos[agent], agent)]:
            raise BrokenRuleError(broken[0].rule, broken[0].problem, row=broken[0].row)
        observations, rewards, terminated, truncated, _ = read_outcome(outcome)
        values, findings = self._look(observations)
        for agent in range(self.num_rows):
            row = self._row(agent)
            findings += reward_findings(rewards[agent], row)
            findings += flag_findings(terminated[agent], truncated[agent], row)
            findings += _mutation(kept[agent], self.actions.encode(actions[agent]), row)
        ended = np.array([bool(end or cut) for end, cut in zip(terminated, truncated, strict=True)])
        return Seen(values, list(rewards), ended, ended, findings)

    def _row(self, agent: int) -> int | None:
        return agent if self.num_rows > 1 else None

    def _look(self, observations: Sequence[Any]) -> tuple[list[dict[str, Any]], list[Finding]]:
        values = [read_values(self._writer, observation) for observation in observations]
        findings = [
            finding
            for agent, value in enumerate(values)
            for finding in observation_findings(self.keys, value, self._row(agent))
        ]
        return values, findings

    def _check_count(self, parts: Mapping[str, Sequence[Any]]) -> None:
        wrong = [f"{len(part)} {name}" for name, part in parts.items() if len(part) != self.num_rows]
        if wrong:
            told = " and ".join(wrong[:2])
            raise BrokenRuleError("agents-change", f"returned {told} for {self.num_rows} agents")


def _mutation(before: np.ndarray, after: np.ndarray, row: int | None = None) -> Iterator[Finding]:
    if not np.array_equal(before, after, equal_nan=True):
        yield Finding("mutates-actions", f"step changed the action {before.tolist()} to {after.tolist()}", row=row)
