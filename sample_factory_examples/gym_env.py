"""Any environment of Gymnasium by its id, and a distribution of one's own for bounded continuous actions.

    python -m sample_factory_examples.gym_env --env=gym_Pendulum-v1
    python -m sample_factory_examples.gym_env enjoy --env=gym_Pendulum-v1 --no_render --max_num_episodes=10

Knows nothing about training.
"""

import math
import sys

import numpy as np
import torch

from sample_factory import evaluate, register_action_distribution, train

NODES, WEIGHTS = (torch.tensor(x, dtype=torch.float32) for x in np.polynomial.hermite_e.hermegauss(16))
LARGEST = 1 - 1e-6


class SquashedGaussian:
    """A Gaussian whose samples tanh brings into the bounds: no action lies outside, none piles up at the edge."""

    def __init__(self, space):
        self.center = torch.from_numpy((space.high + space.low).reshape(-1) / 2)
        self.scale = torch.from_numpy((space.high - space.low).reshape(-1) / 2)
        self.num_params = 2 * len(self.scale)  # a mean and a logarithm of a standard deviation for each number

    def sample(self, params, generator):
        mean, log_std = self.split(params)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return self.squash(mean + log_std.exp() * noise)

    def mode(self, params):
        return self.squash(self.split(params)[0])

    def log_prob(self, params, actions):
        mean, log_std = self.split(params)
        center, scale = self.box(params)
        squashed = ((actions - center) / scale).clamp(-LARGEST, LARGEST)
        distance = (torch.atanh(squashed) - mean) * (-log_std).exp()
        log_density = -0.5 * distance.square() - log_std - 0.5 * math.log(2 * math.pi)
        return (log_density - torch.log1p(-squashed.square()) - scale.log()).sum(-1)

    def entropy(self, params):
        mean, log_std = self.split(params)
        # The Gaussian's own, and the mean of the logarithm of tanh's slope, by Gauss-Hermite quadrature.
        x = mean[..., None] + log_std.exp()[..., None] * NODES.to(params.device)
        log_slope = 2 * (math.log(2) - x - torch.nn.functional.softplus(-2 * x))
        change = (log_slope * WEIGHTS.to(params.device)).sum(-1) / WEIGHTS.sum() + self.box(params)[1].log()
        return (log_std + 0.5 * math.log(2 * math.pi * math.e) + change).sum(-1)

    def kl(self, p_params, q_params):
        # Squashing both in the same way changes nothing.
        (p_mean, p_log_std), (q_mean, q_log_std) = self.split(p_params), self.split(q_params)
        log_ratio = p_log_std - q_log_std
        distance = ((p_mean - q_mean) * (-q_log_std).exp()).square()
        return (0.5 * ((2 * log_ratio).exp() + distance - 1) - log_ratio).sum(-1)

    def squash(self, x):
        center, scale = self.box(x)
        return center + scale * torch.tanh(x).clamp(-LARGEST, LARGEST)

    def box(self, tensor):
        return self.center.to(tensor.device), self.scale.to(tensor.device)

    @staticmethod
    def split(params):
        mean, log_std = params.chunk(2, -1)
        return mean, log_std.clamp(-5, 1)


if __name__ == "__main__":
    register_action_distribution("squashed_gaussian", SquashedGaussian)
    names = {"env": "gym_Pendulum-v1", "experiment": "gym_env"}
    if sys.argv[1:2] == ["enjoy"]:
        sys.exit(evaluate(*sys.argv[2:], **names).status)
    # For environments with discrete actions: --action_distribution_custom=None
    options = {"action_distribution_custom": "squashed_gaussian", "use_rnn": False, "hidden_size": 64}
    sys.exit(train(*sys.argv[1:], **names, **options, train_for_seconds=60))
