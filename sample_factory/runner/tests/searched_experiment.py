"""An experiment of tests that learns as well as its parameter `x` says. Knows nothing of the runner but its ledger.

Its reward after some frames is `height(x) * frames`. At each of `--rungs` it waits until the ledger says that it goes
on, so that nothing depends on how fast anybody is. Interrupted, it saves and ends with status 2.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from sample_factory.runner.ledger import Ledger
from sample_factory.system.summaries import SummaryWriter

STEP = 10
"""Frames from one summary to the next."""
BEST = 0.3


def height(x: float) -> float:
    """1 where it is best."""
    return 1.0 - (x - BEST) ** 2


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment")
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--x", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--rungs", type=int, nargs="*", default=[])
    options = parser.parse_args()
    folder = options.dir / options.experiment
    folder.mkdir(exist_ok=True)
    with (folder / "starts.txt").open("a") as file:
        file.write("begin\n")
    (folder / "cfg.json").write_text(json.dumps({"env": "small", "seed": options.seed, "x": options.x}))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(2))
    ledger = Ledger(options.dir.parent)
    name = f"{options.dir.name}/{options.experiment}"
    saved = folder / "frames.txt"
    first = int(saved.read_text()) if saved.exists() else STEP
    writer = SummaryWriter(folder / ".summary" / "0")
    for frames in range(first, options.frames + 1, STEP):
        writer.scalar("0_aux/avg_reward", (height(options.x) + 1e-3 * options.seed) * frames, frames)
        writer.flush()
        saved.write_text(str(frames))
        while frames in options.rungs and (name, frames) not in _going_on(ledger):
            time.sleep(0.05)
    writer.close()
    (folder / "done").write_text("{}")
    return 0


def _going_on(ledger: Ledger) -> set[tuple[str, int]]:
    return {(one.name, one.frames) for one in ledger.judgements() if not one.is_pruned}


if __name__ == "__main__":
    sys.exit(main())
