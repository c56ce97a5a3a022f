"""`sampler_doom` and `sampler_breakout`: environments with random actions and nobody who learns. Runs nothing."""

from __future__ import annotations

import json

from benchmarks.cases.breakout import ALE, ENVPOOL
from benchmarks.cases.case import Case, Setting
from benchmarks.cases.command_lines import loops, our_sampler, raw_envpool, raw_envpool_setting
from benchmarks.cases.work import Backend

_DOOM = Backend("doom_benchmark")


def sampler_doom(python: str) -> Case:
    """The case."""
    packages = ("vizdoom", "opencv-python-headless")
    return Case(
        name="sampler_doom",
        what="the environments of doom with random actions, without learning: our sampler, and bare loops",
        ours=our_sampler(python, tuple(_sampler(_DOOM, num) for num in (8, 4, 16)), packages),
        peers=(loops(python, tuple(_loop(_DOOM, num) for num in (8, 4, 16)), packages),),
    )


def sampler_breakout(python: str) -> Case:
    """The case."""
    packages = ("ale-py", "envpool", "opencv-python-headless")
    choices = [(ALE, 16, "ale-py"), (ENVPOOL, 16, "EnvPool"), (ALE, 64, "ale-py"), (ENVPOOL, 64, "EnvPool")]
    return Case(
        name="sampler_breakout",
        what="the environments of breakout with random actions, without learning: our sampler, bare loops, and EnvPool "
        "by itself",
        ours=our_sampler(python, tuple(_sampler(*choice) for choice in choices), packages),
        peers=(
            loops(python, tuple(_loop(*choice) for choice in choices), packages),
            raw_envpool(
                ("--task=Breakout-v5",),
                (
                    raw_envpool_setting(64, 32, 2),
                    raw_envpool_setting(32, 32, 2),
                    raw_envpool_setting(128, 128, 2),
                    raw_envpool_setting(16, 8, 2),
                    raw_envpool_setting(128, 32, 2),
                    raw_envpool_setting(64, 32, 3),
                ),
            ),
        ),
    )


def _sampler(backend: Backend, num_envs: int, note: str = "") -> Setting:
    flags = [f"--{name}={value}" for name, value in backend.options.items()]
    return Setting(_named(num_envs, note), (f"--env={backend.env}", f"--num_envs_per_worker={num_envs}", *flags))


def _loop(backend: Backend, num_envs: int, note: str = "") -> Setting:
    options = json.dumps(dict(backend.options))
    return Setting(_named(num_envs, note), (f"--env={backend.env}", f"--num_envs={num_envs}", f"--options={options}"))


def _named(num_envs: int, note: str) -> str:
    return f"{num_envs} a core" + (f", {note}" if note else "")
