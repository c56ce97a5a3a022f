"""Trains PPO of Stable-Baselines3 on CartPole with the settings that its authors' collection gives for it.

Runs in its own virtualenv and knows none of our code. Prints the mean return of the last 100 episodes.
"""

from __future__ import annotations

import argparse
import time

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

_PRINT_SEC = 1.0
_STEPS = 100_000
"""Learning rate and clipping fall to 0 over them; then the next run of as many begins."""


class Printer(BaseCallback):
    """Says how good the policy is."""

    _next_sec = 0.0

    def _on_step(self) -> bool:
        episodes = self.model.ep_info_buffer
        if episodes and time.monotonic() >= self._next_sec:
            mean = sum(episode["r"] for episode in episodes) / len(episodes)
            print(f"Total num frames: {self.num_timesteps}", flush=True)
            print(f"Avg episode reward: [(0, '{mean:.3f}')]", flush=True)
            self._next_sec = time.monotonic() + _PRINT_SEC
        return True


def main() -> None:
    """Train until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=8, seed=args.seed),
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=lambda left: 0.001 * left,
        clip_range=lambda left: 0.2 * left,
        device="cpu",
        seed=args.seed,
    )
    while True:
        model.learn(_STEPS, callback=Printer(), log_interval=None, reset_num_timesteps=False)


if __name__ == "__main__":
    main()
