"""Entry point: `python -m sample_factory.tb 'my_*' ...`, TensorBoard for the experiments that masks match.

TensorBoard gets a folder of links to them, so that its fast loader works and names may have any letters. Knows no
summary.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sample_factory.config.command_line import name_leading, parse
from sample_factory.config.tensorboard import TensorboardConfig, TensorboardRunConfig
from sample_factory.system.process import interrupt_flag

_SUCCESS, _FAILURE = 0, 1
_HOST = "127.0.0.1"
_SHORT = {"-q": "--quiet", "-r": "--refresh_every"}
_PORTS_TO_TRY = 100
_POLL_SEC = 0.1
_START_SEC = 60.0
_END_SEC = 5.0
# Killed with this program, however that ends.
_START_TENSORBOARD = (
    "from sample_factory.system.process import end_with_parent; end_with_parent(); "
    "from tensorboard.main import run_main; run_main()"
)
_LOADER_THREADS, _POINTS_PER_CURVE = 8, 200


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status: 0 after a signal, 1 failure."""
    arguments = [_SHORT.get(argument, argument) for argument in (sys.argv[1:] if argv is None else argv)]
    try:
        options = parse(name_leading(arguments, "masks"), TensorboardConfig).run
        if importlib.util.find_spec("tensorboard") is None:
            raise ValueError("tensorboard is not installed: pip install tensorboard")
        return serve(options)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILURE


def serve(options: TensorboardRunConfig) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ValueError: the masks match nothing, no port is free, or TensorBoard ends by itself.
    """
    signals: list[int] = []
    root = Path(options.dir).expanduser().absolute()
    with interrupt_flag(signals.append), tempfile.TemporaryDirectory(prefix="sample_factory_tb_") as name:
        links = Path(name)
        count = link_matches(root, options.masks, links)
        if not count:
            raise ValueError(f"no folder in {root} matches {' '.join(options.masks)}")
        port = free_port(options.port)
        print(f"{count} folders of {root}", flush=True)
        while not signals:
            with _tensorboard(options, links, port) as child:
                _watch(child, options, root, links, port, signals)
    return _SUCCESS


def link_matches(root: Path, masks: Sequence[str], links: Path) -> int:
    """Make a link in `links` for every folder in `root` that a mask matches and has none; returns how many there are.

    A folder inside another one that matches is left to that.
    """
    matches = sorted({path for mask in masks for path in root.glob(mask) if path.is_dir() and path != root})
    chosen: list[Path] = []
    for path in matches:
        if not any(parent in chosen for parent in path.parents):
            chosen.append(path)
    for path in chosen:
        # As it is below the root, so that TensorBoard shows the names of the folders.
        link = links / path.relative_to(root)
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path, target_is_directory=True)
    return len(chosen)


def free_port(first: int) -> int:
    """The first port from `first` on that is free on this machine.

    Raises:
        ValueError: none of the first hundred is.
    """
    for port in range(first, min(first + _PORTS_TO_TRY, 65_536)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            # TensorBoard does the same; without it a port is taken for a minute after the last viewer has left.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_HOST, port))
            return port
    raise ValueError(f"no port from {first} to {first + _PORTS_TO_TRY - 1} is free: choose another --port")


@contextlib.contextmanager
def _tensorboard(options: TensorboardRunConfig, links: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        *(sys.executable, "-c", _START_TENSORBOARD, f"--logdir={links}", f"--host={_HOST}", f"--port={port}"),
        *(f"--reload_interval={options.reload_interval}", f"--max_reload_threads={_LOADER_THREADS}"),
        f"--samples_per_plugin=scalars={_POINTS_PER_CURVE}",
    ]
    errors = subprocess.DEVNULL if options.quiet else None
    # A session of its own: Ctrl-C reaches it through this program, so that both end in order.
    with subprocess.Popen(command, stdout=errors, stderr=errors, start_new_session=True) as child:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(_END_SEC)
            except subprocess.TimeoutExpired:
                child.kill()


def _watch(
    child: subprocess.Popen[bytes],
    options: TensorboardRunConfig,
    root: Path,
    links: Path,
    port: int,
    signals: list[int],
) -> None:
    """Until it is time to start it anew, or a signal comes."""
    started = looked = now = time.monotonic()
    up_since: float | None = None
    while not signals and (up_since is None or now - up_since < options.refresh_every):
        if child.poll() is not None:
            hint = "without --quiet it says why" if options.quiet else "it says why above"
            raise ValueError(f"tensorboard ended with exit status {child.returncode}; {hint}")
        now = time.monotonic()
        if up_since is None and _answers(port):
            up_since = now
            print(f"TensorBoard: http://localhost:{port}/ (Ctrl-C ends it)", flush=True)
        if up_since is None and now - started > _START_SEC:
            raise ValueError(f"tensorboard did not start within {_START_SEC:.0f} seconds")
        if now - looked >= options.reload_interval:
            looked = now
            link_matches(root, options.masks, links)
        time.sleep(_POLL_SEC)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


if __name__ == "__main__":
    sys.exit(main())
