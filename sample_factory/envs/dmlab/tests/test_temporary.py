"""What killed processes leave behind is removed, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys

from sample_factory.envs.dmlab.temporary import TemporaryFolder, sweep

_HOLD = """
import sys, time
from pathlib import Path
from sample_factory.envs.dmlab.temporary import TemporaryFolder
folder = TemporaryFolder(Path(sys.argv[1]))
(folder.path / "map.pk3").write_text("a level")
print(folder.path.name, flush=True)
time.sleep(600)
"""


def test_only_folders_of_ended_processes_are_swept_away(tmp_path):
    base = tmp_path / "base"
    own = TemporaryFolder(base)
    other = subprocess.Popen([sys.executable, "-c", _HOLD, str(base)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    name = other.stdout.readline().strip()
    sweep(base)
    assert own.path.is_dir() and (base / name / "map.pk3").is_file()
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    sweep(base)
    assert [path.name for path in base.iterdir()] == [own.path.name]
    own.close()
    assert not list(base.iterdir())


def test_sweeping_where_nothing_was_is_no_mistake(tmp_path):
    sweep(tmp_path / "never_made")
