"""Command-line options of the Doom family. Knows no engine."""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.envs.doom.bots import MAX_DIFFICULTY


@dataclass(frozen=True)
class DoomOptions:
    """How Doom frames are rendered, which levels are played, and who takes part in a match."""

    res_w: int = 128
    """Width of the observation in pixels, after resizing."""
    res_h: int = 72
    """Height of the observation in pixels, after resizing."""
    wide_aspect_ratio: bool = False
    """Render the game at 256x144 instead of 160x120 pixels."""
    doom_map_seed: int = 0
    """Levels of the package's own scenarios are made from this number."""
    doom_num_maps: int = 8
    """How many different levels of the package's own scenarios there are; each episode plays one of them."""
    doom_scenarios_dir: str | None = None
    """Folder with original scenarios (battle.wad, battle2.wad, two_colors_easy.wad, two_colors_hard.wad, ssl2.wad,
    dwango5.wad, freedm.wad) to play instead of the package's own."""
    num_agents: int = -1
    """Agents of a match; -1: as the environment says. Fewer leave places for people."""
    num_humans: int = 0
    """Further places in a match, for people who join from another terminal."""
    num_bots: int = -1
    """Scripted opponents in a match; -1: as the environment says."""
    start_bot_difficulty: int | None = None
    """How good scripted opponents are at first, 0 to 150; 150 stays, less follows the agent's success. None: 20."""
    timelimit: float | None = None
    """Minutes of a match. None: 4."""

    def __post_init__(self) -> None:
        for flag, value in (("res_w", self.res_w), ("res_h", self.res_h)):
            if value < 1:
                raise ValueError(f"--{flag}={value} must be at least 1 pixel")
        if not 1 <= self.doom_num_maps <= 32:
            raise ValueError(f"--doom_num_maps={self.doom_num_maps} must be 1 to 32")
        if self.doom_map_seed < 0:
            raise ValueError(f"--doom_map_seed={self.doom_map_seed} must not be negative")
        for flag, value, least in (
            ("num_agents", self.num_agents, -1),
            ("num_humans", self.num_humans, 0),
            ("num_bots", self.num_bots, -1),
        ):
            if value < least:
                raise ValueError(f"--{flag}={value} must be at least {least}")
        if self.num_agents == 0:
            raise ValueError("--num_agents=0: at least one agent must take part")
        if self.start_bot_difficulty is not None and not 0 <= self.start_bot_difficulty <= MAX_DIFFICULTY:
            raise ValueError(f"--start_bot_difficulty={self.start_bot_difficulty} must be 0 to {MAX_DIFFICULTY}")
        if self.timelimit is not None and self.timelimit <= 0:
            raise ValueError(f"--timelimit={self.timelimit} must be more than 0 minutes")
