"""What is reported of episodes and matches, and what is left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from sample_factory.envs.contract import EpisodeInfo, new_step_arrays
from sample_factory.sampling.episode_log import EpisodeLog


class Reports:
    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **data: Any) -> None:
        self.sent.append((kind, data))

    def of(self, kind: str) -> list[Any]:
        return [item for found, data in self.sent if found == kind for item in data[kind]]


def ended(row: int, objective: float | None = None) -> EpisodeInfo:
    return EpisodeInfo(row, {} if objective is None else {"true_objective": objective})


def test_rewards_and_frames_are_summed_up_per_row_and_begin_anew():
    log, reports = EpisodeLog(1, 1, 1, episodes_kept=10), Reports()
    group, outcome = log.group(2), new_step_arrays(2)
    outcome.rewards[:], outcome.frames[:] = (1.0, 2.0), 4
    group.add(outcome)
    group.add(outcome)
    group.end([ended(1)], np.zeros(2, np.int16))
    group.add(outcome)
    group.end([ended(0, 7.0), ended(1)], np.zeros(2, np.int16))
    log.send(reports)
    assert reports.of("episodes") == [(0, 4.0, 8, None, {}), (0, 3.0, 12, 7.0, {}), (0, 2.0, 4, None, {})]
    log.send(reports)
    assert len(reports.of("episodes")) == 3


def test_only_the_newest_episodes_of_each_policy_are_reported_and_none_of_past_versions():
    log, reports = EpisodeLog(2, 3, 1, episodes_kept=2), Reports()
    group = log.group(6)
    group.end([ended(row, float(row)) for row in range(6)], np.array([0, 0, 0, 1, 2, 0], np.int16))
    log.send(reports)
    assert [(policy, objective) for policy, _, _, objective, _ in reports.of("episodes")] == [
        (0, 2.0),
        (0, 5.0),
        (1, 3.0),
    ]


def test_a_match_is_reported_when_all_its_agents_are_through():
    log, reports = EpisodeLog(2, 2, 2, episodes_kept=5), Reports()
    group, players = log.group(4), np.array([0, 1, 1, 1], np.int16)
    group.end([ended(0, 3.0), ended(2, 1.0), ended(3, 1.0)], players)
    log.send(reports)
    assert not reports.of("matches")  # the first goes on; in the second a policy meets itself
    group.end([ended(1, -3.0)], players)
    log.send(reports)
    assert reports.of("matches") == [([0, 1], [3.0, -3.0])]


def test_a_match_without_a_score_is_over_and_does_not_count():
    log, reports = EpisodeLog(2, 2, 2, episodes_kept=5), Reports()
    group, players = log.group(2), np.array([0, 1], np.int16)
    group.end([ended(0, float("nan"))], players)
    group.end([ended(1, 1.0)], players)
    group.end([ended(0, 2.0)], players)
    log.send(reports)
    assert not reports.of("matches")
    group.end([ended(1, 0.0)], players)
    log.send(reports)
    assert reports.of("matches") == [([0, 1], [2.0, 0.0])]
