"""The states of experiments, and what may follow from which. Starts no process."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from sample_factory.runner.ledger import Entry, Judgement, Ledger, LedgerError, Place, State, Task, pruned

HERE = "here"


def _task(name: str = "x_/00_x", *command: str) -> Task:
    return Task(name, command or ("run", "--a=b c"), {"A": "1"})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    found = Ledger.create(tmp_path)
    found.enter([_task()])
    return found


def _begin(ledger: Ledger, name: str = "x_/00_x") -> Entry:
    entry = ledger.begin(name, "processes", HERE, Place("3", (0, 2)))
    assert entry is not None
    return entry


def _claimed(ledger: Ledger) -> Entry:
    entry = _begin(ledger)
    assert ledger.claim(entry.name, entry.tries, HERE, 7, "boot:1") is not None
    return ledger.entries()[0]


def _state(ledger: Ledger) -> State:
    return ledger.entries()[0].state


def test_what_was_entered_is_there_for_the_next_process(ledger: Ledger) -> None:
    [entry] = Ledger(ledger.folder).entries()
    assert entry.task == _task() and (entry.state, entry.tries, entry.place) == ("pending", 0, Place())
    _claimed(ledger)
    [entry] = Ledger(ledger.folder).entries()
    assert (entry.state, entry.tries, entry.pid, entry.process, entry.host) == ("running", 1, 7, "boot:1", HERE)
    assert entry.place == Place("3", (0, 2)) and entry.started is not None and entry.ended is None
    ledger.set_job(entry.name, 1, "4711")
    assert ledger.entries()[0].job == "4711"


@pytest.mark.parametrize(
    ("exit_status", "was_interrupted", "expected", "failures"),
    [
        (0, False, "done", 0),
        (1, False, "failed", 1),
        (-9, False, "failed", 1),
        (None, False, "failed", 1),
        (2, False, "pending", 0),
        (-2, True, "pending", 0),
        (None, True, "pending", 0),
        (0, True, "done", 0),
    ],
)
def test_what_follows_from_an_end(
    ledger: Ledger, exit_status: int | None, was_interrupted: bool, expected: str, failures: int
) -> None:
    entry = _claimed(ledger)
    assert ledger.finish(entry.name, 1, exit_status, was_interrupted)
    [entry] = ledger.entries()
    assert (entry.state, entry.failures, entry.exit_status) == (expected, failures, exit_status)
    assert entry.ended is not None


@pytest.mark.parametrize(
    ("exit_status", "expected"), [(2, "cancelled"), (-15, "cancelled"), (None, "cancelled"), (0, "done")]
)
def test_a_cancelled_one_is_cancelled_when_it_has_ended(ledger: Ledger, exit_status: int | None, expected: str) -> None:
    entry = _claimed(ledger)
    assert [one.name for one in ledger.cancel([entry.name])] == [entry.name]
    assert _state(ledger) == "running"
    ledger.finish(entry.name, 1, exit_status)
    assert _state(ledger) == expected


def test_an_interrupted_one_goes_on_later_whatever_it_says(ledger: Ledger) -> None:
    entry = _claimed(ledger)
    assert len(ledger.stop([entry.name])) == 1
    assert ledger.stop([entry.name]) == []  # it is asked once: a second time would keep it from saving
    ledger.finish(entry.name, 1, -2)
    assert _state(ledger) == "pending"
    assert _begin(ledger).stop is None


def test_only_one_attempt_may_run(ledger: Ledger) -> None:
    entry = _begin(ledger)
    assert ledger.begin(entry.name, "processes", HERE, Place()) is None
    assert ledger.claim(entry.name, 2, HERE, 8, "b") is None
    assert ledger.claim(entry.name, 1, HERE, 7, "a") is not None
    assert ledger.claim(entry.name, 1, HERE, 8, "b") is None
    assert ledger.entries()[0].pid == 7


def test_time_in_a_queue_is_no_time_of_the_experiment(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([1000.0, 5000.0, 5001.0])
    monkeypatch.setattr(time, "time", lambda: next(now))
    entry = _begin(ledger)
    assert entry.started == 1000.0
    ledger.claim(entry.name, 1, HERE, 7, "a")
    ledger.finish(entry.name, 1, 0)
    [done] = ledger.entries()
    assert (done.started, done.ended) == (5000.0, 5001.0)


def test_an_attempt_whose_try_was_taken_back_does_not_run(ledger: Ledger) -> None:
    entry = _begin(ledger)
    ledger.finish(entry.name, 1, None, was_interrupted=True)
    assert ledger.claim(entry.name, 1, HERE, 7, "a") is None
    assert _begin(ledger).tries == 2
    assert ledger.claim(entry.name, 1, HERE, 7, "a") is None
    assert not ledger.finish(entry.name, 1, 0), "the end of an earlier try says nothing about this one"
    assert ledger.claim(entry.name, 2, HERE, 8, "b") is not None


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_what_is_stopped_before_it_began_does_not_begin(ledger: Ledger, how: str) -> None:
    entry = _begin(ledger)
    getattr(ledger, how)([entry.name])
    assert ledger.claim(entry.name, 1, HERE, 7, "a") is None
    assert _state(ledger) == ("pending" if how == "stop" else "cancelled")


def test_pending_ones_are_cancelled_at_once_and_not_begun(ledger: Ledger) -> None:
    assert ledger.cancel(["x_/00_x"]) == []
    assert _state(ledger) == "cancelled"
    assert ledger.begin("x_/00_x", "processes", HERE, Place()) is None
    assert ledger.retry(["x_/00_x"]) == ["x_/00_x"]
    _begin(ledger)


@pytest.mark.parametrize(
    ("before", "after"),
    [("pending", "cancelled"), ("running", "running"), ("failed", "cancelled"), ("done", "done")],
)
def test_what_is_not_worth_going_on_is_cancelled_and_the_reason_is_written_down(
    ledger: Ledger, before: str, after: str
) -> None:
    if before != "pending":
        _claimed(ledger)
    if before in ("failed", "done"):
        ledger.finish("x_/00_x", 1, before == "failed")
    entry = ledger.entries()[0]
    ledger.judge([Judgement(entry.name, entry.tries, 10, 0.5, is_pruned=True)])
    assert _state(ledger) == after
    if before == "running":
        assert ledger.entries()[0].stop == "cancel"
        ledger.finish(entry.name, 1, 2)
        assert _state(ledger) == "cancelled"
    assert ledger.judgements() == [Judgement(entry.name, entry.tries, 10, 0.5, is_pruned=True)]
    assert pruned(ledger.entries(), ledger.judgements()) == {entry.name}


def test_what_is_started_again_is_not_called_pruned_any_more(ledger: Ledger) -> None:
    ledger.judge([Judgement("x_/00_x", 0, 10, 0.5, is_pruned=True)])
    ledger.retry(["x_/00_x"])
    _claimed(ledger)
    ledger.cancel(["x_/00_x"])
    ledger.finish("x_/00_x", 1, 2)
    assert _state(ledger) == "cancelled" and pruned(ledger.entries(), ledger.judgements()) == set()


def test_judgements_are_written_all_or_none_and_not_twice(ledger: Ledger) -> None:
    ledger.judge([Judgement("x_/00_x", 0, 10, 0.5, is_pruned=False)])
    with pytest.raises(LedgerError, match="UNIQUE"):
        ledger.judge([Judgement("x_/00_x", 0, frames, 0.5, is_pruned=True) for frames in (20, 10)])
    assert [one.frames for one in ledger.judgements()] == [10] and _state(ledger) == "pending"


def test_a_ledger_from_before_there_were_judgements_has_none_until_a_runner_takes_it_up(ledger: Ledger) -> None:
    with sqlite3.connect(ledger.folder / "ledger.sqlite") as database:
        database.execute("DROP TABLE judgements")
    database.close()
    assert Ledger(ledger.folder, is_read_only=True).judgements() == []
    assert Ledger.create(ledger.folder).judgements() == []
    ledger.judge([Judgement("x_/00_x", 0, 10, 0.5, is_pruned=False)])


def test_failed_ones_are_tried_again_as_often_as_is_asked_for(ledger: Ledger) -> None:
    for failures in (1, 2):
        entry = _begin(ledger)
        ledger.finish(entry.name, entry.tries, 1)
        assert ledger.entries()[0].failures == failures
        again = ledger.retry_failed([entry.name], max_failures=1)
        assert again == ([entry.name] if failures == 1 else [])
    assert _state(ledger) == "failed"
    ledger.retry([entry.name])
    assert (_state(ledger), ledger.entries()[0].failures, ledger.entries()[0].tries) == ("pending", 0, 2)
    assert ledger.retry([entry.name]) == []


@pytest.mark.parametrize(("exit_status", "expected"), [(0, "pending"), (1, "pending")])
def test_another_command_is_another_experiment(ledger: Ledger, exit_status: int, expected: str) -> None:
    entry = _begin(ledger)
    ledger.finish(entry.name, 1, exit_status)
    before = _state(ledger)
    ledger.enter([_task()])
    assert _state(ledger) == before
    ledger.enter([_task("x_/00_x", "run", "--more")])
    assert _state(ledger) == expected and ledger.entries()[0].task.command == ("run", "--more")


def test_a_running_experiment_keeps_the_command_it_runs_with(ledger: Ledger) -> None:
    entry = _claimed(ledger)
    ledger.enter([_task("x_/00_x", "run", "--more")])
    assert ledger.entries()[0].task == _task() and _state(ledger) == "running"
    ledger.finish(entry.name, 1, 0)
    ledger.enter([_task("x_/00_x", "run", "--more")])
    assert _state(ledger) == "pending"


def test_experiments_are_in_the_order_of_the_description_and_none_is_forgotten(ledger: Ledger) -> None:
    assert ledger.enter([_task("b"), _task("a")]) == ["x_/00_x"]
    names = [entry.name for entry in ledger.entries()]
    assert names.index("b") < names.index("a") and "x_/00_x" in names


def test_a_folder_without_a_ledger_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no ledger\.sqlite: it is not the folder of a run"):
        Ledger(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_damage_and_other_versions_are_one_line(ledger: Ledger) -> None:
    path = ledger.folder / "ledger.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LedgerError, match="another version") as error:
        ledger.entries()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: file is not a database") as error:
        ledger.entries()
    assert "\n" not in str(error.value)


def test_a_deleted_ledger_is_not_made_anew_behind_everybodys_back(ledger: Ledger) -> None:
    (ledger.folder / "ledger.sqlite").unlink()
    with pytest.raises(LedgerError):
        ledger.begin("x_/00_x", "processes", HERE, Place())
    assert list(ledger.folder.iterdir()) == []


def test_the_fingerprint_is_another_one_after_every_change_and_only_then(ledger: Ledger) -> None:
    seen = [ledger.fingerprint()]
    for step in range(50):
        entry = _begin(ledger)
        seen.append(ledger.fingerprint())
        ledger.entries()
        assert ledger.finish(entry.name, step, 0) is False
        assert ledger.fingerprint() == seen[-1]
        Ledger(ledger.folder).finish(entry.name, entry.tries, 2)
        seen.append(ledger.fingerprint())
    assert len(set(seen)) == 101
    (ledger.folder / "ledger.sqlite").unlink()
    with pytest.raises(LedgerError, match="No such file"):
        ledger.fingerprint()


def test_of_many_that_claim_at_once_one_gets_it(ledger: Ledger) -> None:
    _begin(ledger)
    got: list[bool] = []
    barrier = threading.Barrier(8)

    def claim(pid: int) -> None:
        barrier.wait()
        got.append(Ledger(ledger.folder).claim("x_/00_x", 1, HERE, pid, str(pid)) is not None)

    threads = [threading.Thread(target=claim, args=(pid,)) for pid in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]
