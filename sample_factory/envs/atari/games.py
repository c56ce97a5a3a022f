"""Which Atari games there are and how long an episode of each may last. Knows no simulator but its list of games."""

from __future__ import annotations

from sample_factory.envs.registry import unknown_name

PREFIX = "atari_"
ALIASES = {"montezuma": "montezuma_revenge", "mspacman": "ms_pacman", "spaceinvaders": "space_invaders"}
"""Names of the first Sample Factory that are not ale-py's."""
# The simulator ends the process when it is asked for one of them.
_WITHOUT_SINGLE_PLAYER_MODE = frozenset({"combat", "joust", "maze_craze", "warlords"})
# Space Invaders was made for a frame skip of 3, because its shots blink every fourth frame.
_V1_FRAME_LIMITS = {"montezuma_revenge": 18_000, "space_invaders": 300_000}
_V1_FRAME_LIMIT = 400_000
STANDARD_FRAME_LIMIT = 108_000
"""Half an hour at 60 frames a second."""


def find_game(full_env_name: str) -> str:
    """The game's name in ale-py.

    Raises:
        ValueError: there is no such game.
    """
    name = full_env_name.removeprefix(PREFIX)
    game = ALIASES.get(name, name)
    if game not in list_games():
        raise ValueError(unknown_name(f"there is no Atari game {full_env_name!r}", full_env_name, env_names()))
    return game


def list_games() -> list[str]:
    """Games for one player, by ale-py's names."""
    from ale_py import roms

    return sorted(set(roms.get_all_rom_ids()) - _WITHOUT_SINGLE_PLAYER_MODE)


def env_names() -> list[str]:
    """Everything that `find_game` understands."""
    return sorted(PREFIX + name for name in (*list_games(), *ALIASES))


def v1_frame_limit(game: str) -> int:
    """Frames after which `<Game>NoFrameskip-v4` of Gym, and Montezuma's Revenge of Sample Factory, was cut."""
    return _V1_FRAME_LIMITS.get(game, _V1_FRAME_LIMIT)
