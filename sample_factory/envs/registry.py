"""Which family makes an environment of a given name, and how it becomes batched. Knows no environment.

Families that come with the package are imported when one of their environments is asked for; `register_env` adds more.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sample_factory.envs.batching import batch_envs
from sample_factory.envs.contract import BatchedEnv
from sample_factory.envs.reward_shaping import apply_option
from sample_factory.system import liveness, registrations
from sample_factory.system.episode_stats import DerivedStatistics

MakeEnv = Callable[..., Any]


@dataclass(frozen=True)
class EnvFamily:
    """All environments whose name starts with `prefix`."""

    prefix: str
    make: MakeEnv
    """`make(full_env_name, cfg, env_config, render_mode=None)`: a gymnasium Env or VectorEnv, a BatchedEnv, or a
    multi-agent environment. `cfg` has all options as attributes; `env_config` is an `EnvConfig`, or None for one
    environment to look at. `render_mode` is passed only if the function takes it."""
    options: type | None = None
    """Dataclass of the options that this family adds."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Option values that are better for this family than the general defaults."""
    extra: str | None = None
    """The extra of this package that installs what the family needs."""
    names: Callable[[], list[str]] | None = None
    """Names to suggest when one is not known."""
    defaults_for: Callable[[str], Mapping[str, Any]] | None = None
    """Replaces `defaults` where they depend on the full environment name."""
    cleanup: Callable[[], None] | None = None
    """Removes what killed environments of this family left on the machine. Called in the main process after the death
    of a rollout worker and at the start and the end of a run, so it must be quick and must not load the simulator."""
    backends: tuple[str, ...] = ()
    """Values of `--env_backend` that the family knows besides "auto"."""
    derived_statistics: Callable[[str], DerivedStatistics | None] | None = None
    """`(full_env_name)`: what is made of the statistics of all episodes of one policy; called for each policy, in the
    main process, so it must not load the simulator."""
    many_tasks: bool = False
    """Whether environments of one name may be different tasks, by their place in the run (`EnvConfig`). Where several
    policies are trained, each of them then plays all tasks before long, which takes smaller batches than otherwise."""
    frame_by_frame: bool = False
    """Whether holding an action for n steps with `--env_frameskip=1` is the same game, and gives the same observation
    at the end, as one step with `--env_frameskip=n`: then evaluation shows every frame."""

    def default_overrides(self, full_env_name: str) -> dict[str, Any]:
        """The option values that this family prefers for one environment."""
        return dict(self.defaults if self.defaults_for is None else self.defaults_for(full_env_name))


class EnvConfig(dict[str, Any]):
    """What a factory is told about the place of its environment, as keys and as attributes.

    `worker_index`, `vector_index` (number within the group), `env_id` (unique in the run), `num_envs`: how many
    environments the group has, all of which a factory of natively batched environments makes at once, and
    `is_training`: False where a policy is evaluated, so that rules which only help learning can be left out.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class _BuiltIn:
    location: str  # module:attribute
    extra: str | None = None

    def load(self) -> EnvFamily:
        module, attribute = self.location.split(":")
        family = getattr(importlib.import_module(module), attribute)
        assert isinstance(family, EnvFamily)
        return family


_BUILT_IN = {
    "BabyAI-": _BuiltIn("sample_factory.envs.minigrid.family:BABYAI", extra="minigrid"),
    "MiniGrid-": _BuiltIn("sample_factory.envs.minigrid.family:MINIGRID", extra="minigrid"),
    "atari_": _BuiltIn("sample_factory.envs.atari.family:FAMILY", extra="atari"),
    "bandit_": _BuiltIn("sample_factory.envs.small.bandit:FAMILY"),
    "dmlab_": _BuiltIn("sample_factory.envs.dmlab.family:FAMILY"),
    "dmc_": _BuiltIn("sample_factory.envs.dmc.family:FAMILY", extra="dmc"),
    "doom_": _BuiltIn("sample_factory.envs.doom.family:FAMILY", extra="vizdoom"),
    "envpool_": _BuiltIn("sample_factory.envs.envpool_family:FAMILY", extra="envpool"),
    "gym_": _BuiltIn("sample_factory.envs.gymnasium_family:FAMILY"),
    "meeting_": _BuiltIn("sample_factory.envs.small.meeting:FAMILY"),
    "mujoco_": _BuiltIn("sample_factory.envs.mujoco_family:FAMILY", extra="mujoco"),
    "pennies_": _BuiltIn("sample_factory.envs.small.pennies:FAMILY"),
    "pettingzoo_": _BuiltIn("sample_factory.envs.pettingzoo_family:FAMILY", extra="pettingzoo"),
    "procgen_": _BuiltIn("sample_factory.envs.procgen_family:FAMILY", extra="procgen"),
    "pursuit_": _BuiltIn("sample_factory.envs.small.pursuit:FAMILY"),
    "recall_": _BuiltIn("sample_factory.envs.small.recall:FAMILY"),
    "tmaze_": _BuiltIn("sample_factory.envs.small.tmaze:FAMILY"),
}


def register_env(
    name: str,
    make_env_func: MakeEnv,
    options: type | None = None,
    defaults: Mapping[str, Any] | None = None,
    many_tasks: bool = False,
) -> None:
    """Make `--env=<name>...` known: an exact name or a prefix; the longest one that matches wins.

    Worker processes import the function by module and name, so it must be at the top level of a module or script.
    A second call with the same name replaces the first.

    Args:
        make_env_func: `(full_env_name, cfg, env_config)`, see `EnvFamily.make`.
        options: dataclass of the options that the environment adds to the command line.
        defaults: option values that suit it better than the general defaults.
        many_tasks: what it is depends on its place in the run, see `EnvFamily.many_tasks`.
    """
    register_family(EnvFamily(name, make_env_func, options, dict(defaults or {}), many_tasks=many_tasks))


def register_family(family: EnvFamily) -> None:
    """Like `register_env`, with everything that a family can say about itself."""
    registrations.register("environment", family.prefix, family)


def resolve(full_env_name: str) -> EnvFamily:
    """The family of an environment.

    Raises:
        ValueError: no family has this name, or a package that the family needs is not installed.
    """
    added = registrations.registered("environment")
    matches = [prefix for prefix in (*_BUILT_IN, *added) if full_env_name.startswith(prefix)]
    if not matches:
        raise ValueError(unknown_name(f"unknown environment {full_env_name!r}", full_env_name, known_names()))
    prefix = max(matches, key=len)
    if prefix in added:
        family = added[prefix]
        assert isinstance(family, EnvFamily)
        return family
    built_in = _BUILT_IN[prefix]
    try:
        return built_in.load()
    except ModuleNotFoundError as error:
        raise _missing_package(full_env_name, error, built_in.extra) from error


def create_env(
    full_env_name: str, cfg: Any, env_config: EnvConfig | None = None, render_mode: str | None = None
) -> Any:
    """Make one environment, or a natively batched group, as its family makes it, with `cfg.reward_shaping`.

    Raises:
        ValueError: as `resolve`, or what the family has to say about the name and the options.
    """
    family = resolve(full_env_name)
    _check_backend(full_env_name, family, getattr(cfg, "env_backend", "auto"))
    arguments: dict[str, Any] = {"render_mode": render_mode} if _takes_render_mode(family.make) else {}
    if render_mode is not None and not arguments:
        raise ValueError(f"the function that makes {full_env_name!r} takes no render_mode, so it cannot be shown")
    try:
        env = family.make(full_env_name, cfg, env_config, **arguments)
    except ModuleNotFoundError as error:
        raise _missing_package(full_env_name, error, family.extra) from error
    apply_option(full_env_name, env, getattr(cfg, "reward_shaping", ""))
    return env


def make_batched(
    full_env_name: str,
    cfg: Any,
    num_envs: int,
    worker_index: int = 0,
    first_env_id: int = 0,
    is_training: bool = True,
) -> BatchedEnv:
    """Make the environments of one group; environment i of the group is number `first_env_id` + i of the run.

    Raises:
        ValueError: as `create_env`, or what was made cannot be batched.
    """

    def make(i: int) -> Any:
        place = EnvConfig(
            worker_index=worker_index,
            vector_index=i,
            env_id=first_env_id + i,
            num_envs=num_envs,
            is_training=is_training,
        )
        env = create_env(full_env_name, cfg, place)
        liveness.moved()
        return env

    return batch_envs(full_env_name, make, num_envs)


def known_names() -> list[str]:
    """Everything that can be suggested: registered names and the names that families list."""
    added = registrations.registered("environment")
    families, names = list(added.values()), list(added)
    for prefix, built_in in _BUILT_IN.items():
        try:
            families.append(built_in.load())
        except ImportError:  # noqa: PERF203 (a suggestion is no reason to ask for a package)
            names.append(prefix)
    for family in families:
        try:
            names += family.names() if family.names is not None else [family.prefix]
        except ImportError:  # noqa: PERF203
            names.append(family.prefix)
    return sorted(set(names))


def unknown_name(message: str, name: str, candidates: list[str]) -> str:
    """One line: the message, and the candidates nearest to `name`."""
    lowered = {candidate.lower(): candidate for candidate in candidates}
    nearest = [lowered[match] for match in difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.5)]
    return f"{message}; did you mean {', '.join(nearest)}?" if nearest else message


def _takes_render_mode(make: MakeEnv) -> bool:
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return False
    return "render_mode" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _check_backend(full_env_name: str, family: EnvFamily, backend: str) -> None:
    if backend == "auto" or backend in family.backends:
        return
    choice = f"use {' or '.join(('auto', *family.backends))}" if family.backends else "it has only one"
    raise ValueError(f"--env_backend={backend} is not available for --env={full_env_name}; {choice}")


def _missing_package(full_env_name: str, error: ModuleNotFoundError, extra: str | None) -> ValueError:
    if error.name == "envpool":
        extra = "envpool"  # a backend of several families, which the family's own extra does not bring
    command = f"pip install 'sample-factory[{extra}]'" if extra else f"pip install {error.name}"
    return ValueError(f"environment {full_env_name!r} needs the package {error.name!r}: {command}")
