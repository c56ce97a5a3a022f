"""Fast evaluation: many environments at once, no rendering. Knows no file and no window.

Taking the first N episodes that end would prefer short episodes. So every environment is asked for a number of episodes
that is fixed before the first step, and whatever it plays beyond that is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from sample_factory.algorithms.appo.episodes import Episode, EpisodeCounter, share_evenly
from sample_factory.config.sampling import AUTO, SamplingConfig
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.system.cores import available_cores
from sample_factory.system.every import Every

_PROGRESS_SEC = 10.0
_ENVS_PER_WORKER = 16
"""Where training chooses the number by measuring."""


class Actor(Protocol):
    """Who acts for every row: a `TrainedPolicy`, or whatever it is compared with."""

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Flat actions [num_rows, num_actions] for observations in the stored layout."""
        ...

    def forget(self, rows: np.ndarray) -> None:
        """The rows [num_rows] bool start an episode."""
        ...


def play_episodes(
    env: BatchedEnv, policy: Actor, num_envs: int, num_episodes: int, seed: int, stopping: Callable[[], bool]
) -> list[Episode] | None:
    """Play `num_episodes` episodes (of every agent), shared evenly by the environments; None if stopped before.

    Args:
        num_envs: environments in `env`, at most `num_episodes`.

    Returns:
        The episodes by row, in the order in which the row played them.
    """
    quotas = np.repeat(share_evenly(num_episodes, num_envs), env.num_rows // num_envs)
    obs, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    counter, kept, progress = EpisodeCounter(env.num_rows), list[Episode](), Every(_PROGRESS_SEC)
    env.reset(seed, obs)
    while (counter.finished < quotas).any():
        if stopping():
            return None
        ended = env.step(policy.act(obs), obs, result)
        policy.forget(result.resets)
        kept += [episode for episode in counter.take(result, ended) if episode.number < quotas[episode.row]]
        if progress.due():
            print(f"{len(kept)} of {quotas.sum()} episodes", flush=True)
    return sorted(kept, key=lambda episode: (episode.row, episode.number))


def num_envs_at_once(sampling: SamplingConfig, num_episodes: int) -> int:
    """How many environments to step: as many as the sampling options have, but none without an episode."""
    num_workers = len(available_cores()) if sampling.num_workers == AUTO else sampling.num_workers
    envs_per_worker = _ENVS_PER_WORKER if sampling.num_envs_per_worker == AUTO else sampling.num_envs_per_worker
    return min(num_workers * envs_per_worker, num_episodes)


def threads_for(env: BatchedEnv) -> int:
    """Threads of the policy's computations: small networks on vectors lose more by splitting the work than they win."""
    return len(available_cores()) if any(key.kind == "image" for key in env.keys.values()) else 1
