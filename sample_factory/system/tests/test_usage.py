"""Memory and processor time of a process and its children. Knows no environment."""

from __future__ import annotations

import subprocess
import sys

import psutil

from sample_factory.system.usage import available_bytes, tree_bytes, tree_cpu_sec

_MEGABYTE = 2**20
_CHILD = "import sys; held = bytearray(b'x' * 50_000_000); sum(range(5_000_000)); print('ready', flush=True); input()"


def test_children_count() -> None:
    bytes_before, sec_before = tree_bytes(), tree_cpu_sec()
    with subprocess.Popen([sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert tree_bytes() - bytes_before > 40 * _MEGABYTE
        assert tree_cpu_sec() > sec_before
        child.communicate(b"\n")


def test_no_more_is_available_than_there_is() -> None:
    assert 0 < available_bytes() <= psutil.virtual_memory().total
