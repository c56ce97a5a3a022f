"""A Ray cluster of two nodes on this machine, each with one CPU, for tests. Knows nothing of what runs on it.

A program of its own: `python -m sample_factory.runner.tests.ray_cluster` prints the address, kills the second node when
it reads a line `kill`, adds one at a line `add`, and ends with its input. With a command behind it, it runs that on the
cluster and ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from sample_factory.runner.tests.study import ROOT

_NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
_READY = "ready "


class RayCluster:
    """The program, as others see it."""

    def __init__(self) -> None:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
            # A node that dies is noticed after 2 seconds, not 30.
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "1000",
            "RAY_health_check_failure_threshold": "4",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.address = self._answer()

    def kill_node(self) -> None:
        """Kill the newest node that is not the first one."""
        self._ask("kill")

    def add_node(self) -> None:
        """Add another one."""
        self._ask("add")

    def close(self) -> None:
        """Stop all of it."""
        _written(self._process.stdin).close()
        self._process.wait(60)
        _read(self._process.stdout).close()

    def _ask(self, word: str) -> None:
        pipe = _written(self._process.stdin)
        pipe.write(f"{word}\n")
        pipe.flush()
        self._answer()

    def _answer(self) -> str:
        for line in _read(self._process.stdout):
            if line.startswith(_READY):
                return line.removeprefix(_READY).strip()
        raise AssertionError(f"the cluster has ended with status {self._process.wait()}")


def _written(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


_read = _written


def _main(command: Sequence[str]) -> int:
    # Not in the tests' folder: the names of sockets must be short.
    folder = tempfile.mkdtemp(prefix="ray_")
    # For what Ray keeps outside a cluster's own folder as well, whose place it takes for granted.
    os.environ["RAY_TMPDIR"] = folder
    from ray.cluster_utils import Cluster  # reads it

    head = _NODE | {"include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = [cluster.add_node(**_NODE)]
        if command:
            environment = os.environ | {"RAY_ADDRESS": cluster.address}
            return subprocess.run(command, env=environment, check=False).returncode
        print(f"{_READY}{cluster.address}", flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(nodes.pop(), allow_graceful=False)
            else:
                nodes.append(cluster.add_node(**_NODE))
            print(_READY, flush=True)
        return 0
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
