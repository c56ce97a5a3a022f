"""Entry point: `python -m sample_factory.envs.dmlab.dmlab_populate_cache --dmlab_level_cache_path=...`; makes no level.

Fills the level cache of DeepMind Lab, so that a training need not wait for levels to be compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sample_factory.config.command_line import parse
from sample_factory.envs.dmlab.lab import open_lab
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.levels import LEVELS
from sample_factory.envs.dmlab.populate.filling import fill
from sample_factory.envs.dmlab.populate.options import PopulateConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Fill; the exit status is 0 if there is enough of every level, 1 if not or after a mistake, 2 if interrupted."""
    try:
        options = parse(sys.argv[1:] if argv is None else list(argv), PopulateConfig).populate
        path = Path(options.dmlab_level_cache_path).expanduser()
        open_store = partial(LevelStore, path, options.dmlab_level_cache_max_gb)
        levels = {level.path: level.levels_per_billion for level in LEVELS if level.levels_per_billion}
        return fill(options, levels, open_lab, open_store)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
