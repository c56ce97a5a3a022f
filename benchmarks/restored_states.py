"""Puts states that EnvPool's copy of dm_control's suite shows into dm_control. Knows no statistics.

A state is found by least squares: positions, velocities, activations and the places of targets that give the same
observation. What an observation does not show (the place on the ground, say) stays as it is. Sensors of forces are left
out, because they depend on what was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sample_factory.envs.dmc.env import DmcEnv
from sample_factory.envs.dmc.tasks import Task

_FORCES = ("touch", "touch_sensors", "imu", "force_torque", "inertial_sensors", "foot_forces", "rangefinder")
_GOOD_ENOUGH = 1e-7
_TRIES = 3
_PULL = 1e-6  # keeps what is not observed where it was
_FREE, _HINGE = 0, 3  # MuJoCo's kinds of joints


class RestoredState:
    """One environment of dm_control that takes states from observations."""

    def __init__(self, task: Task) -> None:
        self._env = DmcEnv(task)
        self._env.reset(seed=0)
        self._physics, self._task = self._env._physics, self._env._task
        self._model, self._data = self._physics.model.ptr, self._physics.data.ptr
        self._names = [name for name, _ in self._env._parts if name not in _FORCES]
        self._places = [self._data.qpos, self._data.qvel, self._data.act, *self._targets()]
        self.action_space = self._env.action_space
        self._first = self._state = np.concatenate(self._places)

    def restore(self, observation: Mapping[str, np.ndarray]) -> float:
        """Find the state of an observation, given by parts; returns the largest difference that is left."""
        from scipy.optimize import least_squares

        goal = self.flat(observation)

        def difference(state: np.ndarray) -> np.ndarray:
            self._put(state)
            return np.concatenate((self._observe() - goal, _PULL * (state - start)))

        best = np.inf
        for seed in range(_TRIES):
            self._put(self._first)
            self._env.reset(seed=seed)
            start = np.concatenate(self._places)
            found = least_squares(difference, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=40)
            left = float(np.abs(found.fun[: len(goal)]).max())
            if left < best:
                best, self._state = left, found.x
            if left < _GOOD_ENOUGH:
                break
        self._unwind()
        return best

    def reward(self, action: np.ndarray) -> float:
        """The task's reward for having come to the state with an action."""
        self._put(self._state)
        self._data.ctrl[:] = action
        self._task.after_step(self._physics)
        return float(self._task.get_reward(self._physics))

    def step(self, action: np.ndarray) -> np.ndarray:
        """The observation one step after the state, flat and without sensors of forces."""
        self._put(self._state)
        self._env._elapsed = 0
        self._env.step(action)
        return self._observe()

    def flat(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """What is compared of an observation, float64."""
        return np.concatenate([np.ravel(observation[name]) for name in self._names]).astype(np.float64)

    def close(self) -> None:
        """Release the simulation."""
        self._env.close()

    def _observe(self) -> np.ndarray:
        return self.flat(self._task.get_observation(self._physics))

    def _put(self, state: np.ndarray) -> None:
        with self._physics.reset_context():
            start = 0
            for place in self._places:
                place[:] = state[start : start + len(place)]
                start += len(place)
            for joint in np.flatnonzero(self._model.jnt_type == _FREE):
                quaternion = self._data.qpos[self._model.jnt_qposadr[joint] + 3 :][:4]
                quaternion /= np.linalg.norm(quaternion)

    def _unwind(self) -> None:
        """Turn joints that are a whole turn out of their range back into it."""
        model = self._model
        for joint in np.flatnonzero((model.jnt_type == _HINGE) & (model.jnt_limited != 0)):
            address, middle = model.jnt_qposadr[joint], model.jnt_range[joint].mean()
            self._state[address] -= 2 * np.pi * np.round((self._state[address] - middle) / (2 * np.pi))

    def _targets(self) -> list[Any]:
        """Views of where the model has its targets, which tasks choose anew for each episode."""
        model, views = self._model, []
        for count, find, places in (
            (model.ngeom, model.geom, model.geom_pos),
            (model.nbody, model.body, model.body_pos),
            (model.nsite, model.site, model.site_pos),
            (model.nbody, model.body, model.body_quat),
        ):
            views += [places[i] for i in range(count) if find(i).name.startswith("target")]
        return views
