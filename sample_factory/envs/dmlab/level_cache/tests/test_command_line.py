"""The command line: what it prints, and its exit status. Knows little of what lies where."""

from __future__ import annotations

import pytest

from sample_factory.envs.dmlab.level_cache.__main__ import main
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, key_of, payload_of
from sample_factory.envs.dmlab.level_cache.tests.stores import holds, loose_path, packs, write


def test_everything_in_turn(store, tmp_path, capsys):
    path = str(store.path)
    write(store, *range(10))
    assert main(["compact", path]) == 0
    assert "10 loose levels" in capsys.readouterr().out
    write(store, 11)
    (store.path / key_of(20)).write_bytes(payload_of(20))
    assert main(["info", path]) == 0
    shown = capsys.readouterr().out
    assert "12 levels" in shown and LEVELS[0] in shown and "in 1 packs" in shown and "(unknown)" in shown
    assert main(["verify", path]) == 0
    assert "12 levels are sound, 0 are damaged" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "new"), path]) == 0
    assert "12 levels added" in capsys.readouterr().out
    assert holds(LevelStore(tmp_path / "new"), *range(10), 11, 20)


def test_damage_is_seen_in_the_exit_status(store, capsys):
    write(store, *range(3))
    loose_path(store, 1).write_bytes(b"torn")
    assert main(["info", str(store.path)]) == 0
    assert "unreadable" in capsys.readouterr().out
    assert main(["verify", str(store.path)]) == 1
    assert "2 levels are sound, 1 are damaged" in capsys.readouterr().out
    assert main(["verify", str(store.path)]) == 0
    assert main(["info", str(store.path)]) == 0
    assert "quarantined         1" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["info"], ["nonsense", "x"], ["import", "x"], ["info", "a", "b"], ["--x"]])
def test_a_command_that_makes_no_sense_is_one_line(arguments, capsys):
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and not captured.out


@pytest.mark.parametrize("command", ["info", "verify", "compact"])
def test_a_folder_that_does_not_exist_is_not_made(command, tmp_path, capsys):
    assert main([command, str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"error: there is no folder {tmp_path / 'none'}\n"
    assert not (tmp_path / "none").exists()


def test_a_place_that_cannot_be_written_is_one_line(store, capsys):
    write(store, 1)
    (store.path / "packs").write_text("in the way")
    assert main(["compact", str(store.path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert loose_path(store, 1).exists()


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["--help"])
    assert exit_info.value.code == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("info", "verify", "import", "compact"))


def test_ctrl_c_ends_with_status_2(store, monkeypatch, capsys):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    write(store, 1)
    monkeypatch.setattr("sample_factory.envs.dmlab.level_cache.__main__.compact", interrupted)
    assert main(["compact", str(store.path)]) == 2
    assert not packs(store)
