"""What a case, a system and a setting are. Knows no particular one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cases.work import Work

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "benchmarks" / "peers"
VENVS = ROOT / ".venv-peers"


@dataclass(frozen=True)
class Setting:
    """One way to run a system."""

    name: str
    flags: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """A training system as it takes part in one case."""

    name: str
    command: tuple[str, ...]
    settings: tuple[Setting, ...]
    python_path: str | None = None  # a folder to import from besides the installed packages
    packages: tuple[str, ...] = ("torch", "numpy", "gymnasium")  # whose versions are reported

    @property
    def python(self) -> str:
        """The interpreter it runs under."""
        return self.command[0]

    def full_command(self, setting: Setting) -> list[str]:
        """The whole command line; `{run_dir}` in it stands for a folder of the run."""
        return [*self.command, *setting.flags]

    def environ(self, setting: Setting) -> dict[str, str]:
        """The environment to run in: ours, without what would make one system import another."""
        environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        if self.python_path is not None:
            environ["PYTHONPATH"] = self.python_path
        return {**environ, **setting.environ}


@dataclass(frozen=True)
class Case:
    """Systems doing the same work."""

    name: str
    what: str
    ours: System
    peers: tuple[System, ...]
    work: Work | None = None
    """The same work in its parts, for the limit; None where nothing is learned."""
