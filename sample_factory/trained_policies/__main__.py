"""Entry point: `python -m sample_factory.trained_policies list|evaluate|pull|add|push`. Knows no file."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sample_factory.algorithms.status import Status, exit_status
from sample_factory.config.command_line import parse
from sample_factory.config.trained_policies import (
    AddConfig,
    EvaluateConfig,
    EvaluateOptions,
    ListConfig,
    PullConfig,
    PushConfig,
)
from sample_factory.trained_policies.add import add
from sample_factory.trained_policies.evaluate import all_hold, measure, verdict
from sample_factory.trained_policies.hub import make_repository, upload
from sample_factory.trained_policies.index import Entry, Score, find
from sample_factory.trained_policies.pull import pull
from sample_factory.trained_policies.sources import Source, open_source, read_entries
from sample_factory.trained_policies.table import as_text


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the first argument says; returns the exit status: 0 success, 1 failure."""
    return exit_status(_main, argv)


def _main(argv: Sequence[str]) -> Status:
    if not argv or argv[0] not in _COMMANDS:
        said = f"not {argv[0]!r}" if argv else "nothing was said"
        raise ValueError(f"the first argument must be one of {', '.join(_COMMANDS)}; {said}")
    return _COMMANDS[argv[0]](argv[1:])


def _list(argv: Sequence[str]) -> Status:
    options = parse(argv, ListConfig).run
    print(as_text(read_entries(open_source(options.source))))
    return Status.SUCCESS


def _evaluate(argv: Sequence[str]) -> Status:
    options = parse(argv, EvaluateConfig).run
    source = open_source(options.source)
    entries = read_entries(source)
    if options.name:
        entries = [find(entries, name) for name in options.name]
    scores = []
    for entry in entries:
        scores.append((entry.score, _measure(source, entry, options)))
        print(verdict(entry.name, *scores[-1]), flush=True)
    return Status.SUCCESS if all_hold(scores) else Status.FAILURE


def _measure(source: Source, entry: Entry, options: EvaluateOptions) -> Score:
    with tempfile.TemporaryDirectory() as temporary:
        folder = pull(source, entry, Path(temporary), entry.name)
        return measure(folder, options.episodes, options.seed, entry.score.deterministic)


def _pull(argv: Sequence[str]) -> Status:
    options = parse(argv, PullConfig).run
    source = open_source(options.source)
    entry = find(read_entries(source), options.name)
    print(pull(source, entry, Path(options.train_dir).expanduser(), options.experiment or entry.name))
    return Status.SUCCESS


def _add(argv: Sequence[str]) -> Status:
    entry = add(parse(argv, AddConfig).run)
    print(f"{entry.name}: {entry.score} in {entry.score.episodes} episodes")
    return Status.SUCCESS


def _push(argv: Sequence[str]) -> Status:
    options = parse(argv, PushConfig).run
    source = open_source(options.source)
    entry = find(read_entries(source), options.name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = make_repository(source, entry, options.repo_id, folder)
        if not options.dry_run:
            print(upload(folder, options.repo_id, options.private))
            return Status.SUCCESS
        print(f"would upload to {options.repo_id}:")
        for path in files:
            print(f"{(folder / path).stat().st_size:>10} {path}")
        print(f"\nREADME.md:\n{(folder / 'README.md').read_text(encoding='utf-8')}", end="")
    return Status.SUCCESS


_COMMANDS: dict[str, Callable[[Sequence[str]], Status]] = {
    "list": _list,
    "evaluate": _evaluate,
    "pull": _pull,
    "add": _add,
    "push": _push,
}

if __name__ == "__main__":
    sys.exit(main())
