"""Options of the APPO learner. Know nothing about how experience was collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sample_factory.config.checks import check_at_least, check_choices, check_fraction, check_positive


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """How policies are trained."""

    learning_rate: float = 1e-4
    """Step size of Adam."""
    lr_schedule: Literal["constant", "kl_adaptive_minibatch", "kl_adaptive_epoch"] = "constant"
    """Keep the learning rate, or adapt it to the change of the policy after each minibatch or each epoch."""
    lr_schedule_kl_threshold: float = 0.008
    """Change of the policy (KL divergence, nats) that the adaptive schedules aim at."""
    gamma: float = 0.99
    """Discount per step."""
    reward_scale: float = 1.0
    """Factor on all rewards, applied before clipping."""
    reward_clip: float = 10.0
    """Scaled rewards are clipped to plus or minus this."""
    adam_eps: float = 1e-6
    """Epsilon of Adam."""
    adam_beta1: float = 0.9
    """Decay of Adam's first moment."""
    adam_beta2: float = 0.999
    """Decay of Adam's second moment."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation (only without V-trace)."""
    recurrence: int = 32
    """Steps of backpropagation through time, a divisor of --rollout; 1 shuffles all steps (only without an RNN)."""
    ppo_clip_ratio: float = 0.1
    """Probability ratios are clipped to [1 / (1 + this), 1 + this]."""
    ppo_clip_value: float = 1.0
    """Largest change of a value estimate in one update, in units of the (scaled) return."""
    batch_size: int = 1024
    """Steps in one minibatch."""
    num_batches_per_iteration: int = 1
    """Minibatches collected before training on them."""
    ppo_epochs: int = 1
    """Passes over the collected minibatches."""
    num_minibatches_to_accumulate: int = -1
    """Minibatches that may wait while the learner trains; 0 alternates sampling and learning (no lag), -1 is chosen for
    the machine."""
    max_grad_norm: float = 4.0
    """The gradient is scaled down to this L2 norm; 0 never does."""
    exploration_loss_coeff: float = 0.003
    """Weight of the exploration loss."""
    value_loss_coeff: float = 0.5
    """Weight of the value loss."""
    kl_loss_coeff: float = 0.0
    """Weight of the penalty on the KL divergence from the behaviour policy; 1.0 helps with continuous actions."""
    exploration_loss: Literal["entropy", "symmetric_kl"] = "entropy"
    """Reward entropy, or penalise symmetric KL divergence from the uniform distribution."""
    max_entropy_coeff: float = 0.0
    """This much of the entropy (nats) of each action is added to its reward."""
    max_policy_lag: int = 10000
    """Steps taken by weights this many SGD steps older than the learner's are not trained on."""
    with_vtrace: bool = True
    """Correct values and advantages for policy lag with V-trace; otherwise use generalised advantage estimation."""
    vtrace_rho: float = 1.0
    """V-trace truncation level of the importance weights (rho)."""
    vtrace_c: float = 1.0
    """V-trace truncation level of the traces (c)."""
    normalize_returns: bool = False
    """Train values on returns normalised by their running mean and standard deviation."""
    train_in_background_thread: bool = True
    """Collect the next batch while training on the last, where sampling and learning overlap."""
    learner_main_loop_num_cores: int = 1
    """Threads for computations of the learner on the CPU."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the network in training and inference; auto takes what suits the device."""
    use_cpc: bool = False
    """Train encoder and core to predict observations from actions as well: the auxiliary loss CPC|A."""
    cpc_forward_steps: int = 8
    """CPC|A: largest number of steps predicted ahead, less than --rollout (V-trace) or --recurrence (otherwise)."""
    cpc_time_subsample: int = 6
    """CPC|A: steps sampled from each trajectory to predict from; all, if it has fewer."""
    cpc_forward_subsample: int = 2
    """CPC|A: predictions sampled at each of them, at most --cpc_forward_steps."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_positive(self, "learning_rate", "lr_schedule_kl_threshold", "reward_scale", "reward_clip", "adam_eps")
        check_positive(self, "ppo_clip_ratio", "ppo_clip_value", "vtrace_rho", "vtrace_c")
        check_positive(self, "recurrence", "batch_size", "num_batches_per_iteration", "ppo_epochs")
        check_positive(self, "learner_main_loop_num_cores")
        check_positive(self, "cpc_forward_steps", "cpc_time_subsample", "cpc_forward_subsample")
        check_at_least(self, -1, "num_minibatches_to_accumulate")
        check_at_least(self, 0, "max_grad_norm", "exploration_loss_coeff", "value_loss_coeff", "kl_loss_coeff")
        check_at_least(self, 0, "max_entropy_coeff", "max_policy_lag")
        check_fraction(self, "gae_lambda")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"--gamma={self.gamma} must be greater than 0 and at most 1")
        for name in ("adam_beta1", "adam_beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"--{name}={getattr(self, name)} must be at least 0 and less than 1")
        if self.use_cpc and self.cpc_forward_subsample > self.cpc_forward_steps:
            raise ValueError(
                f"--cpc_forward_subsample={self.cpc_forward_subsample} must be at most "
                f"--cpc_forward_steps={self.cpc_forward_steps}"
            )
