"""Steps an environment as it was made, whatever its interface, and says at each step which rules it breaks.

Knows no instance but its own: what several of them share, and what came of a seed, is for others to compare. Single
and multi-agent environments are stepped without their adapters, so that a wrong observation is reported as returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from sample_factory.envs.batching import kind_of_env
from sample_factory.envs.contract import BatchedEnv, EpisodeInfo, new_step_arrays
from sample_factory.envs.multi_agent import env_attribute, read_outcome, reset_agents
from sample_factory.envs.observations import ObservationWriter, zero_rows
from sample_factory.envs.rules import (
    BrokenRuleError,
    Finding,
    flag_findings,
    info_findings,
    observation_findings,
    reward_findings,
)
from sample_factory.envs.vector_env import VectorEnvAdapter
from sample_factory.rl.spaces import MASK_KEY, ActionLayout, KeySpec, action_layout

# No environment returns these by chance.
_NO_REWARD, _NO_FRAMES, _NO_BOOL = np.float32(-1.7e38), -77_777, 0x55
_FEWEST_BYTES = 4  # a shorter row may well be what was there before


class Seen(NamedTuple):
    """What came of one reset or step."""

    observations: list[dict[str, Any]]  # per row, by key; as declared, and as returned: not copied
    rewards: Sequence[Any]  # per row; empty after a reset
    ended: np.ndarray  # [rows] bool: an episode ended in this step
    resets: np.ndarray  # [rows] bool: the observation is the first of an episode
    findings: list[Finding]


class Probe(Protocol):
    """An environment that is looked at."""

    num_rows: int
    keys: dict[str, KeySpec]
    actions: ActionLayout

    def reset(self, seed: int | None) -> Seen:
        """Start an episode in every row."""
        ...

    def step(self, flat: np.ndarray) -> Seen:
        """Step with flat actions [num_rows, num_actions].

        Raises:
            BrokenRuleError: what was returned cannot be read.
            Exception: whatever the environment raises.
        """
        ...


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


def masks(seen: Seen) -> dict[str, np.ndarray]:
    """The action masks of all rows [rows, mask_size], by key; empty if there are none."""
    if MASK_KEY not in seen.observations[0]:
        return {}
    return {MASK_KEY: np.stack([np.asarray(values[MASK_KEY]).reshape(-1) for values in seen.observations])}


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
        values = _values(self._writer, outcome[0])
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
        values = _values(self._writer, observation)
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
        values = [_values(self._writer, observation) for observation in observations]
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


class VectorProbe:
    """A Gymnasium vector environment, without its adapter.

    Raises:
        ValueError: it does not reset by itself.
    """

    def __init__(self, name: str, env: gym.vector.VectorEnv[Any, Any, Any], writer: ObservationWriter) -> None:
        self.env = env
        self._writer = writer
        # Knows how to make a batch of actions, and which autoreset modes there are.
        adapter = VectorEnvAdapter(name, env)
        self._decode = adapter.decode
        self.keys, self.actions, self.num_rows = adapter.keys, adapter.actions, adapter.num_rows
        self._same_step = env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP
        self._pending = np.zeros(self.num_rows, bool)  # rows that the next step resets
        self._first: dict[str, np.ndarray] = {}  # observations of the reset, copied
        # With same-step autoreset: which rows ended in the last step, and how steps after an end and others go.
        self._just_ended = np.zeros(self.num_rows, bool)
        self._after_end, self._idle_after_end, self._idle_otherwise = 0, 0, 0

    def reset(self, seed: int | None) -> Seen:
        """Reset it."""
        outcome: Any = self.env.reset(seed=seed)
        if not isinstance(outcome, tuple) or len(outcome) != 2:
            raise BrokenRuleError("reset-result", "reset must return (observations, infos)")
        self._pending[:] = False
        values, findings = self._look(outcome[0])
        findings += info_findings(outcome[1], None)
        return Seen(values, [], np.zeros(self.num_rows, bool), np.ones(self.num_rows, bool), findings)

    def step(self, flat: np.ndarray) -> Seen:
        """Step every row."""
        actions = self._decode(flat)
        kept = _copied(actions)
        outcome: Any = self.env.step(actions)
        if not isinstance(outcome, tuple) or len(outcome) != 5:
            raise BrokenRuleError(
                "step-result", "step must return (observations, rewards, terminated, truncated, infos)"
            )
        observations, rewards, terminated, truncated, infos = outcome
        for name, part in (("rewards", rewards), ("terminated", terminated), ("truncated", truncated)):
            if np.ndim(part) < 1 or len(part) != self.num_rows:
                raise BrokenRuleError(
                    "agents-change", f"returned {name} of shape {np.shape(part)} for {self.num_rows} rows"
                )
        values, findings = self._look(observations)
        for row in range(self.num_rows):
            findings += reward_findings(rewards[row], row)
            findings += flag_findings(terminated[row], truncated[row], row)
        findings += info_findings(infos, None)
        if not _same(kept, actions):
            findings.append(Finding("mutates-actions", "step changed the actions that it was given"))
        ended = np.asarray(terminated).astype(bool) | np.asarray(truncated).astype(bool)
        if not findings:
            findings += self._mode_findings(np.asarray(rewards, np.float64), ended, infos)
        resets = ended if self._same_step else self._pending.copy()
        self._pending = ended & ~resets
        return Seen(values, list(rewards), ended, resets, findings)

    def _look(self, observations: Any) -> tuple[list[dict[str, Any]], list[Finding]]:
        batch = _values(self._writer, observations)
        for key, leaf in batch.items():
            if np.ndim(leaf) < 1 or len(leaf) != self.num_rows:
                raise BrokenRuleError(
                    "agents-change", f"observation {key!r} has shape {np.shape(leaf)} for {self.num_rows} rows", key
                )
        values = [{key: leaf[row] for key, leaf in batch.items()} for row in range(self.num_rows)]
        findings = [
            finding for row, value in enumerate(values) for finding in observation_findings(self.keys, value, row)
        ]
        for key, leaf in batch.items():
            # One array for all rows is fine as long as it never changes.
            changed = not _same(self._first.setdefault(key, np.array(leaf)), leaf)
            if changed and self.num_rows > 1 and np.shares_memory(leaf[0], leaf[1]) and not findings:
                findings.append(Finding("shared-rows", f"rows 0 and 1 of observation {key!r} are one array", key, 0))
        return values, findings

    def _mode_findings(self, rewards: np.ndarray, ended: np.ndarray, infos: Mapping[str, Any]) -> Iterator[Finding]:
        """Whether the autoreset mode is the declared one."""
        if self._same_step:
            yield from self._missing_same_step(rewards, ended, infos)
            return
        for row in np.flatnonzero(self._pending):
            did = "ended an episode" if ended[row] else f"gave the reward {rewards[row]:g}" if rewards[row] else None
            if did is not None:
                yield Finding(
                    "wrong-autoreset-mode",
                    f"next-step autoreset is declared, but row {row} {did} in the step that should only reset it",
                    row=int(row),
                )
        if ended.any() and "final_obs" in infos:
            yield Finding("wrong-autoreset-mode", "next-step autoreset is declared, but infos have 'final_obs'")

    def _missing_same_step(self, rewards: np.ndarray, ended: np.ndarray, infos: Mapping[str, Any]) -> Iterator[Finding]:
        before, self._just_ended = self._just_ended, ended
        idle = (rewards == 0) & ~ended
        self._after_end += int(before.sum())
        self._idle_after_end += int((before & idle).sum())
        self._idle_otherwise += int((~before & idle).sum())
        # Steps that always earn something, but never right after an end: those only reset.
        if self._after_end == self._idle_after_end >= 3 and not self._idle_otherwise and "final_obs" not in infos:
            yield Finding(
                "wrong-autoreset-mode",
                "same-step autoreset is declared, but the step after an end is never rewarded, unlike all others",
            )


class BatchedProbe:
    """A batched environment, with arrays of its own in which it can be seen what was written."""

    def __init__(self, env: BatchedEnv) -> None:
        self.env = env
        self.keys, self.actions, self.num_rows = env.keys, env.actions, env.num_rows
        self.out = zero_rows(env.keys, env.num_rows)
        self.result = new_step_arrays(env.num_rows)
        self._rng = np.random.default_rng(0)
        self._pending = np.zeros(env.num_rows, bool)

    def reset(self, seed: int | None) -> Seen:
        """Reset it."""
        marks = self._mark()
        self.env.reset(seed, self.out)
        self._pending[:] = False
        values = self._values()
        findings = self._unwritten(marks) or self._value_findings(values)
        return Seen(values, [], np.zeros(self.num_rows, bool), np.ones(self.num_rows, bool), findings)

    def step(self, flat: np.ndarray) -> Seen:
        """Step every row."""
        marks, result, given = self._mark(), self.result, flat.copy()
        result.rewards.fill(_NO_REWARD)
        result.frames.fill(_NO_FRAMES)
        for flags in (result.terminated, result.truncated, result.valid, result.resets):
            flags.view(np.uint8).fill(_NO_BOOL)
        episodes = self.env.step(given, self.out, result)
        if self.env.num_rows != self.num_rows:
            raise BrokenRuleError("agents-change", f"num_rows was {self.num_rows} and is now {self.env.num_rows}")
        values = self._values()
        findings = list(self._unwritten_results())
        if findings:  # the flags mean nothing
            self._pending = np.zeros(self.num_rows, bool)
            return Seen(values, [], self._pending, self._pending, findings)
        findings += self._unwritten(marks) or self._value_findings(values)
        for row in range(self.num_rows):
            findings += reward_findings(result.rewards[row], row)
        if not np.array_equal(given, flat):
            findings.append(Finding("mutates-actions", "step changed the actions that it was given"))
        ended = result.terminated | result.truncated
        findings += self._contract_findings(ended, episodes)
        self._pending = ended & ~result.resets
        return Seen(values, result.rewards.tolist(), ended, result.resets.copy(), findings)

    def _contract_findings(self, ended: np.ndarray, episodes: Sequence[EpisodeInfo]) -> Iterator[Finding]:
        result = self.result
        only_resets = result.resets & ~ended
        lost = result.resets & result.truncated & ~result.terminated
        rules = (
            ("no-autoreset", self._pending & ~result.resets, "is not reset in the step after its episode has ended"),
            ("wrong-autoreset-mode", self._pending & result.resets & ended, "ends again in the step that resets it"),
            ("valid-on-reset", only_resets & result.valid, "is marked valid in a step that only resets it"),
            ("valid-on-reset", lost & result.valid, "is marked valid where its last observation is lost"),
            ("reward-on-invalid", ~result.valid & (result.rewards != 0), "has a reward in a step that is not valid"),
            ("wrong-frames", only_resets & (result.frames != 0), "counts frames in a step that only resets it"),
            ("wrong-frames", result.frames < 0, "counts a negative number of frames"),
        )
        for name, broken, problem in rules:
            if broken.any():
                row = int(broken.argmax())
                yield Finding(name, f"row {row} {problem}", row=row)
        told = sorted(int(episode.row) for episode in episodes)
        if told != np.flatnonzero(ended).tolist():
            yield Finding(
                "wrong-episodes", f"episodes of rows {np.flatnonzero(ended).tolist()} ended, and step told of {told}"
            )
        for episode in episodes:
            yield from info_findings(episode.info, int(episode.row))

    def _mark(self) -> dict[str, np.ndarray]:
        """Fill the observations with what nobody writes by chance; returns it, as bytes [rows, bytes of a row]."""
        marks = {}
        for key, stored in self.out.items():
            row_bytes = stored.reshape(self.num_rows, -1).view(np.uint8)
            # Neither 0 nor 1, which are all that a short row of flags can hold.
            marks[key] = self._rng.integers(2, 128, row_bytes.shape, np.uint8)
            row_bytes[...] = marks[key]
        return marks

    def _unwritten(self, marks: Mapping[str, np.ndarray]) -> list[Finding]:
        findings = []
        for key, mark in marks.items():
            if mark.shape[1] < _FEWEST_BYTES and self.out[key].dtype != np.int8:
                continue
            same = (self.out[key].reshape(self.num_rows, -1).view(np.uint8) == mark).all(axis=1)
            if same.any():
                row = int(same.argmax())
                findings.append(
                    Finding("unwritten-rows", f"row {row} of observation {key!r} was not written", key, row)
                )
        return findings

    def _unwritten_results(self) -> Iterator[Finding]:
        for name, array in zip(self.result._fields, self.result, strict=True):
            if name == "rewards":
                unwritten = array == _NO_REWARD
            elif name == "frames":
                unwritten = array == _NO_FRAMES
            else:
                unwritten = array.view(np.uint8) == _NO_BOOL
            if unwritten.any():
                row = int(unwritten.argmax())
                yield Finding("unwritten-rows", f"row {row} of {name!r} was not written", name, row)

    def _values(self) -> list[dict[str, Any]]:
        """Stored rows as their spaces declare them: integers are stored from 0."""
        return [
            {
                name: spec.row_view(self.out[name])[row]
                + (getattr(spec.space, "start", 0) if spec.kind == "integer" else 0)
                for name, spec in self.keys.items()
            }
            for row in range(self.num_rows)
        ]

    def _value_findings(self, values: Sequence[Mapping[str, Any]]) -> list[Finding]:
        return [
            finding
            for row, value in enumerate(values)
            for finding in observation_findings(self.keys, value, row if self.num_rows > 1 else None)
        ]


def _values(writer: ObservationWriter, observation: Any) -> dict[str, Any]:
    try:
        return writer.values(observation)
    except (KeyError, IndexError, TypeError) as error:
        raise BrokenRuleError(
            "wrong-structure", f"the observation lacks parts of its space ({type(error).__name__}: {error})"
        ) from error


def _mutation(before: np.ndarray, after: np.ndarray, row: int | None = None) -> Iterator[Finding]:
    if not np.array_equal(before, after, equal_nan=True):
        yield Finding("mutates-actions", f"step changed the action {before.tolist()} to {after.tolist()}", row=row)


def _copied(actions: Any) -> Any:
    if isinstance(actions, tuple):
        return tuple(_copied(part) for part in actions)
    return np.array(actions)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return all(_same(*parts) for parts in zip(one, other, strict=True))
    return np.array_equal(one, other)
