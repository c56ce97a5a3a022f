"""EnvPool's batches as Gymnasium vector environments that take their seed at reset. Knows no family.

EnvPool steps a whole batch in C++ behind one call. It wants the seed when the batch is made, so the batch is made at
reset; until then only its description exists. One thread steps it: the cores are divided among rollout workers already.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sample_factory.envs.qt_libraries import load_qt
from sample_factory.envs.registry import unknown_name
from sample_factory.envs.seeding import env_seed

# Repeats what every step of a single-player environment has anyway.
_USELESS_INFOS = ("players", "env_id")


class EnvPoolVector(gym.vector.VectorEnv[Any, Any, Any]):
    """`num_envs` environments `task_id` of EnvPool with next-step autoreset.

    Environment i is seeded with seed + i.

    Args:
        task_id: EnvPool's name of the task.
        num_envs: how many.
        config: EnvPool's own settings of the task.
        frames_per_step: what a step counts.
        single_observation_space: the declared observations, if they are others than EnvPool's.
        render_config: with `render_mode` and what else EnvPool wants to know to make pictures of environment 0.

    Raises:
        ValueError: EnvPool has no such task, refuses the settings, or the task has several players.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        task_id: str,
        num_envs: int,
        config: Mapping[str, Any] | None = None,
        frames_per_step: int = 1,
        single_observation_space: gym.Space[Any] | None = None,
        render_config: Mapping[str, Any] | None = None,
    ) -> None:
        self.num_envs = num_envs
        self.frames_per_step = frames_per_step
        self._task_id = task_id
        self._config = dict(config or {})
        self._render_config = dict(render_config or {})
        spec = make_spec(task_id, self._config)
        self.single_observation_space = single_observation_space or quietly(lambda: spec.gymnasium_observation_space)
        self.single_action_space = quietly(lambda: spec.gymnasium_action_space)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._pool: Any = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Make the batch anew, with this seed, and start an episode in every environment."""
        import envpool

        self.close()
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        seeds = [env_seed(seed, i) for i in range(self.num_envs)]
        self._pool = quietly(
            lambda: envpool.make_gymnasium(
                self._task_id,
                num_envs=self.num_envs,
                num_threads=1,
                env_seed=seeds,
                **self._config,
                **self._render_config,
            )
        )
        observations, infos = quietly(self._pool.reset)
        return observations, _useful(infos)

    # hot path
    def step(
        self, actions: Any, rows: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every environment, or only some `rows` of them; those whose episode has ended are reset instead.

        The outcome has one element for each action, in that order.
        """
        observations, rewards, terminated, truncated, infos = self._pool.step(actions, rows)
        return observations, rewards, terminated, truncated, _useful(infos)

    def render(self) -> tuple[np.ndarray, ...]:
        """A picture of environment 0, uint8 [height, width, 3]."""
        return tuple(self._pool.render())

    def close(self, **kwargs: Any) -> None:
        """End the batch's thread."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def make_spec(task_id: str, config: Mapping[str, Any] | None = None) -> Any:
    """EnvPool's description of a task with these settings.

    Raises:
        ValueError: there is no such task, the settings are refused, the task has several players, or libraries that it
            needs are missing.
    """
    import envpool

    known = envpool.list_all_envs()
    if task_id not in known:
        raise ValueError(unknown_name(f"EnvPool has no environment {task_id!r}", task_id, known))
    default = _default_spec(task_id)
    settings = default_config(default)
    for name in config or {}:
        if name not in settings:
            message = f"EnvPool's {task_id} has no setting {name!r}"
            raise ValueError(unknown_name(message, name, sorted(settings)))
    if settings.get("max_num_players", 1) > 1:
        raise ValueError(f"EnvPool's {task_id} has several players, which is not supported")
    try:
        return quietly(lambda: envpool.make_spec(task_id, **(config or {})))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"EnvPool's {task_id} refuses {dict(config or {})}: {error}") from error


def _default_spec(task_id: str) -> Any:
    import envpool

    try:
        return quietly(lambda: envpool.make_spec(task_id))
    except ImportError as error:
        if "Qt" not in str(error):
            raise ValueError(f"EnvPool's {task_id} cannot be used: {error}") from error
        if problem := load_qt():
            raise ValueError(f"EnvPool's {task_id} cannot be used: {problem}") from error
    # The module remembers that the libraries were not there when EnvPool imported it.
    sys.modules.pop("envpool.procgen", None)
    return quietly(lambda: envpool.make_spec(task_id))


def default_config(spec: Any) -> dict[str, Any]:
    """The settings of a task, by name."""
    return dict(zip(spec._config_keys, spec._default_config_values, strict=True))


def quietly(call: Callable[[], Any]) -> Any:
    """What the call returns, without the warnings about precision that Gymnasium has for EnvPool's spaces."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def _useful(infos: dict[str, Any]) -> dict[str, Any]:
    for name in _USELESS_INFOS:
        infos.pop(name, None)
    return infos
