"""Entry point: `python -m sample_factory.envs.doom.play_doom --env=doom_basic`, an environment for people.

Starts no engine itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sample_factory.config.checks import check_at_least
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.environment import EnvConfig
from sample_factory.config.values import namespace
from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.game import has_display, screen_resolution
from sample_factory.envs.doom.match import DoomMatch
from sample_factory.envs.doom.person import Person, PlayedEpisode
from sample_factory.envs.options import parse_env_options
from sample_factory.envs.registry import create_env
from sample_factory.system.process import interrupt_flag

_KEYS = (
    "arrow keys: walk and turn; comma, period: step aside; Ctrl: attack; Shift: run; Space: open; 1 to 7: weapons; "
    "Esc: menu"
)


@dataclass(frozen=True, kw_only=True)
class PlayOptions:
    """What to play, and how."""

    env: str
    """Full name of the environment (doom_basic)."""
    join: str | None = None
    """HOST:PORT of a match to join, as `enjoy_appo --num_humans=1` prints it; with the same environment and levels."""
    num_episodes: int = 0
    """Stop after this many; 0 plays until the window is closed."""
    resolution: str = "640x480"
    """Size of the window."""
    seed: int = 0
    """Of the levels and the game."""
    no_window: bool = field(default=False, metadata={"bare": True})
    """Press random buttons without a window, to try out a match without a person."""
    import_module: tuple[str, ...] = ()
    """Modules to import first, because they register environments."""

    def __post_init__(self) -> None:
        check_at_least(self, 0, "num_episodes", "seed")
        screen_resolution(self.resolution)
        if self.join is not None and not re.fullmatch(r"[\w.-]+:\d+", self.join):
            raise ValueError(f"--join={self.join} is not of the form HOST:PORT")
        if self.no_window and not self.num_episodes:
            raise ValueError("--no_window needs --num_episodes: there is no window to close")
        if not self.no_window and not has_display():
            raise ValueError("there is no display for a window: neither DISPLAY nor WAYLAND_DISPLAY is set")


@dataclass(frozen=True, kw_only=True)
class PlayConfig:
    """Everything that can be chosen about playing."""

    play: PlayOptions
    env: EnvConfig = field(default_factory=EnvConfig)
    family: Any = field(default_factory=NoFamilyOptions)


def main(argv: Sequence[str] | None = None) -> int:
    """Play until the window is closed; the exit status is 1 after a mistake of the user."""
    signals: list[int] = []
    try:
        config = parse_env_options(sys.argv[1:] if argv is None else list(argv), PlayConfig)
        person = _person(config)
        try:
            with interrupt_flag(signals.append):
                _play(person, config.play, lambda: bool(signals))
        finally:
            person.close()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _person(config: PlayConfig) -> Person:
    options = config.play
    env = create_env(options.env, namespace(config))
    doom = getattr(env, "unwrapped", env)
    if not isinstance(doom, DoomEnv | DoomMatch):
        raise ValueError(f"--env={options.env} is no Doom environment")
    if options.join is None and isinstance(doom, DoomMatch):
        raise ValueError(
            f"--env={options.env} is a match of several agents, which enjoy_appo --num_humans=1 hosts for you to --join"
        )
    return Person(
        doom.doom_spec,
        doom.doom_options,
        join=options.join,
        window=not options.no_window,
        resolution=options.resolution,
        seed=options.seed,
    )


def _play(person: Person, options: PlayOptions, stopping: Callable[[], bool]) -> None:
    if not options.no_window:
        print(_KEYS, flush=True)
    number = 0
    while not options.num_episodes or number < options.num_episodes:
        episode = person.play_episode(stopping)
        if episode is None:
            if not stopping():
                print("the window was closed, or the match is over", flush=True)
            return
        print(f"episode {number}: {_describe(episode)}", flush=True)
        number += 1


def _describe(episode: PlayedEpisode) -> str:
    values = [f"reward {episode.total_reward:.3f}"]
    if abs(episode.score - episode.total_reward) > 1e-6:
        values.append(f"score {episode.score:.3f}")
    values += [f"{name.replace('_', ' ')} {value:g}" for name, value in episode.statistics.items()]
    return f"{', '.join(values)}, {episode.num_tics} tics"


if __name__ == "__main__":
    sys.exit(main())
