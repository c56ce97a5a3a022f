"""The `pettingzoo_` family: any ParallelEnv of PettingZoo, `pettingzoo_<module>`. Knows no particular environment.

The module is one of PettingZoo's own (`pettingzoo_butterfly.pistonball_v6`) or any other that has a function
`parallel_env` (`pettingzoo_mpe2.simple_spread_v3`).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from pettingzoo import ParallelEnv

from sample_factory.envs.encoder_defaults import VECTOR_DEFAULTS, encoder_defaults
from sample_factory.envs.gymnasium_family import GymnasiumOptions, parse_env_kwargs, refuse_frameskip
from sample_factory.envs.parallel_agents import ParallelAgents
from sample_factory.envs.registry import EnvConfig, EnvFamily, unknown_name

PREFIX = "pettingzoo_"


def make_pettingzoo(
    full_env_name: str, cfg: Any, env_config: EnvConfig | None, render_mode: str | None = None
) -> ParallelAgents:
    """Make `pettingzoo_<module>`; `--env_kwargs` are the arguments of its `parallel_env`."""
    refuse_frameskip(full_env_name, cfg)
    kwargs = parse_env_kwargs(getattr(cfg, "env_kwargs", "{}"))
    make = _find_module(full_env_name).parallel_env
    shown: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    try:
        env = make(**kwargs, **shown)
    except TypeError as error:
        raise ValueError(f"environment {full_env_name!r} refuses --env_kwargs={json.dumps(kwargs)}: {error}") from error
    if not isinstance(env, ParallelEnv):
        raise ValueError(f"environment {full_env_name!r} makes a {type(env).__name__}, which is no ParallelEnv")
    return ParallelAgents(full_env_name, env)


def defaults_for(full_env_name: str) -> dict[str, Any]:
    """An encoder that fits the observations."""
    try:
        env = make_pettingzoo(full_env_name, None, None)
        defaults = encoder_defaults(env.observation_space)
        env.close()
    except Exception:  # whatever is wrong is reported when the environment is really made
        return dict(VECTOR_DEFAULTS)
    return defaults


def _find_module(full_env_name: str) -> ModuleType:
    path = full_env_name.removeprefix(PREFIX)
    own = f"pettingzoo.{path}"
    is_own = importlib.util.find_spec(f"pettingzoo.{path.partition('.')[0]}") is not None if path else False
    try:
        with warnings.catch_warnings():  # PettingZoo 1.27 would rather be asked by name than by module
            warnings.simplefilter("ignore", DeprecationWarning)
            module = importlib.import_module(own if is_own else path)
    except ImportError as error:
        raise _cannot_be_imported(full_env_name, error) from error
    except ValueError as error:  # an empty name
        raise ValueError(unknown_name(f"unknown environment {full_env_name!r}", full_env_name, _names())) from error
    if not hasattr(module, "parallel_env"):
        raise ValueError(
            f"environment {full_env_name!r}: {module.__name__} has no parallel_env; only environments whose agents act "
            "at the same time are supported"
        )
    return module


def _cannot_be_imported(full_env_name: str, error: ImportError) -> ValueError:
    path = full_env_name.removeprefix(PREFIX)
    missing = error.name or ""
    if not isinstance(error, ModuleNotFoundError):
        return ValueError(f"environment {full_env_name!r} cannot be imported: {error}")
    if missing == path or missing.startswith("pettingzoo."):
        return ValueError(unknown_name(f"PettingZoo has no environment {path!r}", full_env_name, _names()))
    package, _, rest = path.partition(".")
    if path.startswith(f"{missing}."):
        return ValueError(f"environment {full_env_name!r} needs the package {missing!r}: pip install {missing}")
    remedy = f"pip install 'pettingzoo[{package}]'" if rest else f"pip install {missing}"
    return ValueError(f"environment {full_env_name!r} needs the package {missing!r}: {remedy}")


def _names() -> list[str]:
    """The parallel environments that PettingZoo comes with, installed extras or not."""
    spec = importlib.util.find_spec("pettingzoo")
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    return [
        f"{PREFIX}{path.parent.name}.{path.stem}"
        for folder in folders
        for path in folder.glob("*/*.py")
        if re.fullmatch(r"\w+_v\d+", path.stem) and "parallel_env" in path.read_text(encoding="utf-8")
    ]


FAMILY = EnvFamily(
    PREFIX,
    make_pettingzoo,
    options=GymnasiumOptions,
    extra="pettingzoo",
    names=_names,
    defaults_for=defaults_for,
)
