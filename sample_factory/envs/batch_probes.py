"""Steps batches of environments, and says at each step which rules they break. Knows no single environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from sample_factory.envs.contract import BatchedEnv, EpisodeInfo, new_step_arrays
from sample_factory.envs.observations import ObservationWriter, zero_rows
from sample_factory.envs.probe import Seen, read_values
from sample_factory.envs.rules import (
    BrokenRuleError,
    Finding,
    flag_findings,
    info_findings,
    observation_findings,
    reward_findings,
)
from sample_factory.envs.vector_env import VectorEnvAdapter

# No environment returns these by chance.
_NO_REWARD, _NO_FRAMES, _NO_BOOL = np.float32(-1.7e38), -77_777, 0x55
_FEWEST_BYTES = 4  # a shorter row may well be what was there before


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
            findings += reward_findings(rewards[row], row, "row")
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
        batch = read_values(self._writer, observations)
        for key, leaf in batch.items():
            if np.ndim(leaf) < 1 or len(leaf) != self.num_rows:
                raise BrokenRuleError(
                    "agents-change", f"observation {key!r} has shape {np.shape(leaf)} for {self.num_rows} rows", key
                )
        values = [{key: leaf[row] for key, leaf in batch.items()} for row in range(self.num_rows)]
        findings = [
            finding
            for row, value in enumerate(values)
            for finding in observation_findings(self.keys, value, row, "row")
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
            findings += reward_findings(result.rewards[row], row, "row")
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
            for finding in observation_findings(self.keys, value, row if self.num_rows > 1 else None, "row")
        ]


def _copied(actions: Any) -> Any:
    if isinstance(actions, tuple):
        return tuple(_copied(part) for part in actions)
    return np.array(actions)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return all(_same(*parts) for parts in zip(one, other, strict=True))
    return np.array_equal(one, other)
