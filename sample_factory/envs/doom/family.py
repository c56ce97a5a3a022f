"""Makes `doom_*` environments known to the registry. Does not load VizDoom until one is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.shared_memory import sweep_unused
from sample_factory.envs.doom.specs import SPECS, doom_spec
from sample_factory.envs.registry import EnvFamily

_DEFAULT_FRAMESKIP = 4
_DEFAULT_FPS = 35

DEFAULTS: Mapping[str, Any] = {
    "encoder_type": "conv",
    "encoder_subtype": "convnet_simple",
    "encoder_custom": "vizdoom",
    "hidden_size": 512,
    "ppo_clip_value": 0.2,
    "obs_subtract_mean": 0.0,
    "obs_scale": 255.0,
    "env_frameskip": _DEFAULT_FRAMESKIP,
    "fps": _DEFAULT_FPS,
    "exploration_loss": "symmetric_kl",
    "exploration_loss_coeff": 0.001,
}


def make(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None = None, render_mode: str | None = None
) -> gym.Env[Any, Any]:
    """Make one environment; no process starts before its first reset.

    Args:
        cfg: flat options; reads res_w, res_h, wide_aspect_ratio, env_frameskip, pixel_format and, if there, fps.
        env_config: not needed, games of one player share nothing.

    Raises:
        ValueError: there is no environment of that name.
    """
    spec = doom_spec(full_env_name)  # first: a wrong name should not complain about a missing package

    from sample_factory.envs.doom.env import DoomEnv

    fps = getattr(cfg, "fps", None)
    return DoomEnv(
        spec,
        DoomOptions(cfg.res_w, cfg.res_h, cfg.wide_aspect_ratio),
        frameskip=_DEFAULT_FRAMESKIP if cfg.env_frameskip is None else cfg.env_frameskip,
        channels_first=cfg.pixel_format == "CHW",
        fps=_DEFAULT_FPS if fps is None else fps,
        render_mode=render_mode,
    )


FAMILY = EnvFamily(
    prefix="doom_",
    make=make,
    options=DoomOptions,
    defaults=DEFAULTS,
    extra="vizdoom",
    names=lambda: sorted(SPECS),
    cleanup=sweep_unused,
    frame_by_frame=True,
)
