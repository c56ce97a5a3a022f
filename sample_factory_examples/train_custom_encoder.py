"""Trains CartPole with a network of one's own. Knows nothing about training."""

import sys

from torch import nn

from sample_factory import register_encoder, train


class TwoLayers(nn.Module):
    def __init__(self, num_inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_inputs, hidden_size), nn.Tanh(), nn.Linear(hidden_size, hidden_size), nn.Tanh()
        )
        self.output_size = hidden_size

    def forward(self, observations):  # one tensor [rows, ...] for each key of the observation
        weights = self.layers[0].weight
        return self.layers(observations["obs"].to(weights.dtype))  # inference may be in bfloat16


def make_two_layers(keys, options):
    return TwoLayers(keys["obs"].shape[0], options.hidden_size)


if __name__ == "__main__":
    register_encoder("two_layers", make_two_layers)
    options = {"encoder_custom": "two_layers", "use_rnn": False, "hidden_size": 64, "train_for_seconds": 20}
    sys.exit(train(*sys.argv[1:], env="gym_CartPole-v1", experiment="two_layers", **options))
