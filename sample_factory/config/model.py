"""Options of the actor-critic network. Know nothing about observations or actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network."""

    obs_subtract_mean: float = 0.0
    """Subtracted from the main observation."""
    obs_scale: float = 1.0
    """The main observation is divided by this, after the subtraction."""
    normalize_input: bool = False
    """Normalise observations by their running mean and standard deviation."""
    encoder_type: Literal["conv", "mlp", "resnet"] = "conv"
    """Kind of the encoder of the main observation."""
    encoder_subtype: str = "convnet_simple"
    """Architecture of the encoder, such as convnet_simple, convnet_impala, resnet_impala or mlp_mujoco."""
    encoder_custom: str | None = None
    """Name of a registered encoder, which then replaces --encoder_type and --encoder_subtype."""
    encoder_extra_fc_layers: int = 1
    """Fully connected layers of width --hidden_size after the encoder."""
    encoder_mlp_layers: tuple[int, ...] = ()
    """Widths of the layers of an mlp encoder; empty means two layers of width --hidden_size."""
    hidden_size: int = 512
    """Width of fully connected layers and of the RNN state."""
    nonlinearity: Literal["elu", "relu", "tanh"] = "elu"
    """Activation function."""
    policy_initialization: Literal["orthogonal", "xavier_uniform", "torch_default"] = "orthogonal"
    """Initial weights of convolutional and fully connected layers."""
    policy_init_gain: float = 1.0
    """Gain of the initialisation."""
    actor_critic_share_weights: bool = True
    """One network with two heads, or a network each for policy and value."""
    use_spectral_norm: bool = False
    """Apply spectral normalisation to fully connected layers."""
    adaptive_stddev: bool = True
    """Continuous actions: the standard deviation depends on the observation, or is one parameter per dimension."""
    initial_stddev: float = 1.0
    """Continuous actions: initial standard deviation, if it does not depend on the observation."""
    use_rnn: bool = True
    """Put a recurrent core between encoder and heads."""
    rnn_type: Literal["gru", "lstm"] = "gru"
    """Cell of the recurrent core."""
    rnn_num_layers: int = 1
    """Layers of the recurrent core."""
    core_custom: str | None = None
    """Name of a registered core, which then replaces --use_rnn, --rnn_type and --rnn_num_layers."""
    action_distribution_custom: str | None = None
    """Name of a registered distribution for continuous actions, which then replaces the Gaussian and its --*_stddev."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_positive(self, "obs_scale", "hidden_size", "policy_init_gain", "initial_stddev", "rnn_num_layers")
        check_at_least(self, 0, "encoder_extra_fc_layers")
        if any(width <= 0 for width in self.encoder_mlp_layers):
            raise ValueError(f"--encoder_mlp_layers={list(self.encoder_mlp_layers)} must be greater than 0")
