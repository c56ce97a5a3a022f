"""The Arcade Learning Environment's own batches, one image per step. Knows no stack of images and no lives."""

from __future__ import annotations

from typing import Any

import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode

from sample_factory.envs.atari.rules import IMAGE_SIZE, Rules
from sample_factory.envs.seeding import env_seed


class AleVector(AtariVectorEnv):
    """`num_envs` times the same game with next-step autoreset, stepped by one thread.

    Environment i is seeded with seed + i. FIRE at the start counts as one of the no-ops.
    """

    # ale-py writes into this dictionary, which would otherwise be the one of all vector environments.
    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, game: str, num_envs: int, rules: Rules) -> None:
        super().__init__(
            game,
            num_envs,
            num_threads=1,
            max_num_frames_per_episode=rules.max_frames,
            img_height=IMAGE_SIZE,
            img_width=IMAGE_SIZE,
            stack_num=1,
            frameskip=rules.frameskip,
            maxpool=rules.pools,
            noop_max=rules.max_noops + 1,  # it stays below
            reward_clipping=False,
            use_fire_reset=rules.fires_at_start,
        )

    def reset(self, *, seed: int | np.ndarray | None = None, options: Any = None) -> tuple[Any, dict[str, np.ndarray]]:
        """Start an episode everywhere; a seed also loads the game anew."""
        if isinstance(seed, int):  # ale-py would count beyond the range of seeds
            seed = np.array([env_seed(seed, i) for i in range(self.num_envs)])
        return super().reset(seed=seed, options=options)
