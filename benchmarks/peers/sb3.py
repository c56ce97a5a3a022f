"""Trains PPO of Stable-Baselines3 on the benchmark environments. Runs in its own virtualenv and knows none of our code.

Everything here is its documented interface: a features extractor, a `VecEnv`, a callback.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from networks import convolution, make_body
from rows import make_rows
from single import make_single
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

_PRINT_SEC = 2.0
_NEVER = 10**12


class Body(BaseFeaturesExtractor):
    """All layers below the heads, shared by policy and value."""

    def __init__(self, space: gym.Space, **network: Any) -> None:
        body, size = make_body(space.shape, **network)
        super().__init__(space, size)
        self.body = body

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """[N, ...] to [N, width]."""
        return self.body(observations)


class RowsVecEnv(VecEnv):
    """Rows that are stepped at once."""

    def __init__(self, rows: Any) -> None:
        super().__init__(rows.num_rows, rows.observation_space, rows.action_space)
        self._rows = rows
        self._actions = np.zeros(0)
        self._infos: list[dict[str, Any]] = [{} for _ in range(rows.num_rows)]  # nothing is ever said in them

    def reset(self) -> np.ndarray:
        """First observations."""
        return self._rows.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> Any:
        """One step of all rows."""
        observations, rewards, terminated, truncated = self._rows.step(self._actions)
        return observations, rewards, terminated | truncated, self._infos

    def close(self) -> None:
        """Nothing that would not end with the process."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Of no row: they have none."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Rows have no attributes."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Rows have no methods."""
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Never."""
        return [False] * self.num_envs


class Counter(BaseCallback):
    """Says how many frames have been trained on."""

    def __init__(self, frames_per_step: int) -> None:
        super().__init__()
        self._frames_per_step = frames_per_step
        self._next_sec = 0.0

    def _on_rollout_start(self) -> None:  # everything collected before has been trained on
        if time.monotonic() >= self._next_sec:
            print(f"Total num frames: {self.num_timesteps * self._frames_per_step}", flush=True)
            self._next_sec = time.monotonic() + _PRINT_SEC

    def _on_step(self) -> bool:
        return True


def make_vec_env(vector: str, env: str, num_envs: int, threads: int) -> VecEnv:
    """`vector`: dummy and subproc are the peer's own, everything else is a batch that is stepped at once."""
    if vector == "dummy":
        return DummyVecEnv([partial(make_single, env)] * num_envs)
    if vector == "subproc":
        return SubprocVecEnv([partial(make_single, env)] * num_envs)
    return RowsVecEnv(make_rows(vector, env, num_envs, threads))


def main(argv: Sequence[str] | None = None) -> None:
    """Train until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", required=True)
    parser.add_argument("--vector", required=True)
    parser.add_argument("--num_envs", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="of torch, and of a simulator that has a choice")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--convolutions", nargs="*", type=convolution, default=[])
    parser.add_argument("--layers", nargs="*", type=int, default=[])
    parser.add_argument("--activation", default="elu")
    parser.add_argument("--rollout", type=int, required=True, help="steps; more if a batch takes more")
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--frameskip", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    env = make_vec_env(args.vector, args.env, args.num_envs, args.threads)
    network = {"convolutions": args.convolutions, "layers": args.layers, "activation": args.activation}
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=max(args.rollout, args.batch_size // env.num_envs),
        batch_size=args.batch_size,
        n_epochs=1,
        learning_rate=1e-4,
        device="cuda" if args.device == "gpu" else args.device,
        policy_kwargs={"net_arch": [], "features_extractor_class": Body, "features_extractor_kwargs": network},
    )
    model.learn(_NEVER, callback=Counter(args.frameskip), log_interval=None)


if __name__ == "__main__":
    main()
