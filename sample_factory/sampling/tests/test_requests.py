"""Requests stay open until exactly they have been served."""

from __future__ import annotations

import numpy as np

from sample_factory.sampling.requests import RequestTable, request_specs
from sample_factory.system.arena import Arena


def new_table(num_groups: int = 4, num_policies: int = 2) -> RequestTable:
    return RequestTable(Arena.create(request_specs(num_groups, num_policies)))


def answer(table: RequestTable, group: int, policy: int, number: int) -> None:
    table.answer(np.array([group]), policy, np.array([number]))


def found(table: RequestTable, groups: np.ndarray, policy: int) -> list[tuple[int, ...]]:
    return list(zip(*(part.tolist() for part in table.open_requests(groups, policy)), strict=True))


def test_a_request_is_open_until_it_is_answered():
    table, groups = new_table(), np.arange(4)
    assert table.is_answered(2) and found(table, groups, 0) == []
    table.ask(2, 0, block=7, step=3)
    assert not table.is_answered(2)
    assert found(table, groups, 0) == [(2, 1, 7, 3)]
    answer(table, 2, 0, 1)
    assert table.is_answered(2) and found(table, groups, 0) == []


def test_numbers_grow_and_an_old_answer_does_not_serve_a_new_request():
    table = new_table()
    table.ask(0, 0, 0, 0)
    answer(table, 0, 0, 1)
    table.ask(0, 0, 0, 1)
    assert found(table, np.arange(4), 0) == [(0, 2, 0, 1)]
    answer(table, 0, 0, 1)  # somebody is late
    assert not table.is_answered(0)
    answer(table, 0, 0, 2)
    assert table.is_answered(0)


def test_only_own_groups_and_the_own_policy_are_seen():
    table = new_table()
    table.ask(1, 0, 5, 0)
    table.ask(3, 1, 6, 2)
    assert found(table, np.array([0, 2]), 0) == []
    assert found(table, np.array([1, 3]), 0) == [(1, 1, 5, 0)]
    assert found(table, np.array([1, 3]), 1) == [(3, 1, 6, 2)]
    assert not table.is_answered(1) and not table.is_answered(3) and table.is_answered(0)


def test_a_group_goes_on_when_every_policy_that_it_asked_has_answered():
    table = new_table()
    table.ask(1, 0, 5, 0)
    table.ask(1, 1, 5, 0)
    answer(table, 1, 1, 1)
    assert not table.is_answered(1)
    answer(table, 1, 0, 1)
    assert table.is_answered(1)
