"""Real processes, killed at any instruction. Knows nothing of what they do."""

from __future__ import annotations

import ast
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.stores import holds, write
from sample_factory.envs.dmlab.level_cache.verification import verify


def test_no_level_is_lost_or_handed_over_wrong_while_processes_are_killed(tmp_path):
    # In an interpreter of its own: pytest has threads, and what it forks is no honest copy.
    module = "sample_factory.envs.dmlab.level_cache.tests.torment"
    command = [sys.executable, "-m", module, str(tmp_path), "8", "4", "15", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    counts = ast.literal_eval(done.stdout.splitlines()[0])
    assert counts["killed"] > 20 and counts["committed"] > 20 and counts["hit"] > 20


@pytest.mark.parametrize("seed", range(6))
def test_a_compaction_that_is_killed_loses_nothing(store, seed):
    generator = random.Random(seed)
    write(store, *range(150))
    compact(store)
    write(store, *range(150, 400))
    program = (
        "import sys; from pathlib import Path\n"
        "from sample_factory.envs.dmlab.level_cache.compaction import compact\n"
        "from sample_factory.envs.dmlab.level_cache.store import LevelStore\n"
        "print('ready', flush=True); compact(LevelStore(Path(sys.argv[1])))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(store.path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(generator.uniform(0, 0.08))
        os.kill(process.pid, signal.SIGKILL)
    assert holds(LevelStore(store.path), *range(400))
    assert verify(LevelStore(store.path)).damaged == 0
    compact(LevelStore(store.path))
    assert holds(LevelStore(store.path), *range(400))
