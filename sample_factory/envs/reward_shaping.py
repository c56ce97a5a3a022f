"""Reward shaping that others may change while an environment runs: found, named, checked, set. Knows no adapter.

An environment takes part by having, itself or in something that it wraps,

- `reward_shaping`: a nested dictionary with numbers at its ends, the values that it begins with (None: it has none,
  and takes no part), and
- `set_reward_shaping(reward_shaping, agent)`: called between two steps with a dictionary of the same keys, all of them;
  `agent` is the number of the agent, or the row of a native batch.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sample_factory.config.environment import parse_reward_shaping

RewardShaping = Mapping[str, Any]
Path = tuple[str, ...]
"""Keys from the outermost dictionary to a number."""


def find_reward_shaping(env: Any) -> RewardShaping | None:
    """The values that an environment has; None if it has nothing to shape."""
    shaped = _shaped(env)
    return None if shaped is None else unflatten(flatten(shaped.reward_shaping))


def set_reward_shaping(env: Any, reward_shaping: RewardShaping, agent: int) -> None:
    """Give all values to an environment."""
    shaped = _shaped(env)
    assert shaped is not None
    shaped.set_reward_shaping(reward_shaping, agent)


def apply_option(full_env_name: str, env: Any, option: str) -> None:
    """Give the values of `--reward_shaping` to every agent of an environment that has just been made.

    Raises:
        ValueError: the environment has no such values.
    """
    changes = parse_reward_shaping(option)
    if not changes:
        return
    current = find_reward_shaping(env)
    if current is None:
        raise ValueError(f"--reward_shaping={option}: environment {full_env_name!r} has no reward shaping to change")
    for agent in range(_num_agents(env)):
        set_reward_shaping(env, changed(current, changes), agent)


def changed(current: RewardShaping, changes: RewardShaping) -> RewardShaping:
    """`current` with some values replaced.

    Raises:
        ValueError: `changes` has a key that `current` does not have, or a number where that has a dictionary.
    """
    values, new = flatten(current), flatten(changes)
    for path in new:
        if path not in values:
            raise ValueError(_unknown(path, list(values)))
    return unflatten(values | new)


def flatten(reward_shaping: RewardShaping) -> dict[Path, float]:
    """Path -> number."""
    flat: dict[Path, float] = {}
    for key, value in reward_shaping.items():
        if isinstance(value, Mapping):
            flat |= {(str(key), *path): number for path, number in flatten(value).items()}
        else:
            flat[(str(key),)] = float(value)
    return flat


def unflatten(flat: Mapping[Path, float]) -> dict[str, Any]:
    """The nested dictionary; a new one each time."""
    nested: dict[str, Any] = {}
    for path, number in flat.items():
        inner = nested
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = float(number)
    return nested


def _shaped(env: Any) -> Any | None:
    while env is not None and not _takes_part(env):
        env = getattr(env, "env", None)
    return env


def _takes_part(env: Any) -> bool:
    return hasattr(env, "set_reward_shaping") and getattr(env, "reward_shaping", {}) is not None


def _num_agents(env: Any) -> int:
    shaped = _shaped(env)
    sizes = (getattr(where, name, None) for where in (env, shaped) for name in ("num_rows", "num_envs", "num_agents"))
    return next((int(size) for size in sizes if size is not None), 1)


def _unknown(path: Path, known: Sequence[Path]) -> str:
    names = {"/".join(each): each for each in known}
    name = "/".join(path)
    # A key of another level is as likely a mistake as a misspelt one.
    ends = {each[-1]: full for full, each in names.items()}
    nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or [
        ends[match] for match in difflib.get_close_matches(path[-1], ends, n=3, cutoff=0.5)
    ]
    hint = f"did you mean {', '.join(nearest)}?" if nearest else f"there are {', '.join(names)}"
    return f"--reward_shaping has the unknown key {name}; {hint}"
