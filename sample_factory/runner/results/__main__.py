"""Entry point: `python -m sample_factory.runner.results train_dir/my_study`: tables, files, pictures.

Computes nothing itself.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sample_factory.config.command_line import name_leading, parse
from sample_factory.config.experiment import replace_text
from sample_factory.config.results import ResultsConfig, ResultsRunConfig
from sample_factory.runner.results.confirm import confirm, confirmation, confirmation_folder, runner_config
from sample_factory.runner.results.experiments import Found, load_experiments
from sample_factory.runner.results.report import describe, print_study
from sample_factory.runner.results.study import Choices, Study, summarize
from sample_factory.runner.results.table import Table

_FAILURE = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Do as the command line says; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    arguments = name_leading(sys.argv[1:] if argv is None else list(argv), "folders")
    try:
        return _main(parse(arguments, ResultsConfig).run)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILURE


def _main(options: ResultsRunConfig) -> int:
    runner = runner_config(options.runner_flags)
    reference = None if options.reference is None else _read_reference(Path(options.reference))
    found = load_experiments(options.folders)
    choices = Choices(options.metric, options.by, options.frames, options.policy, options.ignore, options.resamples)
    study = summarize(found.experiments, choices, reference)
    study.notes[:0] = found.notes
    print_study(study, options.by)
    # Before anything is written: there may be no best setting yet.
    folder = confirmation_folder(found.root)
    tasks = confirmation(study, options.by, options.confirm, folder, options.program) if options.confirm else []
    out = found.root / "results" if options.out is None else Path(options.out)
    try:
        lines = _write(found, study, options, out)
    except OSError as error:
        raise ValueError(f"cannot write to {out}: {error.strerror or error}") from None
    print("\n".join(lines), flush=True)
    if options.run:
        return confirm(tasks, folder, runner)
    for task in tasks:
        print(shlex.join(task.command))
    return 0


def _write(found: Found, study: Study, options: ResultsRunConfig, out: Path) -> list[str]:
    """Returns what there is to say about the files."""
    out.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"root": str(found.root), "policy": options.policy, "resamples": options.resamples}
    replace_text(out / "results.json", json.dumps(describe(study, options.by, about), indent=1, allow_nan=False) + "\n")
    table = Table(found.experiments, study.hyper_parameters, options.tags)
    table.write_csv(out / "table.csv")
    lines = [str(out / "results.json"), f"{out / 'table.csv'} ({table.num_rows:,} rows)"]
    try:
        table.write_parquet(out / "table.parquet")
        lines.append(str(out / "table.parquet"))
    except ImportError:
        lines.append("no table.parquet: it needs pyarrow (pip install 'sample-factory[parquet]')")
    return [*lines, *(_draw(study, out) if options.figures else [])]


def _draw(study: Study, out: Path) -> list[str]:
    try:
        # Only here, because the package is optional.
        from sample_factory.runner.results import figures
    except ModuleNotFoundError as error:
        return [f"no pictures: they need {error.name} (pip install 'sample-factory[plot]')"]
    return list(map(str, figures.draw(study, out)))


def _read_reference(path: Path) -> dict[str, tuple[float, float]]:
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
        reference = {str(env): (float(low), float(high)) for env, (low, high) in contents.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise ValueError(
            f"--reference={path} must be JSON: {{environment: [score that is 0, score that is 1]}}"
        ) from None
    for env, (low, high) in reference.items():
        if not low < high:
            raise ValueError(f"--reference={path}: the scores of {env} must be two different ones, the lower first")
    return reference


if __name__ == "__main__":
    sys.exit(main())
