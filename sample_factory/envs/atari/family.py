"""The `atari_<game>` family: every game of ale-py for one player. Does not load a simulator until one is made.

Both backends are the same emulator with the same images: where they start a game alike, observations, rewards and ends
are equal, but for the last image of a game, for which ale-py repeats the one before. `auto` is `gymnasium`, ale-py's
own batches, because it plays both presets and is a little faster: 2,630 steps of Pong and 2,040 of Breakout per second
of one core's time with 16 environments, EnvPool 2,340 and 1,930 (benchmarks/backends.py --speed, on a busy machine).

What differs: EnvPool cannot see only the last frame of a step, so it does not play the preset "v1"; it waits for 1 to
30 frames and then presses FIRE, ale-py presses FIRE and then waits for up to 30 frames including it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym

from sample_factory.config.checks import check_choices
from sample_factory.envs.atari.batch import AtariBatch
from sample_factory.envs.atari.games import PREFIX, env_names, find_game
from sample_factory.envs.atari.rules import IMAGE_SIZE, Preset, Rules, make_rules
from sample_factory.envs.envpool_vector import EnvPoolVector
from sample_factory.envs.registry import EnvConfig, EnvFamily

_DEFAULT_FRAMESKIP = _DEFAULT_FRAMESTACK = 4
_MAX_FRAMESTACK = 16  # more would not be taken for the channels of an image

DEFAULTS = {
    "encoder_type": "conv",
    "encoder_subtype": "convnet_simple",
    "hidden_size": 512,
    "obs_subtract_mean": 0.0,
    "obs_scale": 255.0,
    "gamma": 0.99,
    "reward_clip": 1.0,
    "env_frameskip": _DEFAULT_FRAMESKIP,
    "env_framestack": _DEFAULT_FRAMESTACK,
    "exploration_loss_coeff": 0.01,
}


@dataclass(frozen=True)
class AtariOptions:
    """Options of the Atari family."""

    atari_preset: Preset = "v1"
    """Rules of the game: v1 plays it plainly; standard is what papers use (random no-ops and FIRE at the start, the
    maximum of two frames, lost lives end training episodes, at most 108,000 frames)."""

    def __post_init__(self) -> None:
        check_choices(self)


def make_atari(
    full_env_name: str, cfg: Any, env_config: EnvConfig | None, render_mode: Literal["human", "rgb_array"] | None = None
) -> AtariBatch | gym.Env[Any, Any]:
    """Make `atari_<game>`: all games of a group at once, or a single one to look at.

    Args:
        cfg: flat options; reads env_backend, env_frameskip, env_framestack and atari_preset.

    Raises:
        ValueError: there is no such game, or the options contradict each other.
    """
    game = find_game(full_env_name)
    preset: Preset = getattr(cfg, "atari_preset", "v1")
    frameskip = getattr(cfg, "env_frameskip", None) or _DEFAULT_FRAMESKIP
    framestack = getattr(cfg, "env_framestack", _DEFAULT_FRAMESTACK)
    if framestack > _MAX_FRAMESTACK:
        raise ValueError(f"--env_framestack={framestack} is more than the {_MAX_FRAMESTACK} that fit into one image")
    with_envpool = getattr(cfg, "env_backend", "auto") == "envpool"
    if with_envpool and preset == "v1":
        raise ValueError(
            "--env_backend=envpool cannot play --atari_preset=v1, because it always sees the maximum of the last two "
            "frames; use --env_backend=gymnasium or --atari_preset=standard"
        )
    is_training = env_config is not None and env_config.is_training
    rules = make_rules(preset, game, frameskip, framestack, is_training)
    if env_config is None or render_mode is not None:
        from sample_factory.envs.atari.single import AtariGame

        return AtariGame(game, rules, render_mode)
    make_vector = make_envpool_vector if with_envpool else make_ale_vector
    return AtariBatch(make_vector(game, env_config.num_envs, rules), rules)


def make_ale_vector(game: str, num_envs: int, rules: Rules) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Single images from ale-py."""
    from sample_factory.envs.atari.ale_vector import AleVector

    return AleVector(game, num_envs, rules)


def make_envpool_vector(game: str, num_envs: int, rules: Rules) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Single images from EnvPool, which always pools and always waits for one frame at the start, FIRE included."""
    settings = {
        "img_height": IMAGE_SIZE,
        "img_width": IMAGE_SIZE,
        "stack_num": 1,
        "frame_skip": rules.frameskip,
        "max_episode_steps": -(-rules.max_frames // rules.frameskip),
        "noop_max": max(1, rules.max_noops),
        "use_fire_reset": rules.fires_at_start,
    }
    task_id = "".join(word.capitalize() for word in game.split("_")) + "-v5"
    return EnvPoolVector(task_id, num_envs, settings)


FAMILY = EnvFamily(
    PREFIX,
    make_atari,
    options=AtariOptions,
    defaults=DEFAULTS,
    extra="atari",
    names=env_names,
    backends=("gymnasium", "envpool"),
)
