"""Whether an environment keeps to the rules, how fast it is and how to run it: `check_env`. Knows no training."""

from sample_factory.envs.check.checker import check_env

__all__ = ["check_env"]
