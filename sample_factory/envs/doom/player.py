"""What one player sees, is paid and achieves, from the state of a running game. Starts and steps no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
import vizdoom

from sample_factory.envs.doom.measurements import Measurements, measurements_space
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.shaping import HealthGainReward, Shaping, VariableReward
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.doom.variables import Variables

_GATHERING_VARIABLES = ("HEALTH",)


class Player:
    """The observations, rewards and statistics of one player.

    The engine has no frame of an episode's end: the final observation repeats the last frame that was seen, one step
    old, because the value of a truncated episode is estimated from it.
    """

    def __init__(self, spec: DoomSpec, options: DoomOptions) -> None:
        self._spec = spec
        self._size = (options.res_w, options.res_h)
        self._row_shape = (options.res_h, options.res_w, 3)
        self.variable_names = variable_names(spec)
        self.variables = Variables(self.variable_names)
        self._engine_variables = [getattr(vizdoom.GameVariable, name) for name in self.variable_names]
        self._measurements = Measurements(self.variable_names) if spec.measurements else None
        self.reward_shaping: dict[str, Any] | None = None if spec.shaping is None else spec.shaping()
        self._shaping = self._new_shaping()
        self.screen: np.ndarray | None = None
        """The newest frame as the game drew it."""
        self.score = 0.0
        """Sum of the game's own rewards in this episode, before scaling."""

    def set_reward_shaping(self, reward_shaping: Mapping[str, Any]) -> None:
        """Use another table of rewards from now on; its values before the next step count as the last step's."""
        self.reward_shaping = dict(reward_shaping)
        self._shaping = self._new_shaping()
        if self._shaping is not None:
            self._shaping.start(self.variables.values)

    def new_rows(self) -> dict[str, np.ndarray]:
        """Arrays for one observation, images height-width-channel."""
        rows: dict[str, np.ndarray] = {"obs": np.empty(self._row_shape, np.uint8)}
        if self._measurements is not None:
            rows["measurements"] = np.empty(measurements_space().shape, np.float32)
        return rows

    def start(self, game: vizdoom.DoomGame, out: Mapping[str, np.ndarray]) -> None:
        """An episode has begun."""
        # OpenCV silently allocates a new array when it cannot write into the given one.
        row = out["obs"]
        assert row.shape == self._row_shape and row.dtype == np.uint8 and row.flags.c_contiguous
        self.score = 0.0
        self._see(game.get_state(), game, out, is_first=True)
        if self._shaping is not None:
            self._shaping.start(self.variables.values)

    # hot path
    def step(self, game: vizdoom.DoomGame, reward: float, ended: bool, out: Mapping[str, np.ndarray]) -> float:
        """A step was taken, which the game paid with `reward`, and `ended` the episode; returns the agent's reward."""
        self.score += reward
        self._see(None if ended else game.get_state(), game, out)
        if self._shaping is not None and not ended:
            reward += self._shaping.step(self.variables.values)
        return reward * self._spec.reward_scale

    @property
    def number(self) -> int:
        """Number of this player in a match, from 1."""
        return int(self.variables.get("PLAYER_NUMBER")) + 1

    def frags(self) -> list[float]:
        """Frags of every player of the match, in the order of their numbers."""
        # Of a player who left the number is free, and the others keep theirs.
        count = max(int(self.variables.get("PLAYER_COUNT", 1)), self.number)
        return [self.variables.get(f"PLAYER{number}_FRAGCOUNT") for number in range(1, count + 1)]

    # hot path
    def _see(
        self,
        state: vizdoom.GameState | None,
        game: vizdoom.DoomGame,
        out: Mapping[str, np.ndarray],
        is_first: bool = False,
    ) -> None:
        if state is not None:
            self.screen = state.screen_buffer  # owned by Python: stays as it is
        assert self.screen is not None
        # Into the row itself: 9 us, where resizing channel-first planes through a transposed view takes 75 us.
        cv2.resize(self.screen, self._size, out["obs"], 0, 0, cv2.INTER_NEAREST)
        if self._engine_variables:
            # At the end, where there is no state, the variables can be asked for one by one.
            raw = self._ask(game) if state is None else state.game_variables
            assert raw is not None
            (self.variables.start if is_first else self.variables.update)(raw)
            if self._measurements is not None:
                self._measurements.write(self.variables.values, out["measurements"])

    def _ask(self, game: vizdoom.DoomGame) -> np.ndarray:
        return np.array([game.get_game_variable(variable) for variable in self._engine_variables])

    def _new_shaping(self) -> Shaping | None:
        if self._spec.rewards_health_gain:
            return HealthGainReward(self.variable_names)
        return None if self.reward_shaping is None else VariableReward(self.variable_names, self.reward_shaping)


def variable_names(spec: DoomSpec) -> tuple[str, ...]:
    """What the engine is asked to give with every frame."""
    return spec.variables or (_GATHERING_VARIABLES if spec.rewards_health_gain else ())


def observation_space(spec: DoomSpec, options: DoomOptions, channels_first: bool) -> gym.Space[Any]:
    """The image alone, or a Dict with "obs" and "measurements"."""
    size = (options.res_h, options.res_w)
    image = gym.spaces.Box(0, 255, (3, *size) if channels_first else (*size, 3), np.uint8)
    if not spec.measurements:
        return image
    return gym.spaces.Dict({"obs": image, "measurements": measurements_space()})


def declared(rows: Mapping[str, np.ndarray], channels_first: bool) -> Any:
    """Stored rows as a member of the observation space."""
    image = np.ascontiguousarray(rows["obs"].transpose(2, 0, 1)) if channels_first else rows["obs"]
    return {**rows, "obs": image} if len(rows) > 1 else image


def match_statistics(player: Player, objective: str) -> dict[str, Any]:
    """The info of a match's end.

    `final_place` is 1 for the best, shared places count as the better one; `leader_gap` is how far the leader is ahead,
    negative for the leader itself: by how much it leads. Frags per life are `kdr`.
    """
    frags, number = player.frags(), player.number
    mine = frags[number - 1]
    others = [value for i, value in enumerate(frags) if i != number - 1]
    deaths = player.variables.get("DEATHCOUNT")
    statistics = {
        "frags": mine,
        "deaths": deaths,
        "kdr": mine / (deaths + 1),
        "final_place": 1.0 + sum(value > mine for value in others),
        "leader_gap": max(others) - mine if others else 0.0,
    }
    won = bool(others) and mine > max(others)
    return {"true_objective": float(won) if objective == "win" else mine, "episode_extra_stats": statistics}
