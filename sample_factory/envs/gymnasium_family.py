"""The `gym_` family: any environment that Gymnasium knows, `gym_<id>`. Knows no particular environment."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from sample_factory.envs.encoder_defaults import VECTOR_DEFAULTS, encoder_defaults
from sample_factory.envs.registry import EnvConfig, EnvFamily, unknown_name

PREFIX = "gym_"


@dataclass(frozen=True)
class GymnasiumOptions:
    """Options of the `gym_` family."""

    env_kwargs: str = "{}"
    """Keyword arguments of the Gymnasium environment, as a JSON object."""

    def __post_init__(self) -> None:
        parse_env_kwargs(self.env_kwargs)


def parse_env_kwargs(text: str) -> dict[str, Any]:
    """Read `--env_kwargs`; an empty text means none.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        kwargs = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"--env_kwargs={text} is not JSON: {error}") from error
    if not isinstance(kwargs, dict):
        raise ValueError(f"--env_kwargs={text} must be a JSON object, such as '{{\"g\": 9.81}}'")
    return kwargs


def refuse_frameskip(full_env_name: str, cfg: Any) -> None:
    """For families that cannot skip frames.

    Raises:
        ValueError: they are asked to.
    """
    frameskip = getattr(cfg, "env_frameskip", None)
    if frameskip not in (None, 1):
        raise ValueError(
            f"--env_frameskip={frameskip} is not available for --env={full_env_name}; use --env_kwargs if it has one"
        )


def make_gymnasium_env(
    full_env_name: str, cfg: Any, env_config: EnvConfig | None, render_mode: str | None = None
) -> gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any]:
    """Make `gym_<id>`.

    Where Gymnasium itself has the environment as one that steps all rows at once (`CartPole-v1`: 0.6 instead of 5 us a
    step), the whole group is made of that, as `gymnasium.make_vec` would: the same rules, one random generator for all.
    """
    refuse_frameskip(full_env_name, cfg)
    kwargs = parse_env_kwargs(getattr(cfg, "env_kwargs", "{}"))
    spec = _find_spec(full_env_name)
    if render_mode is None and env_config is not None and env_config.num_envs > 1:
        vector = _native_vector_env(spec, env_config.num_envs, kwargs)
        if vector is not None:
            return vector
    return make_unchecked(full_env_name, spec, kwargs, render_mode)


def make_unchecked(
    full_env_name: str, spec: gym.envs.registration.EnvSpec, kwargs: Mapping[str, Any], render_mode: str | None
) -> gym.Env[Any, Any]:
    """Make an environment of Gymnasium without the wrappers that check how it is called, because they cost time.

    Raises:
        ValueError: a package is missing, or the keyword arguments are refused.
    """
    spec = copy.copy(spec)
    spec.order_enforce = False
    shown: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    try:
        return gym.make(spec, disable_env_checker=True, **kwargs, **shown)
    except gym.error.DependencyNotInstalled as error:
        raise ValueError(f"environment {full_env_name!r} needs another package: {error}") from error
    except TypeError as error:
        raise ValueError(f"environment {full_env_name!r} refuses --env_kwargs={json.dumps(kwargs)}: {error}") from error


def _native_vector_env(
    spec: gym.envs.registration.EnvSpec, num_envs: int, kwargs: dict[str, Any]
) -> gym.vector.VectorEnv[Any, Any, Any] | None:
    """Gymnasium's own batch of these environments.

    None if there is none, or none that takes these arguments and has the spaces of a single one (that of Atari games
    has images of its own).
    """
    if spec.vector_entry_point is None or spec.additional_wrappers:
        return None
    try:
        vector = gym.make_vec(spec, num_envs, vectorization_mode="vector_entry_point", **kwargs)
    except (ImportError, TypeError, gym.error.Error):
        return None
    single = gym.make(spec, disable_env_checker=True, **kwargs)
    spaces = (single.observation_space, single.action_space)
    single.close()
    if spaces == (vector.single_observation_space, vector.single_action_space):
        return vector
    vector.close()
    return None


def defaults_for(full_env_name: str) -> dict[str, Any]:
    """An encoder that fits the observations."""
    try:
        env = gym.make(_find_spec(full_env_name), disable_env_checker=True)
        defaults = encoder_defaults(env.observation_space)
        env.close()
    except Exception:  # whatever is wrong is reported when the environment is really made
        return dict(VECTOR_DEFAULTS)
    return defaults


def _find_spec(full_env_name: str) -> gym.envs.registration.EnvSpec:
    gym_id = full_env_name.removeprefix(PREFIX)
    module, colon, registered_id = gym_id.partition(":")
    if colon:  # Gymnasium's own spelling for ids that a module registers when it is imported
        importlib.import_module(module)
        gym_id = registered_id
    try:
        return gym.spec(gym_id)
    except gym.error.Error as error:
        message = f"Gymnasium has no environment {gym_id!r}"
        raise ValueError(unknown_name(message, full_env_name, _names())) from error


def _names() -> list[str]:
    return [PREFIX + gym_id for gym_id in gym.registry]


FAMILY = EnvFamily(
    PREFIX,
    make_gymnasium_env,
    options=GymnasiumOptions,
    defaults=VECTOR_DEFAULTS,
    names=_names,
    defaults_for=defaults_for,
    backends=("gymnasium",),
)
