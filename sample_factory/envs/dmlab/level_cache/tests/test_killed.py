"""Real processes, killed at any instruction. Knows nothing of what they do."""

from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, entry_of
from sample_factory.envs.dmlab.level_cache.tests.stores import files_below, holds, loose_path, packs, write
from sample_factory.envs.dmlab.level_cache.verification import verify


def test_no_level_is_lost_or_handed_over_wrong_while_processes_are_killed(tmp_path):
    # In an interpreter of its own: pytest has threads, and what it forks is no honest copy.
    module = "sample_factory.envs.dmlab.level_cache.tests.torment"
    command = [sys.executable, "-m", module, str(tmp_path), "8", "4", "15", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    counts = ast.literal_eval(done.stdout.splitlines()[0])
    assert counts["killed"] > 20 and counts["committed"] > 20 and counts["hit"] > 20


@pytest.mark.parametrize("seed", range(4))
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
        time.sleep(generator.uniform(0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
    assert holds(LevelStore(store.path), *range(400))
    assert verify(LevelStore(store.path)).damaged == 0
    compact(LevelStore(store.path))
    assert holds(LevelStore(store.path), *range(400))


def dies_at_step(step: int, action: Callable[[], object]) -> bool:
    """Do something in a process that dies, cleaning up nothing, before its n-th change of the disk; whether it did."""
    child = os.fork()
    if child == 0:
        steps = 0

        def deadly(change: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any, **keywords: Any) -> Any:
                nonlocal steps
                steps += 1
                if steps == step:
                    os._exit(77)
                return change(*arguments, **keywords)

            return counted

        for name in ("replace", "unlink", "fsync", "mkdir", "write"):
            setattr(os, name, deadly(getattr(os, name)))
        try:
            action()
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 77)
    return status == 77


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child does nothing that needs other threads
def test_wherever_a_compaction_dies_nothing_is_lost(tmp_path):
    template = LevelStore(tmp_path / "template")
    write(template, *range(6))
    compact(template)
    write(template, *range(6, 20))
    template.write(entry_of(0).key, entry_of(0).payload, LEVELS[0], 555)
    loose_path(template, 30).parent.mkdir(parents=True, exist_ok=True)
    loose_path(template, 30).write_bytes(b"torn")
    step, died = 0, True
    while died:
        step += 1
        store = LevelStore(Path(shutil.copytree(template.path, tmp_path / f"copy{step}")))
        died = dies_at_step(step, lambda store=store: compact(store))
        assert holds(LevelStore(store.path), *range(20)), step
        assert store.seeds(LEVELS[0]) == [*range(0, 20, 2), 555], step
        compact(LevelStore(store.path))
        assert holds(LevelStore(store.path), *range(20)), step
        assert store.seeds(LEVELS[0]) == [*range(0, 20, 2), 555], step
        assert len(packs(store)) == 1 or died
        store.close()
    assert step > 20


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_wherever_a_writer_dies_nothing_is_half_written(tmp_path):
    step, died = 0, True
    while died:
        step += 1
        store = LevelStore(tmp_path / f"copy{step}")
        write(store, 1)
        died = dies_at_step(step, lambda store=store: write(store, 2))
        assert store.read(entry_of(2).key) in (None, entry_of(2).payload)
        assert holds(store, 1)
        write(store, 2)
        assert holds(store, 1, 2)
        names = [path.name for path in files_below(store.path / "objects") if not path.name.endswith(".tmp")]
        assert sorted(names) == sorted([entry_of(1).key, entry_of(2).key])
    assert step > 4
