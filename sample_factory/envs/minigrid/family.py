"""The `MiniGrid-` and `BabyAI-` families, by the ids of the minigrid package. Knows neither simulator's inside.

EnvPool has the same levels in C++, two to nine times as fast, with the same observations, rewards and time limits
(`benchmarks/backends_minigrid.py` puts its levels into the package and plays them side by side), so `auto` takes it
where it is installed and has the id. It draws levels from other random numbers, so a seed gives other ones there. What
is rendered comes from the package.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

from sample_factory.envs.minigrid import env
from sample_factory.envs.registry import EnvConfig, EnvFamily, unknown_name

# Its levels are so full that drawing places at random need not come to an end, and EnvPool never gives up.
_STUCK_IN_ENVPOOL = ("BabyAI-SynthS5R2-v0",)


def make_minigrid(full_env_name: str, cfg: Any, env_config: EnvConfig | None, render_mode: str | None = None) -> Any:
    """Make one environment of the package, or with EnvPool all environments of a group at once."""
    skip = getattr(cfg, "env_frameskip", None)
    if skip not in (None, 1):
        raise ValueError(f"--env_frameskip={skip} is not available for --env={full_env_name}; a step is one frame")
    if env_config is not None and render_mode is None:
        backend = getattr(cfg, "env_backend", "auto")
        if backend == "envpool" or (backend == "auto" and _envpool_has(full_env_name)):
            return _make_pool(full_env_name, env_config["num_envs"])
    known = env.known_ids()
    if full_env_name not in known:
        raise ValueError(unknown_name(f"MiniGrid has no environment {full_env_name!r}", full_env_name, known))
    return env.MiniGrid(full_env_name, render_mode)


def _make_pool(full_env_name: str, num_envs: int) -> Any:
    if importlib.util.find_spec("envpool") is None:
        raise ValueError("--env_backend=envpool needs the package 'envpool': pip install 'sample-factory[envpool]'")
    if full_env_name in _STUCK_IN_ENVPOOL:
        raise ValueError(f"EnvPool hangs when it makes levels of {full_env_name}; use --env_backend=gymnasium")
    from sample_factory.envs.minigrid.pool import MiniGridPool

    return MiniGridPool(full_env_name, num_envs)


def _envpool_has(full_env_name: str) -> bool:
    if full_env_name in _STUCK_IN_ENVPOOL or importlib.util.find_spec("envpool") is None:
        return False
    import envpool

    return full_env_name in envpool.list_all_envs()


MINIGRID = EnvFamily(
    "MiniGrid-",
    make_minigrid,
    defaults={
        "encoder_subtype": "minigrid_convnet_tiny",
        "hidden_size": 128,
        "obs_subtract_mean": 4.0,
        "obs_scale": 8.0,
        "exploration_loss_coeff": 0.005,
        "env_frameskip": 1,
    },
    extra="minigrid",
    names=lambda: [name for name in env.known_ids() if name.startswith("MiniGrid-")],
    backends=("gymnasium", "envpool"),
)
BABYAI = dataclasses.replace(
    MINIGRID, prefix="BabyAI-", names=lambda: [name for name in env.known_ids() if name.startswith("BabyAI-")]
)
