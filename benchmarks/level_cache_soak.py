"""A level cache used by many processes that are killed at random; says whether it held. Knows no file of the cache.

    python -m benchmarks.level_cache_soak --processes 100 --minutes 20

Processes read, write, compact and verify one cache, plant torn files, and are killed with -9 and replaced. At the end
no level may have been handed over that is not what its key says, every level whose `write` returned True must be there,
and nothing may be left over but temporary files. The last line is the verdict; the exit status is 0 if it held, else 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sample_factory.envs.dmlab.level_cache.tests.torment import Torment

_SHOWN = 20


def main() -> int:
    """Torment, then look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--kills_per_second", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, default=None, help="where the cache is made; on a file system to test")
    parser.add_argument("--seed", type=int, default=None, help="of everything that is random; timing still differs")
    arguments = parser.parse_args()
    # Damage that was planted is found and said, thousands of times.
    logging.getLogger("sample_factory").setLevel(logging.ERROR)
    seed = int.from_bytes(os.urandom(4), "little") if arguments.seed is None else arguments.seed
    folder = Path(tempfile.mkdtemp(prefix="sample_factory_level_cache_", dir=arguments.folder))
    print(f"{arguments.processes} processes for {arguments.minutes:g} min, seed {seed}", flush=True)
    started = time.monotonic()
    torment = Torment(folder, arguments.processes, seed)
    try:
        torment.run(arguments.minutes * 60, arguments.kills_per_second)
    finally:
        torment.end()
    minutes = (time.monotonic() - started) / 60
    losses = torment.losses()
    counts = ", ".join(f"{kind} {count}" for kind, count in torment.counts().items())
    print(f"{minutes:.1f} min: {counts}")
    if losses:
        print("\n".join(losses[:_SHOWN]))
        print(f"did NOT hold: {len(losses)} losses; the cache is left in {folder}")
        return 1
    shutil.rmtree(folder)
    print("held: no level wrong, none lost, nothing left over")
    return 0


if __name__ == "__main__":
    sys.exit(main())
