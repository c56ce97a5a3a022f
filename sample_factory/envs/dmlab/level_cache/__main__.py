"""Entry point: `python -m sample_factory.envs.dmlab.level_cache info|verify|import|compact <path>`. Checks nothing."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.importing import import_levels
from sample_factory.envs.dmlab.level_cache.overview import overview
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.verification import verify

_SOUND, _UNSOUND, _INTERRUPTED = 0, 1, 2
_PROGRAM = "python -m sample_factory.envs.dmlab.level_cache"


@dataclass(frozen=True)
class Info:
    """Count what is stored."""

    path: tyro.conf.Positional[Path]
    """Folder of the cache."""

    def run(self) -> int:
        """Print it."""
        print("\n".join(overview(_existing(self.path), _track).lines()))
        return _SOUND


@dataclass(frozen=True)
class Verify:
    """Check every level and put damaged ones into quarantine; the exit status is 1 if there were any."""

    path: tyro.conf.Positional[Path]
    """Folder of the cache."""

    def run(self) -> int:
        """Check and print."""
        found = verify(_existing(self.path), _track)
        for line in found.unread:
            print(f"not read: {line}")
        restored = f", {found.restored} sound ones taken out of quarantine" if found.restored else ""
        print(f"{found.sound} levels are sound, {found.damaged} are damaged{restored}")
        return _UNSOUND if found.damaged or found.unread else _SOUND


@dataclass(frozen=True)
class Import:
    """Take over the levels of another cache, of this layout or of Sample Factory 1; nothing is changed there."""

    path: tyro.conf.Positional[Path]
    """Folder of the cache; made if there is none."""
    origin: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(name="from", metavar="FROM")]
    """Folder of the other one."""
    max_gb: float | None = None
    """Leave levels out that would make the cache larger than so many gigabytes."""

    def run(self) -> int:
        """Copy and print."""
        done = import_levels(LevelStore(self.path, self.max_gb), _existing(self.origin), _track)
        refused = f", {done.refused} are left out because of --max_gb={self.max_gb:g}" if done.refused else ""
        counts = f"{done.added} levels added, {done.present} were there already"
        print(f"{counts}, {done.damaged} are damaged and left out{refused}")
        return _UNSOUND if done.damaged else _SOUND


@dataclass(frozen=True)
class Compact:
    """Put loose levels and small packs together into packs. May be done, and killed, while others use the cache.

    A pack is deleted when all that is in it has been written anew, so for a while that needs as much space again.
    """

    path: tyro.conf.Positional[Path]
    """Folder of the cache."""

    def run(self) -> int:
        """Compact and print."""
        done = compact(_existing(self.path), _track)
        stale = f", {done.stale} left-over temporary files deleted" if done.stale else ""
        print(f"{done.loose} loose levels and {done.packs} packs put together, {done.damaged} damaged levels{stale}")
        return _UNSOUND if done.damaged else _SOUND


_Command = (
    Annotated[Info, tyro.conf.subcommand("info")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Import, tyro.conf.subcommand("import")]
    | Annotated[Compact, tyro.conf.subcommand("compact")]
)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command says; exit status 0 all is well, 1 it is not or the user is mistaken, 2 interrupted."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    try:
        return _parse(sys.argv[1:] if argv is None else list(argv)).run()
    except KeyboardInterrupt:
        print("interrupted; nothing is lost", file=sys.stderr)
        return _INTERRUPTED
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _UNSOUND


def _parse(argv: list[str]) -> Info | Verify | Import | Compact:
    if not argv or {"-h", "--help"} & set(argv):
        tyro.cli(_Command, args=argv or ["--help"], prog=_PROGRAM, description="The cache of compiled levels.")
    try:
        # tyro prints a box of several lines and exits; all that is wanted of it is that something was wrong.
        with contextlib.redirect_stderr(io.StringIO()):
            command: Info | Verify | Import | Compact = tyro.cli(_Command, args=argv, console_outputs=False)
            return command
    except SystemExit:
        given = " ".join(argv)
        raise ValueError(
            f"cannot make sense of {given!r}; say info, verify or compact and a folder, or import and two"
        ) from None


def _existing(path: Path) -> LevelStore:
    store = LevelStore(path)
    if not store.path.is_dir():
        raise ValueError(f"there is no folder {store.path}")
    return store


def _track(names: Sequence[str], what: str) -> Iterable[str]:
    from rich.console import Console
    from rich.progress import track  # takes 0.1 s to load

    console = Console(stderr=True)
    return track(names, what, console=console, transient=True, disable=not console.is_terminal)


if __name__ == "__main__":
    sys.exit(main())
