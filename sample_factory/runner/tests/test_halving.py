"""Which trials are stopped early, and that it is the same ones however often everything crashes. Starts no process."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.runner import halving
from sample_factory.runner.halving import Halving, Score, is_behind
from sample_factory.runner.ledger import Entry, Ledger, Place, Task, pruned
from sample_factory.runner.results.tests.studies import REWARD, line, write_summaries
from sample_factory.runner.scheduler import SUCCESS, Scheduler
from sample_factory.runner.search import Rungs
from sample_factory.runner.tests.test_scheduler import FAST_FOLDER, INTERRUPTED, CrashError, FakeWorld

pytest.importorskip("optuna", reason="needs Optuna: pip install 'sample-factory[search]'")


def _stopped(scores: Sequence[Score], rungs: Rungs) -> list[bool]:
    """Of each score, when it came, whether its trial is stopped."""
    return [is_behind(scores[: number + 1], rungs) for number in range(len(scores))]


def test_of_those_that_have_got_to_a_rung_so_far_the_best_half_goes_on() -> None:
    # How many go on of 1, 2, 3, 4, 5, 6: 1, 1, 1, 2, 2, 3.
    values = [5.0, 3.0, 6.0, 4.0, 7.0, 1.0]
    first = [Score(trial, 0, value) for trial, value in enumerate(values)]
    assert _stopped(first, Rungs(10, 9, 2)) == [False, True, False, True, False, True]
    # Above, only those that are there count: trials 0, 2 and 4.
    second = [Score(0, 1, 10.0), Score(2, 1, 9.0), Score(4, 1, 11.0)]
    assert _stopped(first + second, Rungs(10, 9, 2))[6:] == [False, True, False]


def test_of_the_first_few_only_the_best_one_goes_on() -> None:
    # One in four: as long as there are fewer than eight, it is one of all.
    values = [1.0, 0.0, 2.0, 2.0, 1.5, 1.9, 3.0, 2.5, 2.0]
    scores = [Score(trial, 0, value) for trial, value in enumerate(values)]
    assert _stopped(scores, Rungs(10, 9)) == [False, True, False, False, True, True, False, False, True]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 5)), max_size=20), st.integers(2, 4))
def test_decisions_are_those_of_the_rule_for_any_order_of_arrival(found: list[tuple[int, int]], factor: int) -> None:
    scores: list[Score] = []
    for number, (trial, value) in enumerate(found):
        trial = number if trial == 0 else number // (trial + 1)
        scores.append(Score(trial, sum(score.trial == trial for score in scores), float(value)))
    assert _stopped(scores, Rungs(7, 20, factor)) == _rule(scores, factor)


def _rule(scores: Sequence[Score], factor: int) -> list[bool]:
    """Nobody here is better than n // factor others, or the best: stopped."""
    found = []
    for number, score in enumerate(scores):
        there = [other.value for other in scores[: number + 1] if other.rung == score.rung]
        found.append(sum(value > score.value for value in there) >= max(1, len(there) // factor))
    return found


class Trials:
    """Some trials of a run, whose experiments write what a test says."""

    def __init__(self, folder: Path, *trials: Sequence[str]) -> None:
        self.ledger = Ledger.create(folder)
        self.ledger.enter([Task(name, ("run", name), {}) for names in trials for name in names])
        self._trials = trials
        self._clock = itertools.count(step=10)
        self.rungs = Rungs(10, 9, 2)

    def judge(self, metric: str | None = None) -> Callable[[], list[str]]:
        """What a new runner asks in each of its turns: who has to be stopped."""
        rungs = replace(self.rungs, metric=metric)
        found = Halving(self.ledger, self._trials, rungs, clock=lambda: next(self._clock))
        return lambda: [entry.name for entry in found.judge(self.ledger.entries())]

    def begin(self, *names: str) -> None:
        for name in names:
            entry = self.ledger.begin(name, "fake", "here", Place())
            assert entry is not None and self.ledger.claim(name, entry.tries, "here", 1, "a") is not None

    def train(self, name: str, frames: int, reward_per_frame: float) -> None:
        write_summaries(self.ledger.folder / name, 0, {REWARD: line(frames, reward_per_frame * frames)})

    def judged(self) -> list[tuple[str, int, bool]]:
        return [(one.name, one.frames, one.is_pruned) for one in self.ledger.judgements()]

    def states(self) -> list[str]:
        return [entry.state for entry in self.ledger.entries()]

    def pruned(self) -> set[str]:
        return pruned(self.ledger.entries(), self.ledger.judgements())


def test_the_worse_one_is_stopped_at_the_rung_and_the_ledger_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trials = Trials(tmp_path, ["a"], ["b"], ["c"])
    trials.begin("a", "b")
    judge = trials.judge()
    assert judge() == [] and trials.judged() == []
    trials.train("a", 10, 2.0)
    trials.train("b", 9, 1.0)
    assert judge() == [] and trials.judged() == [("a", 10, False)]
    trials.train("b", 20, 1.0)
    with caplog.at_level(logging.INFO):
        assert judge() == ["b"]
    assert "b is pruned: 9.5 at 10 frames" in caplog.text
    assert judge() == [], "asked once: a second time would keep it from saving"
    trials.ledger.finish("b", 1, INTERRUPTED)
    assert trials.states() == ["running", "cancelled", "pending"] and trials.pruned() == {"b"}
    assert trials.judged() == [("a", 10, False), ("b", 10, True)]


def test_several_rungs_since_the_last_look_are_taken_one_after_the_other(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"])
    trials.begin("a", "b")
    trials.train("a", 45, 1.0)
    trials.train("b", 25, 2.0)
    trials.judge()()
    assert trials.judged() == [("a", 10, False), ("b", 10, False), ("a", 20, False), ("b", 20, False), ("a", 40, False)]


def test_after_the_last_rung_nobody_is_stopped(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"])
    trials.rungs = Rungs(10, 1, 2)
    trials.begin("a", "b")
    judge = trials.judge()
    trials.train("a", 9, 1.0)
    trials.train("b", 40, 1.0)
    assert judge() == []
    trials.train("a", 40, 2.0)
    assert judge() == [] and trials.judged() == [("b", 10, False), ("a", 10, False)]


def test_a_trial_of_several_seeds_is_judged_by_their_mean_when_all_have_got_there(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a0"], ["b0", "b1"], ["c0", "c1"])
    trials.begin("a0", "b0", "b1", "c0")
    judge = trials.judge()
    trials.train("a0", 10, 2.0)
    trials.train("b0", 30, 9.0)
    assert judge() == [] and trials.judged() == [("a0", 10, False)]
    trials.train("b1", 10, -6.0)
    assert judge() == ["b0", "b1"]
    assert [one.value for one in trials.ledger.judgements()] == pytest.approx([19, 14.25, 14.25])
    # One that a user has cancelled, or that has failed for good, is not waited for; one that waits is stopped as well.
    trials.train("c0", 10, 1.0)
    assert judge() == []
    trials.ledger.cancel(["c1"])
    assert judge() == ["c0"] and trials.pruned() == {"b0", "b1", "c0"}
    assert trials.states()[-1] == "cancelled"


def test_seeds_of_a_stopped_trial_that_wait_are_not_started(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b0", "b1"])
    trials.begin("a", "b0", "b1")
    trials.train("a", 10, 1.0)
    trials.train("b0", 10, 0.0)
    trials.train("b1", 10, 0.0)
    trials.ledger.finish("b1", 1, INTERRUPTED)
    assert trials.states() == ["running", "running", "pending"]
    assert trials.judge()() == ["b0"]
    assert trials.states() == ["running", "running", "cancelled"]


def test_what_a_user_starts_again_is_trained_to_the_end(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"])
    trials.begin("a", "b")
    trials.train("a", 10, 1.0)
    trials.train("b", 10, 0.0)
    judge = trials.judge()
    assert judge() == ["b"]
    trials.ledger.finish("b", 1, INTERRUPTED)
    assert trials.ledger.retry(["b"]) == ["b"]
    trials.begin("b")
    trials.train("a", 80, 1.0)
    trials.train("b", 80, 0.0)
    assert judge() == [] and trials.judge()() == [] and trials.pruned() == set()
    assert trials.states() == ["running", "running"] and ("b", 20, True) not in trials.judged()


def test_what_is_done_is_compared_and_not_touched(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"], ["c"])
    trials.begin("a", "b", "c")
    for name, reward in (("a", 3.0), ("b", 2.0)):
        trials.train(name, 10, reward)
        trials.ledger.finish(name, 1, 0)
    trials.train("c", 10, 1.0)
    assert trials.judge()() == ["c"]
    assert trials.states()[:2] == ["done", "done"] and len(trials.judged()) == 3


def test_a_failure_stays_a_failure(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"])
    trials.begin("a", "b")
    trials.train("a", 10, 1.0)
    trials.train("b", 10, 0.0)
    trials.ledger.finish("b", 1, 1)
    assert trials.judge()() == [] and trials.states() == ["running", "failed"]


def test_the_next_runner_knows_what_was_judged_and_asks_again_who_still_runs(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"], ["c"])
    trials.begin("a", "b", "c")
    trials.train("a", 10, 1.0)
    trials.train("b", 10, 0.0)
    assert trials.judge()() == ["b"]
    # It was killed before it could ask.
    assert trials.judge()() == ["b"]
    trials.train("c", 10, 0.5)
    assert trials.judge()() == ["b", "c"]
    assert trials.judged() == [("a", 10, False), ("b", 10, True), ("c", 10, True)]


def test_judgements_at_frames_that_are_no_rung_any_more_say_nothing(tmp_path: Path) -> None:
    trials = Trials(tmp_path, ["a"], ["b"])
    trials.begin("a", "b")
    trials.train("a", 15, 5.0)
    trials.judge()()
    trials.rungs = Rungs(15, 9, 2)
    trials.train("b", 15, 1.0)
    assert trials.judge()() == ["b"]
    assert trials.judged() == [("a", 10, False), ("a", 15, False), ("b", 15, True)]


def test_a_metric_that_nobody_has_is_said_once_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trials = Trials(tmp_path, ["a"])
    trials.begin("a")
    trials.train("a", 10, 1.0)
    judge = trials.judge("0_aux/avg_rewrad")
    assert judge() == judge() == []
    assert caplog.text.count("a is not compared with others") == 1 and "has no summary 0_aux/avg_rewrad" in caplog.text


def test_all_is_looked_at_now_and_then_and_not_in_every_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials(tmp_path, ["a"])
    looks: list[Path] = []
    monkeypatch.setattr(halving, "objective", lambda folder, *_: looks.append(folder))
    # When it is made, and then asked at 0, 0.1, 0.9, 1 and 1.1 seconds; it looks at the clock again after a look.
    times = iter([0.0, 0.0, 0.0, 0.1, 0.9, 1.0, 1.0, 1.1])
    found = Halving(trials.ledger, [["a"]], Rungs(10, 9), clock=lambda: next(times))
    for _ in range(5):
        found.judge(trials.ledger.entries())
    assert len(looks) == 2


# However often everything crashes.

TRIALS = {"a": (3, 2), "b": (1, 1), "c": (2, 9), "d": (0, 0), "e": (4, 4), "f": (5, 3)}
"""Trial -> its value at each of the two rungs."""
RUNGS = Rungs(10, 2, 2)
END = 40


class SearchWorld(FakeWorld):
    """Attempts that get to rungs when they are told, wait there until they are judged, and save if they are asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, num_places=3)
        self.frames = dict.fromkeys(TRIALS, 0)
        self.asked: set[tuple[str, int]] = set()

    def objective(self, folder: Path, frames: int, _: str | None) -> float | None:
        rung = RUNGS.rung(frames)
        there = self.frames[folder.name] >= frames
        return float(TRIALS[folder.name][rung]) if there and rung is not None else None

    def start(self, entry: Entry) -> str | None:
        assert entry.name not in self.out(), f"{entry.name} is not worth going on, and is started again"
        return super().start(entry)

    def stop(self, entry: Entry, kill: bool) -> None:
        self._crash_if("before stop")
        super().stop(entry, kill)
        self.asked.add((entry.name, entry.tries))
        self._crash_if("after stop")

    def train(self, index: int = 0) -> None:
        """One goes on to its next rung, if it has been judged at this one; or ends."""
        name, number = self.alive[index % len(self.alive)]
        judged = {one.frames for one in self.ledger.judgements() if one.name == name}
        if (name, number) in self.asked:
            self.end(INTERRUPTED, self.alive.index((name, number)))
        elif self.frames[name] == 0 or self.frames[name] in judged:
            self.frames[name] = self.frames[name] * 2 or 10
            if self.frames[name] >= END:
                self.end(0, self.alive.index((name, number)))

    def all_go_on(self) -> None:
        while self.on_their_way:
            self.claim()
        for index in reversed(range(len(self.alive))):
            self.train(index)

    def out(self) -> set[str]:
        return {one.name for one in self.ledger.judgements() if one.is_pruned}


def _runner(world: SearchWorld) -> Scheduler:
    world.ledger.enter([Task(name, ("run", name), {}) for name in TRIALS])
    clock = itertools.count(step=10)
    found = [Halving(world.ledger, [[name] for name in TRIALS], RUNGS, clock=lambda: next(clock))]
    runner = Scheduler(world.ledger, world, list(TRIALS), 100, 0.0, halvings=found)
    runner.recover()
    return runner


EVENTS = (
    *["tick"] * 8,
    "crash before start",
    "crash after start",
    "crash before stop",
    "crash after stop",
    "new runner",
)
OTHERS = ("reboot", "claim", "train", "die", "fail", *["all go on"] * 6)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(EVENTS + OTHERS), st.integers(0, 5)), max_size=50))
def test_whatever_crashes_no_trial_is_judged_twice_or_forgotten_or_started_when_it_is_out(
    events: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory(dir=FAST_FOLDER) as folder, pytest.MonkeyPatch.context() as patch:
        world = SearchWorld(Path(folder))
        patch.setattr(halving, "objective", world.objective)
        runner = _runner(world)
        for event, index in events:
            if event.startswith("crash"):
                world.crash = event.removeprefix("crash ")  # the next time that a runner gets there
            elif event == "tick":
                try:
                    runner.tick()
                except CrashError:
                    runner = _runner(world)
            elif event == "new runner":
                runner = _runner(world)
            elif event == "reboot":
                world.reboot()
                runner = _runner(world)
            elif event == "all go on":
                world.all_go_on()
            elif event == "claim" and world.on_their_way:
                world.claim(index)
            elif event == "train" and world.alive:
                world.train(index)
            elif event in ("die", "fail") and world.alive:
                world.end(1 if event == "fail" else None, index)
        world.crash = None
        _finish(world)
        judgements = world.ledger.judgements()
        assert len({(one.name, one.frames) for one in judgements}) == len(judgements)
        numbers = {name: number for number, name in enumerate(TRIALS)}
        scores = [Score(numbers[one.name], RUNGS.rung(one.frames) or 0, one.value) for one in judgements]
        assert [one.is_pruned for one in judgements] == _rule(scores, RUNGS.reduction_factor)
        for name, state in world.states().items():
            assert state == ("cancelled" if name in world.out() else "done")
            at = [one.frames for one in judgements if one.name == name]
            assert at == [10, 20][: len(at)] and (len(at) == 2 or name in world.out())


def _finish(world: SearchWorld) -> None:
    for _ in range(len(TRIALS)):
        runner = _runner(world)
        for _ in range(100):
            is_left = runner.tick()
            world.all_go_on()
            if not is_left:
                break
        else:
            raise AssertionError(f"never ends: {world.states()}")
    assert runner.result() == SUCCESS
