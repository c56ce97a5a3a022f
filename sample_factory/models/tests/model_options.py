"""A model configuration for tests, small and quick. Knows no command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SmallModelOptions:
    """The fields of ModelOptions with small defaults."""

    obs_subtract_mean: float = 0.0
    obs_scale: float = 1.0
    normalize_input: bool = False
    encoder_type: str = "conv"
    encoder_subtype: str = "convnet_simple"
    encoder_custom: str | None = None
    core_custom: str | None = None
    action_distribution_custom: str | None = None
    encoder_extra_fc_layers: int = 1
    encoder_mlp_layers: tuple[int, ...] = (16, 16)
    hidden_size: int = 16
    nonlinearity: str = "elu"
    policy_initialization: str = "orthogonal"
    policy_init_gain: float = 1.0
    actor_critic_share_weights: bool = True
    use_spectral_norm: bool = False
    adaptive_stddev: bool = True
    initial_stddev: float = 1.0
    use_rnn: bool = True
    rnn_type: str = "gru"
    rnn_num_layers: int = 1
