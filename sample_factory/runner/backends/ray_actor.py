"""What runs on the nodes of a Ray cluster: one of these for each attempt. Does not know what the attempt does.

Ray sends the class to nodes as code, so that one that lacks this package can say so; hence only the standard library.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence


def make_actor_class() -> type:
    """The class; it is made in a function because Ray sends others by their names, to be imported there."""

    class Attempt:
        """Ends with its constructor. That fails if the attempt did: its one line says why, and on which machine."""

        def __init__(
            self, arguments: Sequence[str], needed: str, printed: str, working_dir: str, python_path: str | None
        ) -> None:
            import ray  # not there where this module is imported only for its name

            host = socket.gethostname()
            for path in (needed, working_dir):
                if not os.path.exists(path):
                    raise RuntimeError(
                        f"{host} does not see {path}: the run's folder and the folder in which the runner was started "
                        "must be on a file system that all nodes of the cluster share"
                    )
            os.makedirs(os.path.dirname(printed), exist_ok=True)
            with open(printed, "ab") as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", "sample_factory.runner.attempt", *arguments, str(os.getpid())],
                    cwd=working_dir,
                    env=os.environ | ({} if python_path is None else {"PYTHONPATH": python_path}),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            exit_status = process.wait()
            if exit_status != 0:
                raise RuntimeError(f"the attempt ended with status {exit_status} on {host}: see {printed}")
            ray.actor.exit_actor()

        def end(self) -> None:
            """Is never answered: Ray says instead that the actor is gone, as soon as it is."""

    return Attempt
