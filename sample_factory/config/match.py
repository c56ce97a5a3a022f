"""Options of a match between trained policies. Know nothing about how it is played."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sample_factory.config.checks import check_at_least, check_choices
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.run import default_train_dir


@dataclass(frozen=True, kw_only=True)
class MatchRunConfig:
    """Every player plays every other one in an environment with at least two agents.

    In half of the episodes of a pair one player has seat 0 and the other seat 1, in the other half they change places.
    With more than two agents, one player has the even seats and the other the odd ones. The score of a seat is the
    true objective of the episode if the environment reports one, else its return; the score of a player is the mean
    over its seats. The larger score wins, equal ones are a tie.
    """

    players: tuple[str, ...]
    """Two or more, each <experiment>, <experiment>:<policy> or <experiment>:<policy>:<checkpoint>. The policy is a
    number (0 if left out); the checkpoint is latest (if left out), best, or the name of a file in checkpoint_p<policy>/
    or its folders milestones and pool. The player `random` takes random actions."""
    episodes: int = 200
    """Episodes of every pair of players; an even number."""
    env: str | None = None
    """Environment to play in; None is the one in which all players were trained. Its options are in any case those of
    the first player that is not random."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments."""
    seed: int | None = None
    """Seed of environments and actions; None draws a new one every time."""
    out: str | None = None
    """File to write the result to as well, as JSON."""
    num_envs: int | None = None
    """Environments stepped at once, an even number; None is --num_workers x --num_envs_per_worker of the first player's
    experiment."""
    device: Literal["gpu", "cpu"] = "cpu"
    """Device of the policies."""
    eval_deterministic: bool = False
    """Take the most likely action instead of sampling, whatever the kind of action."""
    import_module: tuple[str, ...] = ()
    """Modules to import first, because they register environments or parts of models."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.seed is not None:
            check_at_least(self, 0, "seed")
        check_at_least(self, 2, "episodes")
        if self.num_envs is not None:
            check_at_least(self, 2, "num_envs")
        for name in ("episodes", "num_envs"):
            if (getattr(self, name) or 0) % 2:
                raise ValueError(
                    f"--{name}={getattr(self, name)} must be even: the players change places in half of them"
                )
        if self.out is not None and not Path(self.out).absolute().parent.is_dir():
            raise ValueError(f"--out={self.out} is in a folder that does not exist")


@dataclass(frozen=True, kw_only=True)
class MatchConfig:
    """Everything that can be chosen about a match."""

    run: MatchRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: what the environment is like is said by the experiments."""

    def __post_init__(self) -> None:
        players = self.run.players
        if len(players) < 2:
            raise ValueError(f"--players={' '.join(players)} must be at least two")
        twice = {player for player in players if players.count(player) > 1}
        if twice:
            raise ValueError(f"--players has {min(twice)} twice")
