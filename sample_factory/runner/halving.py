"""Stops the worse trials of an experiment early: successive halving by Optuna, of what the ledger and summaries say.

Nothing is kept in memory that matters: every judgement is in the ledger before anybody is stopped for it, and the next
one is made from those before it, in their order. Starts and ends no process itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from sample_factory.runner.ledger import Entry, Judgement, Ledger, Task, pruned
from sample_factory.runner.objective import objective
from sample_factory.runner.run_description import Experiment
from sample_factory.runner.search import HalvingExperiment, Rungs, optuna

log = logging.getLogger(__name__)

_LOOK_SEC = 1.0
"""Between two looks at how far experiments have got, which costs a read of the end of each one's log."""
_JUDGED = ("pending", "running", "done")
"""A seed that has failed for good, or that a user has cancelled, is not waited for."""


class Score(NamedTuple):
    """What a trial had come to at a rung."""

    trial: int
    rung: int
    value: float


class Halving:
    """The trials of one experiment."""

    def __init__(
        self,
        ledger: Ledger,
        trials: Sequence[Sequence[str]],
        rungs: Rungs,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`trials` are the names of the experiments of each, which differ in their seeds."""
        self._ledger = ledger
        self._trials = [tuple(names) for names in trials]
        self._trial_of = {name: number for number, names in enumerate(self._trials) for name in names}
        self._rungs = rungs
        self._clock = clock
        self._next_look = clock()
        self._asked: set[tuple[str, int]] = set()
        self._said: set[str] = set()

    def judge(self, entries: Iterable[Entry]) -> list[Entry]:
        """Write down what there is to say about trials that have got to a rung.

        Args:
            entries: of the whole run, as they are now.

        Returns:
            The running ones that have to be asked to end. Only a new runner says so again: that the last one was
            killed before it asked would cost all the rest of a training, to be asked twice only what is not saved.
        """
        if self._clock() < self._next_look:
            return []
        mine = {entry.name: entry for entry in entries if entry.name in self._trial_of}
        judgements = [one for one in self._ledger.judgements() if one.name in self._trial_of]
        scores = self._scores(judgements)
        out = {self._trial_of[one.name] for one in judgements if one.is_pruned}
        for score in self._new_scores(mine, scores, out):
            if score.trial not in out:
                scores.append(score)
                if self._write(score, is_behind(scores, self._rungs), mine):
                    out.add(score.trial)
        self._next_look = self._clock() + _LOOK_SEC
        return self._to_stop() if out else []

    def _scores(self, judgements: Sequence[Judgement]) -> list[Score]:
        """One for each judgement of a trial, in their order; those at frames that are no rung any more say nothing."""
        found: dict[tuple[int, int], Score] = {}
        for one in judgements:
            rung = self._rungs.rung(one.frames)
            if rung is not None:
                trial = self._trial_of[one.name]
                found.setdefault((trial, rung), Score(trial, rung, one.value))
        return list(found.values())

    def _new_scores(self, entries: Mapping[str, Entry], known: Sequence[Score], out: set[int]) -> list[Score]:
        """Of all trials at all rungs that they have got to and were not judged at, the lowest rung first."""
        found = []
        for trial, names in enumerate(self._trials):
            judged = [name for name in names if entries[name].state in _JUDGED]
            if not judged or trial in out:
                continue
            next_rung = 1 + max((score.rung for score in known if score.trial == trial), default=-1)
            for rung in range(next_rung, self._rungs.num_rungs):
                value = self._value(judged, self._rungs.frames(rung))
                if value is None:
                    break
                found.append(Score(trial, rung, value))
        return sorted(found, key=lambda score: (score.rung, score.trial))

    def _value(self, names: Sequence[str], frames: int) -> float | None:
        """Mean over the seeds; None if not all of them have got there."""
        values = []
        for name in names:
            try:
                value = objective(self._ledger.folder / name, frames, self._rungs.metric)
            except ValueError as error:
                if str(error) not in self._said:
                    log.warning("%s is not compared with others: %s", name, error)
                self._said.add(str(error))
                return None
            if value is None:
                return None
            values.append(value)
        return fmean(values)

    def _write(self, score: Score, is_pruned: bool, entries: Mapping[str, Entry]) -> bool:
        frames = self._rungs.frames(score.rung)
        judged = [entries[name] for name in self._trials[score.trial] if entries[name].state in _JUDGED]
        self._ledger.judge(Judgement(entry.name, entry.tries, frames, score.value, is_pruned) for entry in judged)
        for entry in judged:
            if entry.state != "done":  # to those that are, it makes no difference
                verdict = "is pruned" if is_pruned else "goes on"
                log.info("%s %s: %.4g at %d frames", entry.name, verdict, score.value, frames)
        return is_pruned

    def _to_stop(self) -> list[Entry]:
        entries = self._ledger.entries()
        names = pruned(entries, self._ledger.judgements())
        found = [entry for entry in entries if entry.state == "running" and entry.stop == "cancel"]
        found = [entry for entry in found if entry.name in names and entry.name in self._trial_of]
        found = [entry for entry in found if (entry.name, entry.tries) not in self._asked]
        self._asked |= {(entry.name, entry.tries) for entry in found}
        return found


def halvings(experiments: Sequence[Experiment], tasks: Sequence[Task], ledger: Ledger) -> list[Halving]:
    """One for each of the experiments that has trials; the tasks are what all of them come to, in the same order."""
    found = []
    first = 0
    for experiment in experiments:
        if isinstance(experiment, HalvingExperiment):
            trials = [[tasks[first + position].name for position in trial] for trial in experiment.trials()]
            found.append(Halving(ledger, trials, experiment.rungs))
        first += len(experiment.params or [{}])
    return found


def is_behind(scores: Sequence[Score], rungs: Rungs) -> bool:
    """Whether the trial of the last score is stopped, given that scores came in this order: asynchronous halving.

    Of those that have got to a rung so far, the best of every `reduction_factor` go on, and the best one in any case
    (Li et al. 2020, https://arxiv.org/abs/1810.05934; Optuna never takes up what it has stopped).
    """
    package = optuna()
    pruner = package.pruners.SuccessiveHalvingPruner(rungs.first_frames, rungs.reduction_factor)
    # Neither samples anything nor is kept: the ledger has all that it knows.
    study = package.create_study(direction="maximize", pruner=pruner, sampler=package.samplers.RandomSampler(0))
    trials: dict[int, Any] = {}
    is_pruned = False
    for score in scores:
        trial = trials.get(score.trial) or study.ask()
        trials[score.trial] = trial
        trial.report(score.value, rungs.frames(score.rung))
        is_pruned = bool(trial.should_prune())
    return is_pruned
