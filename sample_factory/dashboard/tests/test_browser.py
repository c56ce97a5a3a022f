"""The page in a real browser, if there is one: Chromium, under any of its names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("flask", reason="the page needs the extra dashboard")

from werkzeug.serving import make_server

from sample_factory.dashboard.server import make_app
from sample_factory.runner.results.tests.studies import REWARD, line, make_experiment, write_summaries

NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = ("--headless", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--window-size=1366,768")
LONG_ENOUGH_FOR_TWO_LOOKS = "--virtual-time-budget=12000"

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(NAMES)}")


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[[Callable[[int], None]], str]]:
    """Serves the folder and returns the address; `before` is told how many pages have been asked for before each."""
    servers = []

    def start(before: Callable[[int], None]) -> str:
        app = make_app(tmp_path / "train_dir")
        asked = []

        def answer(environ, start_response):
            if environ["PATH_INFO"] == "/":
                before(len(asked))
                asked.append(environ)
            return app(environ, start_response)

        server = make_server("127.0.0.1", 0, answer, threaded=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return f"http://localhost:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def browse(folder: Path, address: str, *flags: str) -> tuple[str, str]:
    """What the browser made of it, and what it said on its console."""
    assert BROWSER is not None
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [BROWSER, *FLAGS, *sandbox, profile, *flags, address], capture_output=True, text=True, timeout=200, check=True
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_table_follows_an_experiment_that_grows(tmp_path, serve):
    folder = make_experiment(tmp_path / "train_dir" / "a", [{REWARD: [(100, 1.0)]}])

    def grow(asked: int) -> None:
        if asked:
            write_summaries(folder, 0, {REWARD: [(1000 * asked, 7.0)]})

    document, console = browse(tmp_path, serve(grow) + "/", "--dump-dom", LONG_ENOUGH_FOR_TWO_LOOKS)
    frames = [int(text.replace(",", "")) for text in re.findall(r'<td class="n">([\d,]+)', document)]
    assert max(frames) >= 2000
    assert console == ""


def test_page_of_an_experiment_is_shown_without_complaints(tmp_path, serve):
    make_experiment(tmp_path / "train_dir" / "a", [{REWARD: line(100, 1.0)}, {REWARD: line(100, 2.0)}], num_policies=2)
    address = serve(lambda asked: None) + "/experiment/a"
    document, console = browse(tmp_path, address, "--dump-dom", LONG_ENOUGH_FOR_TWO_LOOKS)
    assert document.count("<polyline") == 4  # in the chart, and small in the statistics
    assert 'id="lost" role="status" hidden' in document
    assert console == ""


def test_pictures_have_the_colours_of_the_style_sheet(tmp_path, serve):
    pillow = pytest.importorskip("PIL.Image")
    make_experiment(tmp_path / "train_dir" / "a", [{REWARD: line(100, 1.0)}])
    address = serve(lambda asked: None) + "/"
    for scheme, back, curve in ((1, (255, 255, 255), (0, 114, 178)), (0, (20, 23, 27), (86, 180, 233))):
        path = tmp_path / f"{scheme}.png"
        browse(tmp_path, address, f"--screenshot={path}", f"--blink-settings=preferredColorScheme={scheme}")
        with pillow.open(path) as picture:
            pixels = picture.convert("RGB")
        assert pixels.getpixel((1360, 760)) == back
        colours = {colour for _, colour in pixels.getcolors(1 << 20)}
        assert curve in colours
