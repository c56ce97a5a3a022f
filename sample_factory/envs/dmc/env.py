"""One task of dm_control's suite as a Gymnasium environment. Knows no family and no batch.

The observation is one vector, all parts of the task's observation in the order of their names: a network then has one
encoder, and the parts are small.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.dmc.tasks import MAX_STEPS, Task
from sample_factory.envs.mujoco_process import prefer_rendering_without_display, report_once

_HEIGHT, _WIDTH = 480, 640


class DmcEnv(gym.Env[np.ndarray, np.ndarray]):
    """A task whose actions are held for `repeat` control steps, fewer where the episode ends; rewards are summed.

    An episode terminates where the task ends with discount 0 and is truncated after 1,000 control steps. Image
    observations are not made; `render` shows the task's first camera.

    Raises:
        ValueError: the MuJoCo that is installed does not work with dm_control.
    """

    def __init__(self, task: Task, repeat: int = 1, render_mode: str | None = None) -> None:
        check_mujoco_version()
        if render_mode is not None:
            prefer_rendering_without_display()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glfw's, that there is no display
            from dm_control import suite
        report_once()
        # The seed at construction chooses the springs of the `lqr` tasks, which are the same for all environments.
        self._env = suite.load(task.domain, task.task, task_kwargs={"random": 0})
        self._task, self._physics = self._env.task, self._env.physics
        if render_mode is None:
            # quadruped_escape would draw its new ground at each reset, and so need OpenGL.
            self._physics._make_rendering_contexts = lambda: None
        self._ticks = round(self._env.control_timestep() / self._physics.timestep())
        self._parts, size = _places(self._env.observation_spec())
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        actions = self._env.action_spec()
        low, high = (np.broadcast_to(bound, actions.shape) for bound in (actions.minimum, actions.maximum))
        self.action_space = gym.spaces.Box(low, high, dtype=np.float64)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 1 / (self._env.control_timestep() * repeat)}
        self.render_mode = render_mode
        self.frames_per_step = repeat
        self._elapsed = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; a seed is that of the task's random state."""
        super().reset(seed=seed)
        observation = np.empty(self.observation_space.shape or (), np.float32)
        info = self.reset_into(seed, {"obs": observation})
        return observation, info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Hold an action."""
        observation = np.empty(self.observation_space.shape or (), np.float32)
        outcome = self.step_into(action, {"obs": observation})
        return observation, *outcome

    def reset_into(self, seed: int | None, out: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Start an episode and write its first observation to `out["obs"]` [size]."""
        if seed is not None:
            self._task.random.seed(seed)
        self._elapsed = 0
        self._write(self._env.reset().observation, out["obs"])
        return {}

    # hot path
    def step_into(self, action: np.ndarray, out: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict[str, Any]]:
        """Hold an action and write the observation after it to `out["obs"]` [size].

        What `dm_control.rl.control.Environment.step` does, but the observation is made only after the last frame.
        """
        task, physics = self._task, self._physics
        reward, frames, discount, truncated = 0.0, 0, None, False
        while frames < self.frames_per_step and discount is None and not truncated:
            task.before_step(action, physics)
            physics.step(self._ticks)
            task.after_step(physics)
            reward += task.get_reward(physics)
            frames += 1
            truncated = self._elapsed + frames >= MAX_STEPS
            discount = None if truncated else task.get_termination(physics)
        self._elapsed += frames
        self._write(task.get_observation(physics), out["obs"])
        info = {} if frames == self.frames_per_step else {"num_frames": frames}
        # A task that ends with another discount than 0 is cut.
        return reward, discount == 0, truncated or bool(discount), info

    def render(self) -> np.ndarray:
        """The first camera's image, uint8 [480, 640, 3]."""
        image: np.ndarray = self._physics.render(_HEIGHT, _WIDTH, camera_id=0)
        return image

    def close(self) -> None:
        """Release the simulation."""
        self._env.close()

    # hot path
    def _write(self, observation: Mapping[str, Any], row: np.ndarray) -> None:
        for name, place in self._parts:
            row[place] = np.ravel(observation[name])


def check_mujoco_version() -> None:
    """Must come before dm_control is imported, which would end the interpreter.

    Raises:
        ValueError: MuJoCo 4 or later is installed.
        ModuleNotFoundError: MuJoCo is not installed.
    """
    try:
        version = importlib.metadata.version("mujoco")
    except importlib.metadata.PackageNotFoundError:
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco") from None
    if int(version.partition(".")[0]) >= 4:
        raise ValueError(
            f"dm_control crashes with MuJoCo {version}, which is installed: pip install 'mujoco<4', or use "
            "--env_backend=envpool"
        )


def _places(spec: Mapping[str, Any]) -> tuple[list[tuple[str, slice]], int]:
    """Name and place of each part of an observation, and the size of all."""
    places: list[tuple[str, slice]] = []
    start = 0
    for name in sorted(spec):
        size = int(np.prod(spec[name].shape))
        places.append((name, slice(start, start + size)))
        start += size
    return places, start
