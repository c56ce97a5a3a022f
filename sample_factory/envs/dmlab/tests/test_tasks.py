"""Every level is played, and each environment knows who else plays its level."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from sample_factory.envs.dmlab.tasks import place_of


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 7), st.booleans())
def test_environments_of_a_level_are_counted_without_gaps(workers, per_worker, tasks, one_task_per_worker):
    places = [place_of(env, tasks, workers, per_worker, one_task_per_worker) for env in range(workers * per_worker)]
    by_task = defaultdict(list)
    for place in places:
        by_task[place.task].append(place)
    assert set(by_task) == set(range(min(tasks, workers if one_task_per_worker else len(places))))
    for found in by_task.values():
        assert sorted(place.number for place in found) == list(range(len(found)))
        assert {place.num_envs for place in found} == {len(found)}


def test_levels_go_to_environments_or_to_workers():
    assert [place_of(env, 30, 2, 12, False).task for env in (0, 11, 12, 23)] == [0, 11, 12, 23]
    assert [place_of(17 * 12 + env, 30, 90, 12, True).task for env in range(12)] == [17] * 12
    assert place_of(77 * 12 + 5, 30, 90, 12, True) == (17, 2 * 12 + 5, 36)


def test_an_environment_outside_of_a_run_has_a_place_as_well():
    assert place_of(45, 30, 1, 1, False) == (15, 1, 2)
