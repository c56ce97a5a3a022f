"""The `dmc_<domain>_<task>` family: the DeepMind Control suite, from states. Knows no physics.

EnvPool steps the same tasks in C++. 32 environments in one thread of a busy machine, steps per second of CPU time:
cartpole_swingup 66,000 instead of 6,600, cheetah_run 56,000 instead of 18,000, humanoid_run 4,400 instead of 2,300.
Where an observation shows the whole state it gives dm_control's rewards and next states to 6 digits or more, so `auto`
takes EnvPool if it is installed, except for the few tasks where it is known to differ (`tasks.py`). Measured by
`benchmarks/backends_physics.py`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from sample_factory.envs.continuous_control import DEFAULTS
from sample_factory.envs.dmc.batch import DmcBatch
from sample_factory.envs.dmc.env import DmcEnv
from sample_factory.envs.dmc.tasks import PREFIX, TASKS, Task, find_task
from sample_factory.envs.registry import EnvFamily


def make_dmc(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None, render_mode: str | None = None
) -> DmcEnv | DmcBatch:
    """Make `dmc_<domain>_<task>`; with EnvPool all environments of a group at once.

    `--env_frameskip=n` holds an action for n control steps. EnvPool renders nothing, so an environment to be shown is
    always dm_control's.
    """
    task = find_task(full_env_name)
    repeat = getattr(cfg, "env_frameskip", None) or 1
    if render_mode is None and _backend(task, getattr(cfg, "env_backend", "auto")) == "envpool":
        return DmcBatch(task, env_config["num_envs"] if env_config is not None else 1, repeat)
    return DmcEnv(task, repeat, render_mode)


def _backend(task: Task, asked: str) -> str:
    if asked != "auto":
        return asked
    if task.envpool_is_faithful and importlib.util.find_spec("envpool"):
        return "envpool"
    if not task.envpool_is_faithful and not importlib.util.find_spec("dm_control"):
        raise ValueError(
            f"{task.name} needs the package 'dm_control', which is not installed; --env_backend=envpool has it, but "
            "not with the suite's rewards or beginnings"
        )
    return "gymnasium"


FAMILY = EnvFamily(
    PREFIX,
    make_dmc,
    # A rate that follows the divergence rises too far here: on cartpole_swingup to 0.01, and nothing was learnt.
    defaults={**DEFAULTS, "lr_schedule": "constant", "ppo_epochs": 8},
    extra="dmc",
    names=lambda: list(TASKS),
    backends=("gymnasium", "envpool"),
    frame_by_frame=True,
)
