"""The `procgen_` family: the 16 games of Procgen, `procgen_<game>`, in EnvPool's batches. Knows no game.

An episode is one level, drawn from the first `--procgen_num_levels` ones: training on few and evaluating on all
(`--procgen_num_levels=0`) measures how well a policy generalises (Cobbe et al. 2020, https://arxiv.org/abs/1912.01588).
Observations are 64 x 64 colour images, actions the 15 combinations of keys, rewards those of the game. Episodes that
run out of time are truncated, where Procgen itself says that they are over. The info at the end of an episode has its
`level_seed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sample_factory.envs.envpool_vector import EnvPoolVector
from sample_factory.envs.gymnasium_family import GymnasiumOptions, parse_env_kwargs, refuse_frameskip
from sample_factory.envs.registry import EnvFamily, unknown_name

PREFIX = "procgen_"
GAMES = (
    *("bigfish", "bossfight", "caveflyer", "chaser", "climber", "coinrun", "dodgeball", "fruitbot"),
    *("heist", "jumper", "leaper", "maze", "miner", "ninja", "plunder", "starpilot"),
)
DistributionMode = Literal["easy", "hard", "extreme", "memory", "exploration"]
_MODES: tuple[DistributionMode, ...] = ("easy", "hard", "extreme", "memory", "exploration")
# Pixels of what is shown; what the agent sees is too small for the eye.
_SHOWN_SIZE = 512


@dataclass(frozen=True)
class ProcgenOptions(GymnasiumOptions):
    """Which levels of a Procgen game are played."""

    procgen_num_levels: int = 0
    """Number of different levels; 0 means all, about 2 billion."""
    procgen_start_level: int = 0
    """Seed of the first of these levels."""
    procgen_distribution_mode: DistributionMode = "easy"
    """Difficulty of the levels; every game has easy and hard, some have others."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag, value in (
            ("procgen_num_levels", self.procgen_num_levels),
            ("procgen_start_level", self.procgen_start_level),
        ):
            if value < 0:
                raise ValueError(f"--{flag}={value} must not be negative")
        if self.procgen_start_level and not self.procgen_num_levels:
            raise ValueError(
                f"--procgen_start_level={self.procgen_start_level} needs --procgen_num_levels, "
                "because 0 means all levels wherever they start"
            )


def make_procgen(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None, render_mode: str | None = None
) -> EnvPoolVector:
    """Make `procgen_<game>`: all environments of a group at once. `--env_kwargs` are EnvPool's other settings."""
    refuse_frameskip(full_env_name, cfg)
    levels = {
        "num_levels": cfg.procgen_num_levels,
        "start_level": cfg.procgen_start_level,
        "channel_first": False,
    }
    kwargs = parse_env_kwargs(cfg.env_kwargs)
    if twice := levels.keys() & kwargs.keys():
        raise ValueError(f"--env_kwargs={cfg.env_kwargs} must not have {sorted(twice)}; use --procgen_num_levels etc.")
    shown = {"render_mode": render_mode, "render_width": _SHOWN_SIZE, "render_height": _SHOWN_SIZE}
    return EnvPoolVector(
        _task_id(full_env_name, cfg.procgen_distribution_mode),
        env_config["num_envs"] if env_config is not None else 1,
        levels | kwargs,
        render_config=shown if render_mode is not None else None,
    )


def _task_id(full_env_name: str, mode: DistributionMode) -> str:
    game = full_env_name.removeprefix(PREFIX)
    if game not in GAMES:
        raise ValueError(unknown_name(f"Procgen has no game {game!r}", game, list(GAMES)))
    import envpool

    known = set(envpool.list_all_envs())
    ids = {name: f"{game.capitalize()}{name.capitalize()}-v0" for name in _MODES}
    if ids[mode] not in known:
        modes = " or ".join(name for name, task_id in ids.items() if task_id in known)
        raise ValueError(f"--procgen_distribution_mode={mode} is not available for --env={full_env_name}; use {modes}")
    return ids[mode]


FAMILY = EnvFamily(
    PREFIX,
    make_procgen,
    options=ProcgenOptions,
    # As in the paper, as far as it does not depend on the number of environments.
    defaults={
        "encoder_type": "resnet",
        "encoder_subtype": "resnet_impala",
        "obs_scale": 255.0,
        "use_rnn": False,
        "gamma": 0.999,
        "learning_rate": 5e-4,
        "exploration_loss_coeff": 0.01,
        "ppo_clip_ratio": 0.2,
        "normalize_returns": True,
    },
    extra="procgen",
    names=lambda: [PREFIX + game for game in GAMES],
    backends=("envpool",),
)
