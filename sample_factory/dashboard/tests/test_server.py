"""The page over Flask's test client; experiments are written as training writes them."""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask", reason="the page needs the extra dashboard")

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.lineage_file import Decision
from sample_factory.config.experiment import mark_done
from sample_factory.config.run import RunConfig
from sample_factory.dashboard import train_dir
from sample_factory.dashboard.server import make_app
from sample_factory.runner.ledger import Ledger, Place, Task
from sample_factory.runner.results.tests.studies import REWARD, line, make_experiment, write_summaries
from sample_factory.system.folder_lock import FolderLock
from sample_factory.system.logs import LOG_FILE_NAME

LONG_AGO = time.time() - 1e6


class Client(FlaskClient):
    """Closes the files that answers are made of."""

    def open(self, *arguments: Any, **keywords: Any) -> TestResponse:
        return super().open(*arguments, **{"buffered": True, **keywords})


def make_client(root: Path, clock: Callable[[], float] = time.monotonic) -> FlaskClient:
    app = make_app(root, clock)
    app.test_client_class = Client
    return app.test_client()


@pytest.fixture
def client(tmp_path):
    return make_client(tmp_path)


@pytest.fixture
def ask(client) -> Callable[[str], str]:
    """The text of a page, without tags and with single spaces."""

    def text_of(address: str) -> str:
        reply = client.get(address)
        assert reply.status_code == 200, reply.text
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", reply.text)).split())

    return text_of


def let_rest(folder: Path) -> None:
    """As if nothing had been written for long."""
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def stopped(folder: Path, *policies: dict[str, Any], **cfg: Any) -> Path:
    make_experiment(folder, policies, is_done=False, **cfg)
    let_rest(folder)
    return folder


def files_below(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) for path in paths}


def test_table_shows_what_there_is(tmp_path, ask):
    stopped(
        tmp_path / "study" / "a", {REWARD: line(9_480_476, 19.06)}, env="atari_pong", train_for_env_steps=20_000_000
    )
    shown = ask("/")
    assert "study/a ■ stopped atari_pong 9,480,476 of 20 M" in shown
    assert "19.06" in shown


def test_folder_without_experiments_says_so(ask):
    assert "There is no experiment" in ask("/")


def test_experiment_that_grows_between_two_requests(tmp_path, ask):
    folder = stopped(tmp_path / "a", {REWARD: [(100, 1.0)]})
    assert " 100 - 1 " in ask("/")
    path = next((folder / ".summary" / "0").iterdir())
    longer = write_summaries(tmp_path / "b", 0, {REWARD: [(2500, 7.5)]})
    with path.open("ab") as file:
        file.write(longer.read_bytes())
    shown = ask("/")
    assert "● running" in shown
    assert " 2,500 - 7.5 " in shown
    assert " 2,500 " in ask("/experiment/a")


def test_event_file_with_another_in_its_place(tmp_path, ask):
    folder = stopped(tmp_path / "a", {REWARD: [(100, 1.0)]})
    assert " 100 - 1 " in ask("/")
    next((folder / ".summary" / "0").iterdir()).unlink()
    write_summaries(folder, 0, {REWARD: [(200, 3.0)]}).rename(folder / ".summary" / "0" / "tfevents.another")
    assert " 200 - 3 " in ask("/")


def test_experiments_that_come_and_go_are_noticed(tmp_path, monkeypatch, ask):
    monkeypatch.setattr(train_dir, "_LOOK_FOR_FOLDERS_SEC", 0.0)
    stopped(tmp_path / "first")
    ask("/")
    stopped(tmp_path / "second")
    assert "second" in ask("/")
    (tmp_path / "first").rename(tmp_path / ".gone")
    assert "first" not in ask("/")


def test_states_follow_the_files(tmp_path, ask):
    folder = stopped(tmp_path / "a", train_for_env_steps=1000, train_for_seconds=10, benchmark=False)
    assert "■ stopped" in ask("/")
    with FolderLock(folder):
        assert "● running" in ask("/")
    (folder / LOG_FILE_NAME).write_text("[2026-01-01 00:00:00,000][00001] ERROR: learner 0 failed: no memory\n")
    assert "✕ failed" in ask("/")
    assert "learner 0 failed: no memory" in ask("/")
    mark_done(folder, 1000, RunConfig(env="small", train_for_env_steps=1000, train_for_seconds=10))
    assert "✓ done" in ask("/")
    # It was given more frames, and can go on.
    cfg = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps(cfg | {"train_for_env_steps": 5000, "train_for_seconds": 20}))
    assert "✓ done" not in ask("/")


def test_running_experiment_says_when_it_will_end(tmp_path, ask):
    folder = stopped(tmp_path / "a", train_for_env_steps=1_000_000, num_policies=2)
    (folder / LOG_FILE_NAME).write_text(
        "[2026-01-01 00:00:00,000][00001] Fps is (10 sec: 1.0, 60 sec: 100.0, 300 sec: 1.0). "
        "Total num frames: 1280000.\n"
        "[2026-01-01 00:00:00,000][00001] Limit: environments\n"
    )
    with FolderLock(folder):
        assert "1,280,000 of 2 M 100 - - 2 h 00 min" in ask("/")
        shown = ask("/experiment/a")
    assert "1,280,000 of 2,000,000" in shown
    assert "Limit environments" in shown


def test_ledger_says_what_waits_and_what_failed_before_it_had_a_folder(tmp_path, ask):
    folder = tmp_path / "study"
    stopped(folder / "x" / "begun")
    ledger = Ledger.create(folder)
    names = ("begun", "next", "mistyped")
    ledger.enter([Task(f"x/{name}", ("python", "train.py", "--env=small"), {}) for name in names])
    ledger.begin("x/mistyped", "processes", "somewhere", Place())
    ledger.finish("x/mistyped", 1, 127)
    ledger.begin("x/begun", "processes", "somewhere", Place())
    ledger.finish("x/begun", 1, 3)
    shown = ask("/")
    assert "study/x/begun ✕ failed" in shown
    assert "with exit status 3" in shown
    assert "study/x/next … waiting small" in shown
    assert "study/x/mistyped ✕ failed small" in shown
    assert "with exit status 127" in shown
    assert "failed, 1 try" in ask("/experiment/study/x/begun")


def test_ledger_that_is_none_hides_nothing(tmp_path, ask):
    stopped(tmp_path / "study" / "a")
    (tmp_path / "study" / "ledger.sqlite").write_text("this is no database, but it is long enough to be read")
    shown = ask("/")
    assert "cannot read the ledger of study" in shown
    assert "study/a" in shown


def test_page_of_a_population(tmp_path, client, ask):
    folder = stopped(tmp_path / "a", {REWARD: line(100, 1.0)}, {REWARD: line(100, 2.0)}, num_policies=2)
    for policy in (0, 1):
        decision = Decision(policy, 0, None, "began", 0, [], {"learning_rate": 1e-4}, None, "2026-01-01T00:00:00")
        lineage_file.append(folder, decision)
    (folder / "elo.json").write_text('[{"policy": 1, "env_steps": 500, "elo": 1034.2, "matches": 38239}]')
    shown = ask("/experiment/a")
    assert "policy 0 1" in shown
    assert "newest decisions, 2 of 2" in shown
    assert "policy 1 as of 500 frames 1,034 38,239" in shown
    pytest.importorskip("matplotlib", reason="the picture needs the extra plot")
    address = re.search(r'src="(/lineage/[^"]*)"', client.get("/experiment/a").text)[1]
    reply = client.get(html.unescape(address))
    assert reply.status_code == 200
    assert reply.mimetype == "image/svg+xml"


def test_policy_has_one_colour_in_all_pictures(tmp_path, client):
    entropy = {"train/entropy": [(1, 1.0)]}
    stopped(tmp_path / "a", {REWARD: [(1, 1.0)]}, {**entropy, REWARD: [(1, 2.0)]}, num_policies=2)
    lines = re.findall(r'<polyline class="line (c\d+)"[^>]*><title>(policy \d)', client.get("/experiment/a").text)
    assert sorted(lines) == [("c0", "policy 0"), ("c1", "policy 1"), ("c1", "policy 1")]


def test_statistics_and_options_are_all_there(tmp_path, ask):
    folder = stopped(tmp_path / "a", {"stats/memory_actor": [(10, 252.5)], "zz_mine/score": [(10, 0.25)]})
    cfg = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps(cfg | {"cli_args": {"gamma": 0.97}}))
    shown = ask("/experiment/a")
    assert "stats/memory_actor 252.5" in shown
    assert "zz_mine/score 0.25" in shown
    assert "--gamma 0.97" in shown


def test_commands_can_be_pasted(tmp_path, ask):
    stopped(tmp_path / "study" / "it's [one]", env="small")
    shown = ask("/experiment/study/it's [one]")
    where = f"--train_dir={tmp_path} --experiments_root=study '--experiment=it'\"'\"'s [one]'"
    assert f"python -m sample_factory.algorithms.appo.train_appo --env=small {where}" in shown
    assert f"python -m sample_factory.algorithms.appo.enjoy_appo --env=small {where}" in shown


def test_table_is_ordered_and_filtered(tmp_path, ask):
    for name, end, env in (("low", 1.0, "pong"), ("high", 9.0, "pong"), ("none", None, "doom")):
        stopped(tmp_path / name, *([] if end is None else [{REWARD: [(1, end)]}]), env=env)

    def names(address: str) -> list[str]:
        return [word for word in ask(address).split() if word in ("low", "high", "none")]

    assert names("/?sort=reward") == ["high", "low", "none"]
    assert names("/?sort=name") == ["high", "low", "none"]
    assert names("/?sort=nothing")
    assert names("/?filter=PONG&sort=reward") == ["high", "low"]
    assert "No experiment matches" in ask("/?filter=xyz")
    assert names("/?filter=%5B") == []


def test_broken_experiments_hide_no_others(tmp_path, ask):
    stopped(tmp_path / "good")
    for name, text in (("half", '{"env": "sma'), ("list", "[]"), ("deep", "[" * 100_000), ("bytes", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cfg.json").write_text(text)
    (tmp_path / "bytes" / "cfg.json").write_bytes(b"\xff\xfe")
    for name in ("odd", "nan"):
        stopped(tmp_path / name, env=7, seed="x", num_policies="many", train_for_env_steps=None, cli_args=3)
    (tmp_path / "odd" / "done").write_text("[")
    (tmp_path / "odd" / "elo.json").write_text("{}{")
    (tmp_path / "odd" / "lineage.jsonl").write_text("x\n")
    (tmp_path / "odd" / ".summary" / "0").mkdir(parents=True)
    (tmp_path / "odd" / ".summary" / "0" / "tfevents").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "nan" / ".summary").write_text("no folder")
    shown = ask("/")
    assert shown.count("? unreadable") == 4
    assert "good ■ stopped" in shown
    assert "elo.json is not valid JSON" in ask("/experiment/odd")
    assert "There are no summaries yet" in ask("/experiment/nan")
    assert "unreadable" in ask("/experiment/half")


def test_values_that_are_no_numbers_are_shown_as_unknown(tmp_path, ask):
    stopped(tmp_path / "a", {REWARD: [(1, float("nan")), (2, float("inf"))], "train/loss": [(1, float("nan"))]})
    ask("/")
    assert "train/loss -" in ask("/experiment/a")


def test_what_users_name_is_text(tmp_path, client):
    name = '<script>alert(1)</script> & "quotes" 100% #1 ?x=y'
    folder = tmp_path / name.replace("/", "_")
    stopped(folder, {"<b>tag": [(1, 1.0)], REWARD: [(1, 1.0)]}, env="<img src=x onerror=alert(1)>")
    table = client.get("/").text
    address = html.unescape(re.search(r'href="(/experiment/[^"]*)"', table)[1])
    page = client.get(address)
    assert page.status_code == 200
    for text in (table, page.text):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>tag" not in text
    assert "&lt;b&gt;tag" in page.text


def test_names_that_are_no_text_can_be_shown(tmp_path, client):
    stopped(Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin_\xe9")), {REWARD: [(1, 1.0)]}, env="half \ud800")
    table = client.get("/").text
    address = html.unescape(re.search(r'href="(/experiment/[^"]*)"', table)[1])
    assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/experiment/../secret", "/experiment/%2e%2e/secret", "/experiment/..%2fsecret", "/experiment//etc",
        "/experiment/a/../../secret", "/experiment/a/cfg.json", "/experiment/linked", "/experiment/a/.summary",
        "/lineage/../secret.svg", "/lineage/%2e%2e%2fsecret.svg", "/lineage/a.svg", "/static/../server.py",
        "/static/%2e%2e/server.py", "/static//etc/passwd", "/cfg.json", "/a/cfg.json",
    ],
)  # fmt: skip
def test_nothing_but_experiments_is_served(tmp_path, path):
    root = tmp_path / "root"
    stopped(root / "a")
    stopped(tmp_path / "secret", env="secret_env")
    (root / "linked").symlink_to(tmp_path / "secret", target_is_directory=True)
    reply = make_client(root).get(path)
    assert reply.status_code == 404
    assert "secret_env" not in reply.text


def test_files_that_are_links_to_others_are_not_shown(tmp_path):
    root, secret = tmp_path / "root", tmp_path / "secret"
    stopped(root / "a")
    stopped(secret, {"secret_tag": [(1, 1.0)]}, env="secret_env")
    (secret / "log").write_text("[2026-01-01 00:00:00,000][00001] ERROR: secret_error\n")
    (root / "a" / LOG_FILE_NAME).symlink_to(secret / "log")
    (root / "a" / ".summary").symlink_to(secret / ".summary", target_is_directory=True)
    (root / "b").mkdir()
    (root / "b" / "cfg.json").symlink_to(secret / "cfg.json")
    client = make_client(root)
    for path in ("/", "/experiment/a", "/experiment/b"):
        assert "secret_" not in client.get(path).text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7006", 200), ("localhost", 200), ("localhost:1", 200), ("[::1]:7006", 200),
        ("attacker.example", 403), ("attacker.example:7006", 403), ("127.0.0.1.attacker.example", 403),
        ("localhost@attacker.example", 403), ("attacker.example#localhost", 403), ("[", 403), ("", 403),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/static/dashboard.css", "/nothing"])
def test_only_names_of_this_machine_are_answered(client, host, status, path):
    reply = client.get(path, environ_overrides={"HTTP_HOST": host})
    assert reply.status_code == (404 if status == 200 and path == "/nothing" else status)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/experiment/a", "/static/dashboard.css"])
def test_nothing_can_be_changed(tmp_path, client, method, path):
    stopped(tmp_path / "a")
    assert client.open(path, method=method).status_code == 405


def test_looking_writes_nothing(tmp_path, client):
    ledger = Ledger.create(tmp_path)
    ledger.enter([Task("a", ("python",), {})])
    stopped(tmp_path / "a", {REWARD: line(100, 1.0)})
    before = files_below(tmp_path)
    for path in ("/", "/experiment/a", "/lineage/a.svg", "/"):
        client.get(path)
    assert files_below(tmp_path) == before


def test_pages_need_nothing_from_elsewhere(tmp_path, client):
    stopped(tmp_path / "a", {REWARD: line(100, 1.0)})
    for path in ("/", "/experiment/a", "/static/dashboard.css", "/static/refresh.js"):
        reply = client.get(path)
        assert not re.search(r"(src|href|url|import|@import)\s*[=(]?\s*[\"']?(https?:)?//", reply.text), path
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        # The policy forbids both, and the browser would leave them out.
        assert not re.search(r"<[^>]*\s(style|onclick|onload)=|<style|<script>", reply.text), path


def test_much_to_read_is_read_little_by_little(tmp_path):
    for name in "abcd":
        stopped(tmp_path / name, {REWARD: line(100, 1.0)})
    now = [0.0]

    def clock() -> float:  # half a second for each look at it: one file a request
        now[0] += 0.4
        return now[0]

    client = make_client(tmp_path, clock)
    unread = []
    while not unread or unread[-1]:
        shown = client.get("/").text
        unread.append(shown.count("reading…"))
        assert ('id="unread"' in shown) == (unread[-1] > 0)
        assert len(unread) < 10
    assert unread[0] > 0
    assert unread == sorted(unread, reverse=True)
