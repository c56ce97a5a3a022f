"""A level of DeepMind Lab as a Gymnasium environment that can write its frames in place. Knows no command line.

DeepMind Lab has no observation of the state in which an episode ends, so the last one that was seen stands for it;
every end counts as a termination. It steps with Python's interpreter locked, so environments of one process take turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from sample_factory.envs.dmlab.instructions import Encode, instruction_space
from sample_factory.envs.dmlab.lab import IMAGE, INSTRUCTION, open_lab
from sample_factory.envs.dmlab.level_cache.used_seeds import NUM_SEEDS
from sample_factory.envs.dmlab.rewards import shaped
from sample_factory.envs.dmlab.scores import statistics_names
from sample_factory.envs.dmlab.temporary import TemporaryFolder

_BENCHMARK_SEED = 42


class Levels(Protocol):
    """Which compiled level an environment plays next."""

    def next(self, policy: int) -> int:
        """The seed of the next level that a policy plays; never one that it has played before."""
        ...


class Cache(Protocol):
    """What DeepMind Lab asks for compiled levels; see `level_cache.handover`."""

    level: str
    seed: int
    hits: int
    misses: int
    compile_seconds: float

    def finished(self) -> None:
        """A reset or step is over, whatever came of it."""
        ...


@dataclass(frozen=True)
class Play:
    """What is played, and how it is seen."""

    task: int
    """Number of the level among those of the environment's name."""
    level: str
    """Path within the levels of DeepMind Lab."""
    name: str
    """Of the level, in statistics."""
    width: int
    height: int
    actions: list[np.ndarray]
    """Raw actions [7] intc, one for each discrete action."""
    encode: Encode | None
    """Instructions to numbers of words; None leaves them out."""
    config: Mapping[str, str]
    renderer: str = "software"
    frameskip: int = 4
    channels_first: bool = True
    acts_randomly: bool = False
    """Whatever the policy says; to measure speed."""


class DmlabEnv(gym.Env[Any, Any]):
    """One level; see `RowEnv` in `sample_factory.envs.contract` for the `_into` methods."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 (Gymnasium's way)

    def __init__(
        self, play: Play, levels: Levels | None = None, cache: Cache | None = None, render_mode: str | None = None
    ) -> None:
        """
        Args:
            levels: what is played next; None draws any level.
            cache: for compiled levels; None leaves that to DeepMind Lab, which compiles every one.

        Raises:
            ValueError: DeepMind Lab is not installed, or cannot open the level.
        """
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode={render_mode!r}: DeepMind Lab has no window; use rgb_array")
        self.render_mode = render_mode
        self.frames_per_step = play.frameskip
        self.policy_index = 0
        """Whose levels are played; set before a reset."""
        self._play, self._levels, self._cache = play, levels, cache
        image = (play.height, play.width, 3)
        spaces: dict[str, gym.Space[Any]] = {
            "obs": gym.spaces.Box(0, 255, (3, *image[:2]) if play.channels_first else image, np.uint8)
        }
        if play.encode is not None:
            spaces[INSTRUCTION] = instruction_space()
        self.observation_space = gym.spaces.Dict(spaces)
        self.action_space = gym.spaces.Discrete(len(play.actions))
        self._score, self._num_frames = 0.0, 0
        self._counted = (0, 0, 0.0)
        self._image: np.ndarray = np.zeros(image, np.uint8)
        self._instruction = ""
        names = [IMAGE] if play.encode is None else [IMAGE, INSTRUCTION]
        if cache is not None:
            cache.level = play.level
        self._folder = TemporaryFolder()
        try:
            folder = str(self._folder.path)
            self._lab: Any = open_lab(play.level, names, play.config, play.renderer, cache, folder)
        except BaseException:
            self._folder.close()
            raise
        finally:
            self._finished()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        rows = self._new_rows()
        info = self.reset_into(seed, rows)
        return self._declared(rows), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Do one action for `frames_per_step` frames."""
        rows = self._new_rows()
        outcome = self.step_into(action, rows)
        return self._declared(rows), *outcome

    def reset_into(self, seed: int | None, out: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """`reset`, writing into `out["obs"]`, uint8 [height, width, 3], and `out["INSTR"]`, int32 [words]."""
        super().reset(seed=seed)
        level_seed = self._next_seed()
        if self._cache is not None:
            self._cache.level, self._cache.seed = self._play.level, level_seed
        self._score, self._num_frames = 0.0, 0
        try:
            self._lab.reset(seed=level_seed)
        finally:
            self._finished()
        self._observe(out)
        return {"seed": level_seed}

    # hot path
    def step_into(self, action: Any, out: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict[str, Any]]:
        """`step`, writing like `reset_into`. Rewards are shaped for learning; the raw score is `true_objective`."""
        play = self._play
        if play.acts_randomly:
            action = self.np_random.integers(len(play.actions))
        try:
            reward = self._lab.step(play.actions[int(action)], num_steps=play.frameskip)
        finally:
            self._finished()
        self._score += reward
        self._num_frames += play.frameskip
        if self._lab.is_running():
            self._observe(out)
            return shaped(reward), False, False, {}
        self._write(out)
        return shaped(reward), True, False, self._final_info()

    def render(self) -> np.ndarray | None:
        """A copy of the frame, uint8 [height, width, 3]."""
        return None if self.render_mode is None else self._image.copy()

    def overlay(self) -> dict[str, str]:
        """What is written under the frames of a video."""
        return {"instruction": self._instruction} if self._instruction else {}

    def close(self) -> None:
        """End the level; may be called any number of times."""
        lab, self._lab = self._lab, None
        if lab is not None:
            lab.close()
            self._folder.close()

    def _next_seed(self) -> int:
        if self._play.acts_randomly:
            return _BENCHMARK_SEED
        if self._levels is not None:
            return self._levels.next(self.policy_index)
        return int(self.np_random.integers(NUM_SEEDS))

    def _finished(self) -> None:
        if self._cache is not None:
            self._cache.finished()

    # hot path
    def _observe(self, out: Mapping[str, np.ndarray]) -> None:
        seen = self._lab.observations()
        self._image, self._instruction = seen[IMAGE], seen.get(INSTRUCTION, "")
        self._write(out)

    # hot path
    def _write(self, out: Mapping[str, np.ndarray]) -> None:
        out["obs"][:] = self._image
        if self._play.encode is not None:
            out[INSTRUCTION][:] = self._play.encode(self._instruction)

    def _final_info(self) -> dict[str, Any]:
        score, length = statistics_names(self._play.task, self._play.name)
        statistics = {score: self._score, length: self._num_frames, **self._cache_statistics()}
        return {"true_objective": self._score, "episode_extra_stats": statistics}

    def _cache_statistics(self) -> dict[str, float]:
        """Of the compiled levels that were needed since the episode before ended; nothing if there were none."""
        if self._cache is None:
            return {}
        counts = (self._cache.hits, self._cache.misses, self._cache.compile_seconds)
        hits, misses, seconds = (now - before for now, before in zip(counts, self._counted, strict=True))
        self._counted = counts
        if not hits + misses:
            return {}
        return {"dmlab_levels_from_cache": hits / (hits + misses), "dmlab_compile_seconds": seconds}

    def _new_rows(self) -> dict[str, np.ndarray]:
        rows = {"obs": np.empty((self._play.height, self._play.width, 3), np.uint8)}
        if self._play.encode is not None:
            rows[INSTRUCTION] = np.empty(instruction_space().shape, np.int32)
        return rows

    def _declared(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**rows, "obs": rows["obs"].transpose(2, 0, 1)} if self._play.channels_first else rows
