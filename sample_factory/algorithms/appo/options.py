"""Options of a training or evaluation command line, with environment family and saved experiment. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sample_factory.config.command_line import given_on_command_line, parse, peek
from sample_factory.config.config import Config
from sample_factory.config.experiment import load_saved, named_dir
from sample_factory.envs import registry


def parse_training_options(argv: Sequence[str]) -> Config:
    """Defaults < environment family < saved experiment < command line.

    Raises:
        ValueError: one line that says what is wrong.
    """
    saved = load_saved(argv)
    env = peek(argv, "env") or (saved or {}).get("env")
    if env is None:
        return parse(argv, Config)  # help without an environment, or the message that it is missing
    family = registry.resolve(env)
    if saved is not None and saved.get("env", env) != env:
        raise ValueError(
            f"{named_dir(argv)} was trained with --env={saved['env']}, not --env={env}: "
            "choose another --experiment, or --restart_behavior=restart"
        )
    return parse(argv, Config, family.options, family.default_overrides(env), saved)


def parse_evaluation_options(argv: Sequence[str]) -> Config:
    """Like `parse_training_options`, for an experiment that must exist.

    Device (CPU) and seed are not those of training.

    Raises:
        ValueError: one line that says what is wrong.
    """
    if (behavior := peek(argv, "restart_behavior")) not in (None, "resume"):
        raise ValueError(f"--restart_behavior={behavior} is for training: evaluation changes no experiment")
    if {"h", "help"} & given_on_command_line(argv).keys():
        return parse_training_options(argv)
    saved = load_saved(argv)
    if saved is None:
        raise ValueError(f"there is no experiment to evaluate: {named_dir(argv)} has no cfg.json")
    env = peek(argv, "env") or str(saved["env"])
    family = registry.resolve(env)
    # The training's own seed would give the same few episodes in every evaluation.
    values = saved | {"device": "cpu", "seed": None}
    return parse(argv, Config, family.options, family.default_overrides(env), values)
