"""What a benchmark starts ends with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil

_BENCHMARK = """
import os, pathlib, sys, time
from benchmarks.process_tree import ProcessTree, end_when_terminated
end_when_terminated()
folder = pathlib.Path(sys.argv[1])
tree = ProcessTree([sys.executable, "-c", "import time; time.sleep(600)"], os.environ, folder, folder / "log.txt")
print(tree.processes()[0].pid, flush=True)
try:
    time.sleep(600)
finally:
    tree.end()
"""


def test_a_benchmark_that_is_terminated_ends_its_run(tmp_path: Path):
    command = [sys.executable, "-c", _BENCHMARK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as benchmark:
        assert benchmark.stdout is not None
        run = psutil.Process(int(benchmark.stdout.readline()))
        benchmark.send_signal(signal.SIGTERM)
        assert benchmark.wait(60) == 128 + signal.SIGTERM
    assert not run.is_running()
