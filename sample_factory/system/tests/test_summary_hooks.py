"""Summaries that users add are written, and their mistakes end nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from sample_factory.system import summary_hooks
from sample_factory.system.summary_hooks import SummaryHooks, register_summary_hook

CFG = SimpleNamespace(gamma=0.5)


def test_hooks_see_averages_frames_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def double(policy: int, averages: Mapping[str, float], frames: int, cfg: Any) -> dict[str, float]:
        return {"mine/double": 2 * averages["reward"], "mine/facts": policy + frames + cfg.gamma}

    monkeypatch.setattr(summary_hooks, "_registered", [])
    register_summary_hook(double)
    register_summary_hook(double)  # a script that is imported again registers again
    assert len(summary_hooks._registered) == 1
    assert SummaryHooks(CFG).scalars(1, {"reward": 4.0}, 100) == {"mine/double": 8.0, "mine/facts": 101.5}


@pytest.mark.parametrize("result", [RuntimeError("no"), {"mine": "text"}, 3, None])
def test_a_failing_hook_is_logged_once_and_the_others_are_heard(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    def bad(policy: int, averages: Mapping[str, float], frames: int, cfg: Any) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    def good(policy: int, averages: Mapping[str, float], frames: int, cfg: Any) -> Any:
        return {"good": 1}

    hooks = SummaryHooks(CFG, [bad, good])
    with caplog.at_level(logging.ERROR):
        assert [hooks.scalars(0, {}, 0) for _ in range(3)] == [{"good": 1.0}] * 3
    assert len(caplog.records) == 1 and "bad failed; training goes on" in caplog.text
