"""Functions that users register to add summaries of their own. Does not know where summaries are written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

log = logging.getLogger(__name__)

SummaryHook = Callable[[int, Mapping[str, float], int, SimpleNamespace], Mapping[str, float]]
"""(policy, averages, frames, cfg) -> tag: value."""

_registered: list[SummaryHook] = []


def register_summary_hook(hook: SummaryHook) -> None:
    """Call `hook(policy, averages, frames, cfg)` in the main process whenever summaries of a policy are written.

    What it returns, {tag: number}, goes to TensorBoard and Weights and Biases under exactly these tags. An exception in
    a hook is logged once and ends nothing.

    Args:
        hook: `averages` are means over the last `--stats_avg` episodes, by name: "reward", "len", "true_reward" and
            what the environment gives as `episode_extra_stats`; `frames` are those the policy was trained on; `cfg` has
            all options as attributes.
    """
    if hook not in _registered:
        _registered.append(hook)


class SummaryHooks:
    """The hooks of this process, for one run."""

    def __init__(self, options: SimpleNamespace, hooks: Sequence[SummaryHook] | None = None) -> None:
        self._options = options
        self._hooks = tuple(_registered if hooks is None else hooks)
        self._failed: set[SummaryHook] = set()

    def scalars(self, policy: int, averages: Mapping[str, float], frames: int) -> dict[str, float]:
        """What all hooks have to say about a policy, by tag."""
        found: dict[str, float] = {}
        for hook in self._hooks:
            try:
                values = hook(policy, dict(averages), frames, self._options)
                found |= {str(tag): float(value) for tag, value in values.items()}
            except Exception:  # noqa: PERF203
                if hook not in self._failed:
                    self._failed.add(hook)
                    name = getattr(hook, "__qualname__", repr(hook))
                    log.exception("the summary hook %s failed; training goes on, and this is said once", name)
        return found
