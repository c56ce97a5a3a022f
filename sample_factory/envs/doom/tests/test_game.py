"""No process, file or shared memory outlives a game, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.game import GameSetup, _setpriv, start_game, stop_game
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenarios import find_scenario
from sample_factory.envs.doom.shared_memory import engine_instance, engine_processes, shared_objects, sweep
from sample_factory.envs.doom.specs import SPECS

_BUTTONS = ("MOVE_LEFT", "MOVE_RIGHT", "ATTACK")
_OPTIONS = DoomOptions()
_SETUP = GameSetup(SPECS["doom_basic"], _OPTIONS, find_scenario(SPECS["doom_basic"], _OPTIONS), _BUTTONS)
_IDLE = [0.0, 0.0, 0.0]


@pytest.fixture
def game():
    game = start_game(_SETUP, seed=1)
    yield game
    stop_game(game)


def _wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while engine_instance(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    return engine_instance(pid) is None


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_running_game_is_known_by_its_instance(game):
    assert engine_processes()[game.instance_id] == game.engine_pid
    assert len(shared_objects(game.instance_id)) == 3


def test_stopping_leaves_no_process_no_file_and_no_shared_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stop_game(start_game(_SETUP, seed=1))  # whatever is opened once per process is open now
    before = _open_files()
    game = start_game(_SETUP, seed=1)
    game.api.make_action(_IDLE, 4)
    stop_game(game)
    assert game.instance_id not in engine_processes()
    assert shared_objects(game.instance_id) == []
    assert _open_files() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_the_engine_runs_on_the_cores_of_its_owner():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(before)})
        game = start_game(_SETUP, seed=1)
        assert game.engine_pid is not None
        assert os.sched_getaffinity(game.engine_pid) == {max(before)}
        stop_game(game)
    finally:
        os.sched_setaffinity(0, before)


def test_stopping_twice_is_harmless(game):
    stop_game(game)
    stop_game(game)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_stopping_a_dead_or_frozen_engine_does_not_hang(game, number):
    os.kill(game.engine_pid, number)
    stop_game(game)
    assert shared_objects(game.instance_id) == []
    assert game.instance_id not in engine_processes()


def test_files_in_the_current_directory_do_not_change_the_game(tmp_path, monkeypatch):
    (tmp_path / "_vizdoom.cfg").write_text("episode_timeout = 7\n")
    (tmp_path / "freedoom2.wad").write_text("no wad")
    monkeypatch.chdir(tmp_path)
    game = start_game(_SETUP, seed=1)
    try:
        assert game.api.get_episode_timeout() == 300
        assert os.getcwd() == str(tmp_path)
    finally:
        stop_game(game)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_window_without_a_display_is_refused(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ValueError, match="DISPLAY"):
        start_game(_SETUP._replace(window=True), seed=1)


@pytest.mark.skipif(sys.platform != "linux" or _setpriv() is None, reason="needs util-linux setpriv >= 2.33")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_engine_dies_with_a_killed_parent(number):
    code = (
        "from sample_factory.envs.doom.tests.test_game import start_game, _SETUP\n"
        "game = start_game(_SETUP, seed=1)\n"
        "print(game.instance_id, game.engine_pid, flush=True)\n"
        f"while True: game.api.make_action({_IDLE!r}, 4); game.api.is_episode_finished() and game.api.new_episode()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        instance_id, pid = parent.stdout.readline().split()
        assert engine_instance(int(pid)) == instance_id
        parent.send_signal(number)
    assert _wait_until_gone(int(pid))
    assert len([name for name in sweep([instance_id]) if name.endswith(instance_id)]) == 3
    assert shared_objects(instance_id) == []
