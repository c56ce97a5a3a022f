"""The players of a match: from their names to policies that can act. Knows no result.

A player's model, and the environment it knows, are those of its experiment's cfg.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sample_factory.algorithms.appo.evaluation_batch import Actor
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.seats import RandomPlayer
from sample_factory.algorithms.appo.trained_policy import (
    Checkpoint,
    load_checkpoint,
    load_checkpoint_file,
    make_trained_policy,
)
from sample_factory.config.config import Config
from sample_factory.config.experiment import experiment_dir
from sample_factory.config.match import MatchRunConfig
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.contract import BatchedEnv
from sample_factory.rl.spaces import ActionLayout, KeySpec

RANDOM = "random"
_KINDS = ("latest", "best")


class Trained(NamedTuple):
    """A policy of an experiment."""

    config: Config
    checkpoint: Checkpoint


class Player(NamedTuple):
    """Who plays."""

    name: str
    trained: Trained | None
    """None for random actions."""

    def describe(self) -> dict[str, Any]:
        """For a report."""
        if self.trained is None:
            return {"name": self.name}
        config, checkpoint = self.trained
        return {
            "name": self.name,
            "experiment": config.run.experiment,
            "policy": config.evaluation.policy_index,
            "checkpoint": checkpoint.path.name,
            "train_step": checkpoint.train_step,
            "env_steps": checkpoint.env_steps,
        }


def load_players(options: MatchRunConfig) -> list[Player]:
    """Read the checkpoints of all players.

    Raises:
        ValueError: one line: a name means nothing, or there is no such experiment or checkpoint.
    """
    players = [Player(name, None if name == RANDOM else _load(name, options)) for name in options.players]
    if not any(player.trained for player in players):
        raise ValueError("no player of --players is of an experiment, so there is no environment")
    return players


def where_to_play(players: Sequence[Player], options: MatchRunConfig) -> Config:
    """The options of the environment: those of the first experiment, of another environment if there is a `--env`.

    Raises:
        ValueError: one line: the players come from different environments, or there is no such environment.
    """
    trained = [(player.name, player.trained.config) for player in players if player.trained]
    name, config = trained[0]
    if options.env is not None:
        return _config(config.run.experiment, options, f"--env={options.env}")
    for other_name, other in trained[1:]:
        if other.run.env != config.run.env:
            raise ValueError(
                f"{name} was trained in {config.run.env} and {other_name} in {other.run.env}: "
                "say with --env where they play"
            )
    return config


def check_spaces(players: Sequence[Player], place: Config, env: BatchedEnv) -> None:
    """Make sure that every player knows the observations and actions of `env`, which was made with `place`.

    Raises:
        ValueError: one line that names the player, and the first difference.
    """
    checked = [place]
    for player in players:
        if player.trained is None or any(_is_same_env(player.trained.config, other) for other in checked):
            continue
        config = player.trained.config
        checked.append(config)
        own = registry.make_batched(config.run.env, namespace(config), 1, is_training=False)
        try:
            difference = _difference(own.keys, own.actions, env.keys, env.actions)
        finally:
            own.close()
        if difference:
            raise ValueError(f"{player.name} cannot play in {place.run.env}: {difference}")


def make_actor(player: Player, env: BatchedEnv, num_rows: int, seed: int) -> Actor:
    """Somebody who acts for the player in `num_rows` rows of `env`.

    Raises:
        ValueError: one line: the checkpoint does not fit the environment and the model options.
    """
    if player.trained is None:
        return RandomPlayer(env.actions, num_rows, seed)
    config, checkpoint = player.trained
    return make_trained_policy(config, checkpoint, env.keys, env.actions, num_rows, seed)


def _load(name: str, options: MatchRunConfig) -> Trained:
    experiment, policy, checkpoint = _parse(name)
    try:
        config = _config(experiment, options, f"--policy_index={policy}")
        folder = experiment_dir(config.run)
        load = load_checkpoint if checkpoint in _KINDS else load_checkpoint_file
        return Trained(config, load(folder, policy, checkpoint))
    except ValueError as error:
        raise ValueError(f"player {name}: {error}") from None


def _parse(name: str) -> tuple[str, int, str]:
    experiment, *rest = name.split(":", 2)
    policy = rest[0] if rest else "0"
    checkpoint = rest[1] if len(rest) > 1 else _KINDS[0]
    if not experiment or not policy.isdecimal() or not checkpoint:
        raise ValueError(
            f"player {name} is not <experiment>, <experiment>:<policy> or <experiment>:<policy>:<checkpoint>"
        )
    return experiment, int(policy), checkpoint


def _config(experiment: str, options: MatchRunConfig, *more: str) -> Config:
    names = [f"--train_dir={options.train_dir}", f"--experiment={experiment}"]
    how = [f"--device={options.device}", f"--eval_deterministic={options.eval_deterministic}"]
    return parse_evaluation_options([*names, *how, *more])


def _is_same_env(config: Config, other: Config) -> bool:
    return (config.run.env, config.env, config.family) == (other.run.env, other.env, other.family)


def _difference(
    own_keys: Mapping[str, KeySpec], own_actions: ActionLayout, keys: Mapping[str, KeySpec], actions: ActionLayout
) -> str | None:
    for key in (*own_keys, *keys):
        own, there = (which[key].space if key in which else None for which in (own_keys, keys))
        if own != there:
            return f"it was trained with {_described(own, key)}, which {_verb(there)}"
    if own_actions.space != actions.space:
        return f"it was trained with actions {own_actions.space}, which are {actions.space} there"
    return None


def _described(space: Any, key: str) -> str:
    return f"no observation {key!r}" if space is None else f"observation {key!r} {space}"


def _verb(space: Any) -> str:
    return "does not exist there" if space is None else f"is {space} there"
