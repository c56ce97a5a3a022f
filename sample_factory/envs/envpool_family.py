"""The `envpool_` family: any single-player task of EnvPool, `envpool_<id>`. Knows no particular task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sample_factory.envs.encoder_defaults import VECTOR_DEFAULTS, encoder_defaults
from sample_factory.envs.envpool_vector import EnvPoolVector, default_config, make_spec, quietly
from sample_factory.envs.gymnasium_family import GymnasiumOptions, parse_env_kwargs
from sample_factory.envs.registry import EnvFamily

PREFIX = "envpool_"


def make_envpool(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None, render_mode: str | None = None
) -> EnvPoolVector:
    """Make `envpool_<id>`: all environments of a group at once.

    `--env_frameskip` becomes the setting `frame_skip`, for tasks that have it, and each step then counts as so many
    frames; otherwise a step is one frame.
    """
    task_id = full_env_name.removeprefix(PREFIX)
    config = parse_env_kwargs(getattr(cfg, "env_kwargs", "{}"))
    skip = getattr(cfg, "env_frameskip", None)
    if skip is not None:
        if "frame_skip" in default_config(make_spec(task_id)):
            config["frame_skip"] = skip
        elif skip != 1:
            raise ValueError(f"--env_frameskip={skip} is not available for --env={full_env_name}")
    num_envs = env_config["num_envs"] if env_config is not None else 1
    shown = {} if render_mode is None else {"render_mode": render_mode}
    return EnvPoolVector(task_id, num_envs, config, frames_per_step=skip or 1, render_config=shown)


def defaults_for(full_env_name: str) -> dict[str, Any]:
    """An encoder that fits the observations."""
    try:
        spec = make_spec(full_env_name.removeprefix(PREFIX))
        return encoder_defaults(quietly(lambda: spec.gymnasium_observation_space))
    except Exception:  # whatever is wrong is reported when the environment is really made
        return dict(VECTOR_DEFAULTS)


def _names() -> list[str]:
    import envpool

    return [PREFIX + task_id for task_id in envpool.list_all_envs()]


FAMILY = EnvFamily(
    PREFIX,
    make_envpool,
    options=GymnasiumOptions,
    extra="envpool",
    names=_names,
    defaults_for=defaults_for,
    backends=("envpool",),
)
