"""Replaces environments that raise, and counts how often that may happen. Knows nothing of what they do."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from sample_factory.envs.seeding import env_seed

Outcome = TypeVar("Outcome")

log = logging.getLogger(__name__)

MAX_FAILURES = 10
GOOD_STEPS = 100


class EnvFailedError(RuntimeError):
    """An environment keeps failing; the message ends with the traceback of the first failure."""


class FailureBudget:
    """Counts failures per environment: `MAX_FAILURES` with fewer than `GOOD_STEPS` steps between them are too many."""

    def __init__(self, name: str, num_envs: int) -> None:
        self.num_failures = 0
        self._name = name
        self._streaks = [0] * num_envs
        self._last_steps = [0] * num_envs
        self._first_tracebacks = [""] * num_envs

    def recover(
        self,
        env: int,
        step: int,
        seed: int | None,
        close: Callable[[], object],
        restart: Callable[[int | None], Outcome],
    ) -> Outcome:
        """Replace environment `env`; called while its exception is being handled, to count and report that one.

        Args:
            env: number of the environment within its group.
            step: the adapter's step number.
            seed: the group's seed.
            close: closes the broken environment, as far as that is possible.
            restart: makes a new one and starts an episode with the given fresh seed; its result is returned.

        Raises:
            EnvFailedError: the budget of this environment is spent.
        """
        self.record(env, step)
        close()
        try:
            return restart(env_seed(seed, env, self.num_failures))
        except Exception:
            return self.recover(env, step, seed, close, restart)

    def record(self, env: int, step: int) -> None:
        """Count the exception being handled, raised by environment `env` at the adapter's step number `step`.

        Raises:
            EnvFailedError: the budget of this environment is spent.
        """
        trace = traceback.format_exc()
        if self.num_failures == 0:  # once per group: a broken environment must not flood the log
            log.error("Environment %s number %d failed and is rebuilt:\n%s", self._name, env, trace)
        self.num_failures += 1
        if self._streaks[env] == 0 or step - self._last_steps[env] >= GOOD_STEPS:
            self._streaks[env] = 0
            self._first_tracebacks[env] = trace
        self._streaks[env] += 1
        self._last_steps[env] = step
        if self._streaks[env] >= MAX_FAILURES:
            raise EnvFailedError(
                f"environment {self._name} number {env} failed {MAX_FAILURES} times with fewer than {GOOD_STEPS} steps "
                f"in between; the first failure was:\n{self._first_tracebacks[env]}"
            )


def close_quietly(env: Any) -> None:
    """Close an environment that may be the very one that has just failed."""
    try:
        env.close()
    except Exception:
        log.debug("Closing an environment failed", exc_info=True)
