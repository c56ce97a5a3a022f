"""Makes `doom_*` environments known to the registry. Does not load VizDoom until one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import gymnasium as gym

from sample_factory.envs.doom.actions import Delta
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.shared_memory import sweep_unused
from sample_factory.envs.doom.specs import SPECS, DoomSpec, doom_spec
from sample_factory.envs.registry import EnvFamily, register_family

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


def defaults_for(full_env_name: str) -> Mapping[str, Any]:
    """The family's defaults, with another exploration loss where not all actions are discrete."""
    spec = SPECS.get(full_env_name)
    is_discrete = spec is None or not any(isinstance(component, Delta) for component in spec.actions)
    return DEFAULTS if is_discrete else {**DEFAULTS, "exploration_loss": "entropy"}


def make(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None = None, render_mode: str | None = None
) -> Any:
    """Make one environment of the package; `env_config` is not needed, games of one player share nothing.

    Raises:
        ValueError: there is no environment of that name.
    """
    return make_doom_env(doom_spec(full_env_name), cfg, render_mode)


def make_doom_env(spec: DoomSpec, cfg: Any, render_mode: str | None = None) -> Any:
    """Make one environment, with several agents if it is a match of several; no process starts before its first reset.

    Args:
        cfg: flat options; reads those of `DoomOptions`, env_frameskip, pixel_format and, if there, fps.
    """
    from sample_factory.envs.doom.env import DoomEnv
    from sample_factory.envs.doom.match import DoomMatch
    from sample_factory.envs.doom.network import lineup

    given: dict[str, Any] = {field.name: getattr(cfg, field.name, field.default) for field in fields(DoomOptions)}
    options = DoomOptions(**given)
    common: dict[str, Any] = {
        "frameskip": _DEFAULT_FRAMESKIP if cfg.env_frameskip is None else cfg.env_frameskip,
        "channels_first": cfg.pixel_format == "CHW",
        "render_mode": render_mode,
    }
    fps = getattr(cfg, "fps", None)
    common["fps"] = _DEFAULT_FPS if fps is None else fps
    if spec.match is not None and lineup(spec, spec.match, options).num_engines > 1:
        return DoomMatch(spec, options, **common)
    return DoomEnv(spec, options, **common)


FAMILY = EnvFamily(
    prefix="doom_",
    make=make,
    options=DoomOptions,
    defaults=DEFAULTS,
    defaults_for=defaults_for,
    extra="vizdoom",
    names=lambda: sorted(SPECS),
    cleanup=sweep_unused,
    frame_by_frame=True,
)


def register_doom_env(
    spec: DoomSpec,
    options: type[DoomOptions] = DoomOptions,
    defaults: Mapping[str, Any] | None = None,
    make_env_func: Callable[..., gym.Env[Any, Any]] = make_doom_env,
) -> None:
    """Make `--env=<spec.name>` a Doom environment with a scenario, buttons and rewards of one's own.

    Args:
        options: `DoomOptions`, or a frozen dataclass derived from it with further options.
        defaults: option values on top of those of all Doom environments.
        make_env_func: `(spec, cfg, render_mode)`, for rules that depend on options and for wrappers; it makes the
            environment with `make_doom_env`, and stands at the top level of a module or script.
    """
    family = EnvFamily(
        prefix=spec.name,
        make=partial(_make_registered, spec, make_env_func),
        options=options,
        defaults={**DEFAULTS, **(defaults or {})},
        extra=FAMILY.extra,
        cleanup=FAMILY.cleanup,
        frame_by_frame=FAMILY.frame_by_frame,
    )
    register_family(family)


def _make_registered(
    spec: DoomSpec,
    make_env_func: Callable[..., gym.Env[Any, Any]],
    full_env_name: str,
    cfg: Any,
    env_config: Mapping[str, Any] | None = None,
    render_mode: str | None = None,
) -> gym.Env[Any, Any]:
    return make_env_func(spec, cfg, render_mode)
