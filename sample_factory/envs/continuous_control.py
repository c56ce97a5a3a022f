"""Option values for learning continuous control from vectors, which the families of such tasks share. Knows no task.

Found on `mujoco_half_cheetah` and `mujoco_hopper` (`benchmarks/learning.py`): small networks, many passes over
normalised observations and returns, and a learning rate that follows how far each pass has moved the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULTS: Mapping[str, Any] = {
    "encoder_type": "mlp",
    "encoder_subtype": "mlp_mujoco",
    "hidden_size": 64,
    "encoder_extra_fc_layers": 0,
    "nonlinearity": "tanh",
    "use_rnn": False,
    "adaptive_stddev": False,
    "precision": "float32",
    "env_frameskip": 1,
    "num_envs_per_worker": 16,
    "rollout": 64,
    "recurrence": 64,
    "batch_size": 1024,
    "num_batches_per_iteration": 2,
    "ppo_epochs": 5,
    "with_vtrace": False,
    "normalize_input": True,
    "normalize_returns": True,
    "reward_clip": 1000.0,
    "ppo_clip_ratio": 0.2,
    "exploration_loss_coeff": 0.0,
    "max_grad_norm": 1.0,
    "learning_rate": 3e-4,
    "lr_schedule": "kl_adaptive_epoch",
}
