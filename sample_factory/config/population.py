"""Options of population-based training and self-play. Know nothing about how hyper-parameters reach the learners."""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.config.checks import check_at_least, check_fraction, check_positive


@dataclass(frozen=True, kw_only=True)
class SelfPlayConfig:
    """Past versions of the policies as opponents, in environments with several agents."""

    self_play_pool_size: int = 0
    """Past versions of each policy that play as well, without learning; 0 for none. Beyond it the oldest goes."""
    self_play_save_every: int = 1_000_000
    """Environment frames of a policy between two of its versions that are kept."""
    self_play_past_share: float = 0.5
    """Share of all matches in which one agent meets past versions only, those more often that it loses against."""

    def __post_init__(self) -> None:
        check_at_least(self, 0, "self_play_pool_size")
        check_positive(self, "self_play_save_every")
        check_fraction(self, "self_play_past_share")


@dataclass(frozen=True, kw_only=True)
class PbtConfig:
    """Population-based training of several policies."""

    with_pbt: bool = False
    """Mutate hyper-parameters of the policies and replace bad policies by good ones."""
    pbt_mix_policies_in_one_env: bool = True
    """Agents of one environment may be played by different policies (in any run with several policies)."""
    pbt_period_env_steps: int = 5_000_000
    """Environment frames of a policy between two updates of the population."""
    pbt_start_mutation: int = 20_000_000
    """Environment frames of a policy before the first update of the population."""
    pbt_replace_fraction: float = 0.3
    """Fraction of the policies, from the bottom, that may be replaced."""
    pbt_mutation_rate: float = 0.15
    """Probability that a hyper-parameter changes in a mutation."""
    pbt_replace_reward_gap: float = 0.1
    """Relative gap in the objective needed to replace a policy."""
    pbt_replace_reward_gap_absolute: float = 1e-6
    """Absolute gap in the objective needed to replace a policy."""
    pbt_optimize_batch_size: bool = False
    """Mutate the batch size too."""
    pbt_optimize_gamma: bool = False
    """Mutate the discount too."""
    pbt_target_objective: str = "true_reward"
    """Statistic of episodes by which policies are compared."""
    pbt_perturb_min: float = 1.05
    """Smallest factor of a mutation."""
    pbt_perturb_max: float = 1.5
    """Largest factor of a mutation."""

    def __post_init__(self) -> None:
        check_positive(self, "pbt_period_env_steps")
        check_at_least(self, 0, "pbt_start_mutation", "pbt_replace_reward_gap", "pbt_replace_reward_gap_absolute")
        check_fraction(self, "pbt_replace_fraction", "pbt_mutation_rate")
        check_at_least(self, 1, "pbt_perturb_min")
        if not self.pbt_perturb_max >= self.pbt_perturb_min:
            raise ValueError(
                f"--pbt_perturb_max={self.pbt_perturb_max} must not be less than "
                f"--pbt_perturb_min={self.pbt_perturb_min}"
            )
