"""Entry point: `python -m sample_factory.envs.check --env=...`; `--help` with an environment lists its options too.

Checks nothing itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.envs.check.checker import CheckInterruptedError, parse_check_options, run_check
from sample_factory.system.process import interrupt_flag

_SOUND, _UNSOUND, _INTERRUPTED = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Check and print; returns the exit status: 0 sound, 1 violations or a mistake of the user, 2 interrupted."""
    signals: list[int] = []
    try:
        config = parse_check_options(sys.argv[1:] if argv is None else list(argv))
        with interrupt_flag(signals.append):
            report = run_check(config, lambda: bool(signals))
    except CheckInterruptedError:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return _UNSOUND
    print("\n".join(report.lines()))
    return _SOUND if report.is_sound else _UNSOUND


if __name__ == "__main__":
    sys.exit(main())
