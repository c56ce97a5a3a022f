"""TensorBoard over masks, with the real one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sample_factory.system.summaries import SummaryWriter
from sample_factory.tb import free_port, link_matches, main

_START_SEC = 120.0


def make_experiment(folder: Path) -> None:
    writer = SummaryWriter(folder / ".summary" / "0")
    writer.scalar("a", 1.0, 1)
    writer.close()


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, and the address that it says."""
    command = [sys.executable, "-m", "sample_factory.tb", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            said = ""
            for said in program.stdout:
                if "http" in said:
                    break
            yield program, said.split("TensorBoard: ")[1].split()[0]
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(30)


def runs(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}data/runs", timeout=60) as reply:
        return sorted(json.load(reply))


def wait_for(condition) -> None:
    deadline = time.monotonic() + _START_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_shows_what_matches_on_a_free_port_of_this_machine_and_ends_in_order(tmp_path):
    for name in ("run/my,exp:1", "run/other", "run/my_2"):
        make_experiment(tmp_path / name)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running("run/my*", f"--dir={tmp_path}", f"--port={port}", "--reload_interval=1") as (program, address):
            assert not address.startswith(f"http://localhost:{port}/")
            wait_for(lambda: runs(address) == ["run/my,exp:1/.summary/0", "run/my_2/.summary/0"])
            make_experiment(tmp_path / "run" / "my_3")
            wait_for(lambda: "run/my_3/.summary/0" in runs(address))
            children = psutil.Process(program.pid).children(recursive=True)
            listening = [c.laddr.ip for child in children for c in child.net_connections() if c.status == "LISTEN"]
            assert set(listening) == {"127.0.0.1"}
            program.send_signal(signal.SIGINT)
            assert program.wait(30) == 0
            psutil.wait_procs(children, timeout=10)
            assert not any(child.is_running() for child in children)


def test_is_started_anew_now_and_then(tmp_path):
    make_experiment(tmp_path / "a")
    with running("a", f"--dir={tmp_path}", f"--port={free_port(16_006)}", "-r", "1", "-q") as (program, _):
        parent = psutil.Process(program.pid)

        def servers() -> set[int]:
            return {child.pid for child in parent.children()}

        first = servers()
        wait_for(lambda: servers() - first)


def test_nothing_is_left_of_it_when_it_is_killed(tmp_path):
    make_experiment(tmp_path / "a")
    with running("a", f"--dir={tmp_path}", f"--port={free_port(16_006)}") as (program, _):
        children = psutil.Process(program.pid).children(recursive=True)
        assert children
        program.kill()
        _, left = psutil.wait_procs(children, timeout=30)
        assert not left


def test_links_have_the_names_of_folders_and_none_is_inside_another(tmp_path):
    root, links = tmp_path / "root", tmp_path / "links"
    for name in ("a/x", "a/y", "b"):
        (root / name).mkdir(parents=True)
    (root / "file").touch()
    links.mkdir()
    assert link_matches(root, ["*/x", "b", "file"], links) == 2
    assert os.readlink(links / "a" / "x") == str(root / "a" / "x")
    (root / "c").mkdir()
    assert link_matches(root, ["*/x", "b", "c"], links) == 3
    assert (links / "c").is_dir()


def test_folder_that_matches_as_a_whole_is_linked_once(tmp_path):
    root, links = tmp_path / "root", tmp_path / "links"
    (root / "a" / "x").mkdir(parents=True)
    links.mkdir()
    assert link_matches(root, ["**", "a", "a/x"], links) == 1
    assert [path.name for path in links.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--masks is required"),
        (["nothing*", "--dir={}"], "matches nothing*"),
        (["a", "--dir={}/nothing"], "is not a folder"),
        (["../*", "--dir={}"], "must be of a folder inside"),
        (["a", "--dir={}", "--port=0"], "--port=0"),
        (["a", "--dir={}", "-r", "0"], "--refresh_every=0"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, message):
    assert main([argument.format(tmp_path) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_missing_tensorboard_is_said(tmp_path, capsys, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["a", f"--dir={tmp_path}"]) == 1
    assert "pip install tensorboard" in capsys.readouterr().err


def test_help_is_shown_where_there_is_no_train_dir(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["-h"])
    assert end.value.code == 0
    assert "--refresh_every" in capsys.readouterr().out
