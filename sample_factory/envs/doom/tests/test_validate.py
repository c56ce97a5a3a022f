"""A WAD that cannot be played is an error message of one line, and neither a crash nor another level."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom import validate
from sample_factory.envs.doom.scenario import scenario_wad
from sample_factory.envs.doom.scenario.wad import Lump, read_wad, write_wad
from sample_factory.envs.doom.shared_memory import engine_processes, shared_objects, sweep
from sample_factory.envs.doom.validate import check_wad

_WAD = scenario_wad("battle", 0, 2)


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    games = []

    def sweep_and_remember(instances):
        games.extend(instances)
        return sweep(instances)

    monkeypatch.setattr(validate, "sweep", sweep_and_remember)
    yield
    _wait_until_no_engine_has(str(tmp_path))
    assert not [path for game in games for path in shared_objects(game)]
    assert not list((tmp_path / "tmp").iterdir())


def _engines_with(argument):
    """Processes of engines that were started with it (others run on this machine, too)."""
    found = []
    for pid in engine_processes().values():
        with contextlib.suppress(OSError):
            if argument.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _wait_until_no_engine_has(argument):
    deadline = time.monotonic() + 20
    while _engines_with(argument):
        assert time.monotonic() < deadline, "an engine was left behind"
        time.sleep(0.05)


def _file(folder, data):
    path = folder / "mine.wad"
    path.write_bytes(data)
    return path


def _with_lump(name, old, new):
    return write_wad([Lump(n, data.replace(old, new) if n == name else data) for n, data in read_wad(_WAD)])


def _message(path, map_name="map01", **options):
    with pytest.raises(ValueError) as caught:
        check_wad(path, map_name, **options)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_a_good_level_passes_whatever_the_case_of_its_name(tmp_path):
    path = _file(tmp_path, _WAD)
    check_wad(path, "map01")
    check_wad(str(path), "MAP02")


def test_a_level_that_the_file_does_not_have_is_refused_though_the_main_game_has_it(tmp_path):
    assert "has no map 'map03': it has MAP01, MAP02" in _message(_file(tmp_path, _WAD), "map03")
    assert "it has no map at all" in _message(_file(tmp_path, write_wad([Lump("DECORATE", b"")])))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"this is a text file\n", "does not begin with PWAD or IWAD"),
        (_WAD[: len(_WAD) // 2], "cut short"),
        (b"", "does not begin with"),
    ],
)
def test_what_is_no_wad_is_refused(tmp_path, data, reason):
    message = _message(_file(tmp_path, data))
    assert "is no WAD that Doom can read" in message and reason in message


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "cannot be read: No such file" in _message(tmp_path / "none.wad")
    assert "cannot be read: Is a directory" in _message(tmp_path)


def test_an_error_in_decorate_is_quoted(tmp_path):
    path = _file(tmp_path, _with_lump("DECORATE", b"actor BattleImp : DoomImp", b"actor BattleImp : NoSuchThing"))
    message = _message(path)
    assert "\"mine.wad:DECORATE\" line 2: Parent type 'NoSuchThing' not found" in message


def test_a_syntax_error_in_decorate_and_a_broken_level_are_refused(tmp_path):
    assert "its DECORATE lump has an error" in _message(
        _file(tmp_path, _with_lump("DECORATE", b"TROO EF 8", b"TROO EF"))
    )
    assert "the level is damaged" in _message(_file(tmp_path, _with_lump("TEXTMAP", b"namespace", b"name }")))


def test_an_engine_that_does_not_answer_is_given_up(tmp_path, monkeypatch):
    launcher = validate._launcher

    def sleeping(folder):
        path = launcher(folder)
        with open(path, "w") as file:
            file.write('#!/bin/sh\nprintf "%s\\n" "$@" >"$(dirname "$0")/arguments"\nexec sleep 60\n')
        return path

    monkeypatch.setattr(validate, "_launcher", sleeping)
    begin = time.monotonic()
    assert "not running after 1.5 seconds" in _message(_file(tmp_path, _WAD), timeout_sec=1.5)
    assert time.monotonic() - begin < 10


def test_nothing_outlives_a_caller_that_is_killed(tmp_path):
    path = _file(tmp_path, _WAD)
    code = f"from sample_factory.envs.doom.validate import check_wad\nwhile True: check_wad({str(path)!r}, 'map01')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    caller = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        deadline = time.monotonic() + 20
        while not _engines_with(str(path)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        caller.kill()
        caller.wait()
    _wait_until_no_engine_has(str(path))
