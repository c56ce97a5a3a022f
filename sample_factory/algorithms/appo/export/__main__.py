"""Entry point: `python -m sample_factory.algorithms.appo.export --experiment=... --format=...`.

Knows no format and no network.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.algorithms.appo.export.export import export_policy
from sample_factory.algorithms.status import Status, exit_status
from sample_factory.config.command_line import parse
from sample_factory.config.export import ExportConfig
from sample_factory.envs.options import import_modules


def main(argv: Sequence[str] | None = None) -> int:
    """Export as the command line says; returns the exit status: 0 success, 1 failure."""
    return exit_status(_export, argv)


def _export(argv: Sequence[str]) -> Status:
    options = parse(argv, ExportConfig).run
    import_modules(options.import_module)
    print(export_policy(options), flush=True)
    return Status.SUCCESS


if __name__ == "__main__":
    sys.exit(main())
