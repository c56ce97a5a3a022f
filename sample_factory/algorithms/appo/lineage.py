"""Entry point: `python -m sample_factory.algorithms.appo.lineage --experiment=...`, a population as a picture.

Knows neither weights nor colours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.family_tree import FamilyTree, family_tree
from sample_factory.algorithms.status import Status, exit_status
from sample_factory.config.command_line import parse
from sample_factory.config.experiment import named_dir
from sample_factory.config.lineage import LineageConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Draw as the command line says; returns the exit status: 0 success, 1 failure."""
    return exit_status(_draw, argv)


def _draw(argv: Sequence[str]) -> Status:
    options = parse(argv, LineageConfig).run
    folder = named_dir(argv)
    decisions = lineage_file.read(folder)
    if not decisions:
        raise ValueError(f"{folder} has no lineage: only training with --with_pbt=True writes {lineage_file.FILE_NAME}")
    tree = family_tree(decisions)
    _check_parameter(tree, options.parameter)
    path = Path(options.out) if options.out is not None else folder / "lineage.svg"
    try:
        # Only here, because the package is optional.
        from sample_factory.algorithms.appo.lineage_picture import draw
    except ModuleNotFoundError as error:
        raise ValueError(f"a picture needs the package {error.name!r}: pip install 'sample-factory[plot]'") from error
    try:
        draw(tree, options.parameter, options.experiment, path)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None
    print(path)
    return Status.SUCCESS


def _check_parameter(tree: FamilyTree, parameter: str) -> None:
    known = {name for stretches in tree.stretches.values() for one in stretches for name in one.values}
    missing = any(parameter not in one.values for stretches in tree.stretches.values() for one in stretches)
    if missing:
        raise ValueError(f"--parameter={parameter} is not in this lineage; it has {', '.join(sorted(known))}")


if __name__ == "__main__":
    sys.exit(main())
