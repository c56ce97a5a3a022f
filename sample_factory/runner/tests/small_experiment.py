"""An experiment of tests: writes down when it begins and ends, and does as it is told. Knows nothing of the runner.

Its folder has one file: a line `begin <pid>` for each start, `end` for each end of its own accord.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment")
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--do", default="end", choices=("end", "wait", "ignore_signals", "raise"))
    parser.add_argument("--fail_times", type=int, default=0)
    parser.add_argument("--status", type=int, default=1)
    parser.add_argument("--seed")
    options = parser.parse_args()
    path = options.dir / f"{options.experiment}.txt"
    starts = path.read_text().count("begin") if path.exists() else 0
    if options.do == "ignore_signals":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.do == "wait":
        # As a training does: it saves, and says that it was interrupted.
        signal.signal(signal.SIGINT, lambda *_: sys.exit(2))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    about = {
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "mine": os.environ.get("MINE"),
        "cores": sorted(os.sched_getaffinity(0)),
    }
    print(json.dumps(about), flush=True)
    with path.open("a") as file:
        file.write(f"begin {os.getpid()}\n")
        file.flush()
        if starts < options.fail_times:
            print("this is why", flush=True)
            return int(options.status)
        if options.do == "raise":
            raise RuntimeError("never works")
        while options.do != "end" and not (options.dir / "go").exists():
            time.sleep(0.02)
        file.write("end\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
