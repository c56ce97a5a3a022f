"""What is compared: every case by name. Does not run anything.

A case fixes what all systems must share: environment, frameskip, network, rollout and batch. A setting is what each
system may choose for itself (processes, environments per process, scheduling, threads). The first setting of a system
is the best one known on a 2-core machine; `--tune` tries all of them.
"""

from __future__ import annotations

import sys

from benchmarks.cases.automatic import automatic
from benchmarks.cases.breakout import breakout
from benchmarks.cases.cartpole import cartpole
from benchmarks.cases.cartpole_small import cartpole_small
from benchmarks.cases.case import ROOT, Case, Setting, System
from benchmarks.cases.doom import doom, doom_32
from benchmarks.cases.half_cheetah import half_cheetah
from benchmarks.cases.multi_agent import multi_agent
from benchmarks.cases.policies import policies_acrobot, policies_cartpole
from benchmarks.cases.samplers import sampler_breakout, sampler_doom

__all__ = ["ROOT", "Case", "Setting", "System", "all_cases"]


def all_cases(python: str = sys.executable, device: str = "cpu") -> dict[str, Case]:
    """Every case by name; `python` runs this project's own engine, `device` is where all systems learn."""
    training = (
        doom,
        doom_32,
        cartpole,
        cartpole_small,
        breakout,
        half_cheetah,
        multi_agent,
        policies_acrobot,
        policies_cartpole,
    )
    cases = [make(python, device) for make in training] + [sampler_doom(python), sampler_breakout(python)]
    cases += [automatic(make(python, device)) for make in (doom, cartpole, cartpole_small, breakout)]
    return {case.name: case for case in cases}
