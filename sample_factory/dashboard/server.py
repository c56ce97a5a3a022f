"""Addresses and what they answer. Changes nothing anywhere, and knows no file but those of a train_dir."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import Forbidden, MethodNotAllowed, NotFound

from sample_factory.dashboard import wording
from sample_factory.dashboard.experiment import Experiment
from sample_factory.dashboard.experiment_page import make_page
from sample_factory.dashboard.players import draw_lineage, read_lineage
from sample_factory.dashboard.svg import sparkline
from sample_factory.dashboard.table import COLUMNS, arrange
from sample_factory.dashboard.train_dir import TrainDir

_HOSTS = ("127.0.0.1", "localhost", "::1")
"""A page of the web that makes its own name mean this machine is refused by the name that it still sends."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_AN_HOUR = "private, max-age=3600"


def make_app(root: Path, clock: Callable[[], float] = time.monotonic) -> Flask:
    """The page of the train_dir `root` as a WSGI application; `clock` gives seconds."""
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # no redirects: an address is right or wrong
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters.update(
        {name: getattr(wording, name) for name in ("count", "short", "number", "duration", "ago")}
    )
    app.jinja_env.globals["sparkline"] = sparkline
    app.before_request(_refuse)
    app.after_request(_protect)
    pages = _Pages(TrainDir(root, clock))
    app.add_url_rule("/", "table", pages.table)
    app.add_url_rule("/experiment/<path:name>", "experiment", pages.experiment)
    app.add_url_rule("/lineage/<path:name>.svg", "lineage", pages.lineage)
    return app


def _refuse() -> None:
    if _host_name(request.host) not in _HOSTS:
        raise Forbidden("This page is only for this machine.")
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(["GET", "HEAD"])


def _protect(response: Response) -> Response:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


class _Pages:
    """The answers."""

    def __init__(self, train_dir: TrainDir) -> None:
        self._train_dir = train_dir

    def table(self) -> Response:
        """All experiments."""
        pattern, sort = request.args.get("filter", ""), request.args.get("sort", "")
        found = self._train_dir.table()
        rows = arrange(found.rows, pattern, sort)
        shown = {"table": found, "rows": rows, "columns": COLUMNS, "pattern": pattern, "sort": sort}
        return _page("table.html", root=str(self._train_dir.root), **shown)

    def experiment(self, name: str) -> Response:
        """One of them."""
        with self._train_dir.turns:
            found = self._find(name)
            page = make_page(found, self._train_dir.files, self._train_dir.entry(found))
        return _page("experiment.html", page=page)

    def lineage(self, name: str) -> Response:
        """The family tree of one as a picture."""
        try:
            lineage = read_lineage(self._find(name).folder, self._train_dir.files)
            picture = None if lineage is None else draw_lineage(lineage)
        except ValueError as error:
            raise NotFound(str(error)) from None
        if picture is None:
            raise NotFound("It has no lineage.")
        # The address has the version of the file in it.
        return Response(picture, mimetype="image/svg+xml", headers={"Cache-Control": _AN_HOUR})

    def _find(self, name: str) -> Experiment:
        found = self._train_dir.experiment(name)
        if found is None:
            raise NotFound("There is no such experiment.")
        return found


def _page(template: str, **shown: object) -> Response:
    # Names of folders and JSON may have halves of characters in them, which no page can hold.
    text = str(render_template(template, now=time.time(), **shown)).encode(errors="replace")
    return Response(text, mimetype="text/html")


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
