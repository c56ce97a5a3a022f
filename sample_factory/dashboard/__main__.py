"""Entry point: `python -m sample_factory.dashboard train_dir`, a page that shows its experiments. Draws nothing itself.

Other machines cannot reach it: whoever sits at one forwards the port (`ssh -L`).
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from sample_factory.config.command_line import name_leading, parse
from sample_factory.config.dashboard import DashboardConfig, DashboardRunConfig
from sample_factory.system.process import interrupt_flag
from sample_factory.tb import free_port

_SUCCESS, _FAILURE = 0, 1
_HOST = "127.0.0.1"
_POLL_SEC = 0.1


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status: 0 after a signal, 1 failure."""
    try:
        arguments = name_leading(sys.argv[1:] if argv is None else list(argv), "train_dir")
        return serve(parse(arguments, DashboardConfig).run)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILURE


def serve(options: DashboardRunConfig) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ValueError: no port is free, or Flask is not installed.
    """
    try:
        # Only here, because the package is optional.
        from werkzeug.serving import make_server

        from sample_factory.dashboard.server import make_app
    except ModuleNotFoundError as error:
        raise ValueError(f"it needs the package {error.name!r}: pip install 'sample-factory[dashboard]'") from None
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for every request
    signals: list[int] = []
    with interrupt_flag(signals.append):
        port = free_port(options.port)
        # Threads, because browsers open connections on which they ask nothing for a while.
        server = make_server(_HOST, port, make_app(Path(options.train_dir).expanduser()), threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_SEC}, daemon=True)
        thread.start()
        print(f"Experiments of {options.train_dir}: http://localhost:{port}/ (Ctrl-C ends it)", flush=True)
        while not signals:
            time.sleep(_POLL_SEC)
        server.shutdown()
        thread.join()
        server.server_close()
    return _SUCCESS


if __name__ == "__main__":
    sys.exit(main())
