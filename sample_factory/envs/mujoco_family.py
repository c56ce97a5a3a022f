"""The `mujoco_<task>` family: Gymnasium's MuJoCo tasks, version 5. Knows no physics.

EnvPool steps the same tasks in C++. 32 environments in one thread of a busy machine, steps per second of CPU time:
half_cheetah 18,000 instead of 14,000, hopper 10,000 instead of 5,300, humanoid 3,400 instead of 2,900. From the same
state it gives Gymnasium's rewards and next states to float32's precision until contacts amplify the rounding, and its
first observations are distributed alike, so `auto` takes EnvPool if it is installed (`benchmarks/backends_physics.py`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from sample_factory.envs.continuous_control import DEFAULTS
from sample_factory.envs.envpool_vector import EnvPoolVector
from sample_factory.envs.gymnasium_family import GymnasiumOptions, make_unchecked, parse_env_kwargs
from sample_factory.envs.mujoco_process import prefer_rendering_without_display, report_once
from sample_factory.envs.registry import EnvFamily, unknown_name

PREFIX = "mujoco_"
TASKS = {
    "ant": "Ant-v5",
    "half_cheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "humanoid": "Humanoid-v5",
    "humanoid_standup": "HumanoidStandup-v5",
    "inverted_double_pendulum": "InvertedDoublePendulum-v5",
    "inverted_pendulum": "InvertedPendulum-v5",
    "pusher": "Pusher-v5",
    "reacher": "Reacher-v5",
    "swimmer": "Swimmer-v5",
    "walker2d": "Walker2d-v5",
}
_ALIASES = {"halfcheetah": "half_cheetah"}
_WALKS_AWAY = frozenset({"Ant-v5", "HalfCheetah-v5", "Hopper-v5", "Humanoid-v5", "Swimmer-v5", "Walker2d-v5"})
"""Out of the picture, if the camera stays where Gymnasium has it."""

# A wide first policy often learns to slide on its back, which is worth 1,500.
_TUNED: Mapping[str, Mapping[str, Any]] = {
    "half_cheetah": {"initial_stddev": 0.4, "actor_critic_share_weights": False},
}


def make_mujoco(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None, render_mode: str | None = None
) -> gym.Env[Any, Any] | EnvPoolVector:
    """Make `mujoco_<task>`; with EnvPool all environments of a group at once.

    EnvPool renders nothing, so an environment to be shown is always Gymnasium's.
    """
    task_id = _task_id(full_env_name)
    skip = getattr(cfg, "env_frameskip", None)
    if skip not in (None, 1):
        raise ValueError(
            f"--env_frameskip={skip} is not available for --env={full_env_name}, whose rewards depend on the time of a "
            "step; use --env_kwargs='{\"frame_skip\": n}' for another number of physics steps per step"
        )
    kwargs = parse_env_kwargs(getattr(cfg, "env_kwargs", "{}"))
    if render_mode is None and _backend(getattr(cfg, "env_backend", "auto"), kwargs) == "envpool":
        return EnvPoolVector(task_id, env_config["num_envs"] if env_config is not None else 1, kwargs)
    if render_mode == "rgb_array":
        prefer_rendering_without_display()
        if task_id in _WALKS_AWAY:
            kwargs = {"camera_name": "track", **kwargs}
    report_once()
    return make_unchecked(full_env_name, gym.spec(task_id), kwargs, render_mode)


def defaults_for(full_env_name: str) -> dict[str, Any]:
    """Those of continuous control, and what suits the task better."""
    task = full_env_name.removeprefix(PREFIX)
    return {**DEFAULTS, **_TUNED.get(_ALIASES.get(task, task), {})}


def _backend(asked: str, kwargs: Mapping[str, Any]) -> str:
    if asked != "auto":
        return asked
    # Keyword arguments are Gymnasium's; EnvPool has many of them, but not all.
    return "envpool" if importlib.util.find_spec("envpool") and not kwargs else "gymnasium"


def _task_id(full_env_name: str) -> str:
    task = full_env_name.removeprefix(PREFIX)
    task_id = TASKS.get(_ALIASES.get(task, task))
    if task_id is None:
        raise ValueError(unknown_name(f"unknown environment {full_env_name!r}", full_env_name, _names()))
    return task_id


def _names() -> list[str]:
    return [PREFIX + task for task in TASKS]


FAMILY = EnvFamily(
    PREFIX,
    make_mujoco,
    options=GymnasiumOptions,
    defaults=DEFAULTS,
    defaults_for=defaults_for,
    extra="mujoco",
    names=_names,
    backends=("gymnasium", "envpool"),
)
