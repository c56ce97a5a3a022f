"""Fills a folder with slow levels until it is interrupted: `python -m ...fills_slowly FOLDER`. Knows no test."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sample_factory.envs.dmlab.populate.filling import fill
from sample_factory.envs.dmlab.populate.options import PopulateOptions
from sample_factory.envs.dmlab.populate.tests.labs_for_tests import FolderOfLevels, open_lab

if __name__ == "__main__":
    options = PopulateOptions(dmlab_level_cache_path=sys.argv[1], num_workers=2, min_free_gb=0.0, target=1000)
    sys.exit(fill(options, {"a/slow": 1}, open_lab, partial(FolderOfLevels, Path(sys.argv[1]))))
