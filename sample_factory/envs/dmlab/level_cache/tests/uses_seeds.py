"""An environment of tests that does nothing but use seeds, until it is killed. Knows no test."""

from __future__ import annotations

import os
from pathlib import Path

from sample_factory.envs.dmlab.level_cache.used_seeds import LevelSeeds


def take_until_killed(folder: Path, level: str, env: int, num_envs: int) -> None:
    """Write each seed to a file of its own process."""
    source = LevelSeeds(level, range(200), run_seed=0, env=env, num_envs=num_envs, folder=folder)
    fd = os.open(folder / f"{os.getpid()}_{env}.used", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        os.write(fd, f"{source.next(0)}\n".encode())
