"""Seeds of the environments of a group. Knows no random number generator."""

from __future__ import annotations

# Some simulators take a signed 32-bit seed.
_SEED_RANGE = 2**31
# Gives environments that are made anew a range of their own, far from the first seeds of the group.
_RESTART_STRIDE = 1_000_003


def env_seed(seed: int | None, env: int, restart: int = 0) -> int | None:
    """The seed of environment number `env`: seed + env at first, another one after each restart; None stays None."""
    return None if seed is None else (seed + env + _RESTART_STRIDE * restart) % _SEED_RANGE
