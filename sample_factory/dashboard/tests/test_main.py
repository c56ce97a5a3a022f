"""The program as its user starts it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from sample_factory.dashboard.__main__ import main
from sample_factory.runner.results.tests.studies import make_experiment


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, and the address that it says."""
    command = [sys.executable, "-m", "sample_factory.dashboard", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            yield program, program.stdout.readline().split(": ")[1].split()[0]
        finally:
            program.kill()


def test_serves_on_a_free_port_of_this_machine_only_and_ends_in_order(tmp_path):
    pytest.importorskip("flask", reason="the page needs the extra dashboard")
    make_experiment(tmp_path / "my_experiment")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(str(tmp_path), f"--port={port}") as (program, address):
            assert not address.startswith(f"http://localhost:{port}/")
            with urllib.request.urlopen(address, timeout=60) as reply:
                assert "my_experiment" in reply.read().decode()
            foreign = urllib.request.Request(address, headers={"Host": "attacker.example"})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(foreign, timeout=60)
            refused.value.close()
            assert refused.value.code == 403
            listening = [
                one.laddr.ip for one in psutil.Process(program.pid).net_connections() if one.status == "LISTEN"
            ]
            assert listening == ["127.0.0.1"]
            # A browser may hold a connection on which it asks nothing.
            with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1].strip("/")))):
                program.send_signal(signal.SIGINT)
                assert program.wait(30) == 0
            assert program.stderr is not None
            assert program.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}/nothing"], "is not a folder"),
        (["{}", "--port=0"], "--port=0"),
        (["{}", "--host=0.0.0.0"], "unknown flag --host"),
        (["{}", "{}"], "--train_dir"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, message):
    assert main([argument.format(tmp_path) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_missing_flask_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    monkeypatch.delitem(sys.modules, "sample_factory.dashboard.server", raising=False)
    assert main([str(tmp_path)]) == 1
    assert "'flask': pip install 'sample-factory[dashboard]'" in capsys.readouterr().err


def test_help_is_shown_where_there_is_no_train_dir(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["-h"])
    assert end.value.code == 0
    assert "--port" in capsys.readouterr().out
