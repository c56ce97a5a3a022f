"""Trains on PufferLib's vectorization and CleanRL binding. Runs in its own virtualenv and knows none of our code.

Its package brings no trainer, so the update is a plain one written here: PPO with GAE, whole batches in one process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pufferlib.emulation
import pufferlib.vector
import torch
from networks import make_body
from pufferlib.frameworks.cleanrl import Policy
from single import make_single
from torch import Tensor, nn

_PRINT_SEC = 2.0
_GAMMA, _LAMBDA, _CLIP, _VALUE_COEFF, _ENTROPY_COEFF, _MAX_GRAD_NORM = 0.99, 0.95, 0.1, 0.5, 0.003, 4.0
_BACKENDS = {"serial": pufferlib.vector.Serial, "multiprocessing": pufferlib.vector.Multiprocessing}


class ActorCritic(nn.Module):
    """The network of the case with its heads."""

    def __init__(self, shape: Sequence[int], num_actions: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.body, size = make_body(shape, [], layers, "elu")
        self.actor, self.critic = nn.Linear(size, num_actions), nn.Linear(size, 1)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and value of each row."""
        features = self.body(observations)
        return self.actor(features), self.critic(features)


class Rollout(NamedTuple):
    """Steps of all environments, [T, num_envs, ...]."""

    observations: Tensor
    actions: Tensor
    log_probs: Tensor
    values: Tensor  # [T + 1, num_envs]
    rewards: Tensor  # what came after the action
    ended: Tensor


def make_env(env: str) -> Any:
    """One environment in the peer's wrapper."""
    return pufferlib.emulation.GymnasiumPufferEnv(env=make_single(env))


def new_rollout(steps: int, envs: int, shape: Sequence[int]) -> Rollout:
    """Of zeros."""
    flat = [torch.zeros(steps, envs) for _ in range(4)]
    return Rollout(
        torch.zeros(steps, envs, *shape), flat[0].long(), flat[1], torch.zeros(steps + 1, envs), flat[2], flat[3]
    )


def collect(vecenv: Any, policy: Policy, rollout: Rollout, observations: Tensor) -> Tensor:
    """Fill it from the observations that wait for actions; returns those that wait afterwards."""
    with torch.no_grad():
        for step in range(len(rollout.actions)):
            actions, log_probs, _, values = policy(observations)
            rollout.observations[step], rollout.actions[step] = observations, actions
            rollout.log_probs[step], rollout.values[step] = log_probs, values[:, 0]
            vecenv.send(actions.numpy())
            following, rewards, terminated, truncated, *_ = vecenv.recv()
            observations = torch.as_tensor(following)
            rollout.rewards[step] = torch.as_tensor(rewards)
            rollout.ended[step] = torch.as_tensor(terminated | truncated)
        rollout.values[-1] = policy.get_value(observations)[:, 0]
    return observations


def advantages_of(rollout: Rollout) -> Tensor:
    """GAE [T, num_envs]."""
    advantages, following = torch.zeros_like(rollout.rewards), torch.zeros(rollout.rewards.shape[1])
    for t in reversed(range(len(advantages))):
        discount = _GAMMA * (1 - rollout.ended[t])
        delta = rollout.rewards[t] + discount * rollout.values[t + 1] - rollout.values[t]
        following = advantages[t] = delta + discount * _LAMBDA * following
    return advantages


def train(policy: Policy, optimizer: torch.optim.Optimizer, rollout: Rollout, batch_size: int) -> None:
    """One epoch."""
    advantages = advantages_of(rollout)
    targets = (advantages + rollout.values[:-1]).flatten()
    flat = [part.flatten(0, 1) for part in (rollout.observations, rollout.actions, rollout.log_probs, advantages)]
    for chosen in torch.randperm(len(targets)).split(batch_size):
        observations, actions, old_log_probs, advantage = (part[chosen] for part in flat)
        _, log_probs, entropy, values = policy(observations, actions)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-5)
        ratio = (log_probs - old_log_probs).exp()
        surrogate = torch.min(ratio * advantage, ratio.clamp(1 - _CLIP, 1 + _CLIP) * advantage).mean()
        value_loss = (values[:, 0] - targets[chosen]).square().mean()
        optimizer.zero_grad()
        (_VALUE_COEFF * value_loss - surrogate - _ENTROPY_COEFF * entropy.mean()).backward()
        nn.utils.clip_grad_norm_(policy.parameters(), _MAX_GRAD_NORM)
        optimizer.step()


def main(argv: Sequence[str] | None = None) -> None:
    """Train until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", required=True)
    parser.add_argument("--vector", choices=_BACKENDS, required=True)
    parser.add_argument("--num_envs", type=int, required=True)
    parser.add_argument("--num_workers", type=int, default=1, help="processes, with multiprocessing")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu"], default="cpu")
    parser.add_argument("--layers", nargs="*", type=int, default=[])
    parser.add_argument("--rollout", type=int, required=True)
    parser.add_argument("--batch_size", type=int, required=True)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    processes = {} if args.vector == "serial" else {"num_workers": args.num_workers, "batch_size": args.num_envs}
    vecenv = pufferlib.vector.make(
        partial(make_env, args.env), backend=_BACKENDS[args.vector], num_envs=args.num_envs, **processes
    )
    shape = vecenv.single_observation_space.shape
    policy = Policy(ActorCritic(shape, int(vecenv.single_action_space.n), args.layers))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-4, fused=True)
    rollout = new_rollout(args.rollout, args.num_envs, shape)
    vecenv.async_reset(0)
    observations = torch.as_tensor(vecenv.recv()[0])
    frames, next_sec = 0, 0.0
    while True:
        observations = collect(vecenv, policy, rollout, observations)
        train(policy, optimizer, rollout, args.batch_size)
        frames += int(np.prod(rollout.actions.shape))
        if time.monotonic() >= next_sec:
            print(f"Total num frames: {frames}", flush=True)
            next_sec = time.monotonic() + _PRINT_SEC


if __name__ == "__main__":
    main()
