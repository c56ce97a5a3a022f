"""Recommended settings follow speed, memory and cores. Knows no environment."""

from __future__ import annotations

import pytest

from sample_factory.envs.check.recommend import recommend

GIGABYTE = 2**30


def advise(**changes):
    facts = {
        "cores": 8,
        "agents": 1,
        "is_native": False,
        "steps_per_sec": {1: 9_000.0, 8: 10_000.0, 32: 10_000.0},
        "bytes_per_env": 1e6,
        "available_bytes": 32 * GIGABYTE,
    } | changes
    advice = recommend(**facts)
    return advice.num_workers, advice.num_envs_per_worker


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (8, 32)),
        ({"agents": 8}, (8, 4)),
        ({"agents": 64}, (8, 2)),
        ({"steps_per_sec": {1: 100.0, 8: 95.0}}, (8, 10)),
        ({"steps_per_sec": {1: 3.0}}, (8, 2)),
        ({"is_native": True, "steps_per_sec": {8: 1e5, 32: 2e5, 128: 6e5, 512: 2e6}}, (8, 128)),
        ({"is_native": True, "steps_per_sec": {8: 1e5, 32: 2e5, 128: 2.1e5}}, (8, 32)),
        ({"bytes_per_env": 0.25 * GIGABYTE}, (8, 8)),
        ({"bytes_per_env": 4 * GIGABYTE}, (2, 2)),
        ({"bytes_per_env": 100 * GIGABYTE}, (1, 2)),
    ],
)
def test_settings_suit_environment_and_machine(changes, expected):
    assert advise(**changes) == expected


def test_the_reason_names_what_decides():
    slow = recommend(2, 1, False, {1: 40.0}, 1e6, 1e10)
    assert slow.flags == "--num_workers=2 --num_envs_per_worker=4" and "0.1 s" in slow.reason
    assert "memory" in recommend(2, 1, False, {1: 1e4}, 1e9, 1e10).reason
