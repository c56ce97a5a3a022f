"""Experiments that differ in nothing but their seed are one setting. Knows no result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sample_factory.config.checkpoint import CheckpointConfig
from sample_factory.config.evaluation import EvaluationConfig
from sample_factory.config.run import RunConfig
from sample_factory.config.telemetry import TelemetryConfig
from sample_factory.config.values import META_KEYS
from sample_factory.runner.results.experiments import Experiment

_COMPARED_OF_RUN = ("algo", "device", "serial_mode")
_SECTIONS = (RunConfig, CheckpointConfig, TelemetryConfig, EvaluationConfig)
NOT_COMPARED = frozenset(
    {*META_KEYS, *(item.name for section in _SECTIONS for item in fields(section))} - {*_COMPARED_OF_RUN}
)
"""What is in cfg.json and changes nothing that is learned: names, folders, limits, reporting. The environment and the
seed are here too, because they are compared in their own way."""

Key = tuple[tuple[str, str], ...]
"""(name, value as JSON) of every hyper-parameter that an experiment has, in the order of the names."""


@dataclass(frozen=True)
class Setting:
    """One environment and one choice of hyper-parameters."""

    env: str
    values: Mapping[str, Any]
    """Of the hyper-parameters that differ in the study."""
    label: str
    """Those that differ in this environment, as text; empty if none does."""
    experiments: list[Experiment]

    @property
    def key(self) -> Key:
        """Equal for the same setting in another environment."""
        return tuple((name, json.dumps(value, sort_keys=True)) for name, value in sorted(self.values.items()))


def differing(experiments: Sequence[Experiment], ignored: Sequence[str] = ()) -> list[str]:
    """Hyper-parameters in which experiments of the same environment differ, in the order of cfg.json.

    Between environments others may differ: each family has defaults of its own.
    """
    found: dict[str, None] = {}
    for of_env in _by_env(experiments).values():
        names = differing_names([experiment.cfg for experiment in of_env])
        found |= dict.fromkeys(name for name in names if name not in NOT_COMPARED and name not in ignored)
    return list(found)


def differing_names(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names that do not have the same value in all of them; to be missing is a value as well."""
    names = dict.fromkeys(name for values in choices for name in values)
    return [name for name in names if len({_text(values.get(name)) for values in choices}) > 1]


def group(experiments: Sequence[Experiment], names: Sequence[str]) -> list[Setting]:
    """Settings of all environments, by the values of the named hyper-parameters."""
    settings = []
    for env, of_env in _by_env(experiments).items():
        groups: dict[tuple[str, ...], list[Experiment]] = {}
        for experiment in of_env:
            groups.setdefault(tuple(_text(experiment.cfg.get(name)) for name in names), []).append(experiment)
        choices = [{name: one[0].cfg[name] for name in names if name in one[0].cfg} for one in groups.values()]
        here = differing_names(choices)
        settings += [
            Setting(env, values, label(values, here), members)
            for values, members in zip(choices, groups.values(), strict=True)
        ]
    return settings


def label(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """learning_rate=0.0003, gamma=0.99"""
    return ", ".join(f"{name}={short(values.get(name))}" for name in names)


def short(value: Any) -> str:
    """A value as it would stand on a command line."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return " ".join(map(short, value)) or "()"
    return str(value)


def _by_env(experiments: Sequence[Experiment]) -> dict[str, list[Experiment]]:
    found: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        found.setdefault(experiment.env, []).append(experiment)
    return dict(sorted(found.items()))


def _text(value: Any) -> str:
    """Equal for equal values; 1 and 1.0 are equal."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return json.dumps(value, sort_keys=True)
