"""Command-line options of the DMLab family. Knows no simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_STEP = 4  # DeepMind Lab's: sizes must be multiples of it


@dataclass(frozen=True)
class DmlabOptions:
    """How DeepMind Lab renders, which tasks are played where, and where compiled levels are kept."""

    res_w: int = 96
    """Width of the observation in pixels, a multiple of 4."""
    res_h: int = 72
    """Height of the observation in pixels, a multiple of 4."""
    dmlab_throughput_benchmark: bool = False
    """Measure speed only: random actions instead of the policy's, always seed 42, no instructions."""
    dmlab_renderer: Literal["software", "hardware"] = "software"
    """Who draws: the CPU, or a GPU with EGL."""
    dmlab_gpus: tuple[int, ...] = (0,)
    """GPUs that draw with --dmlab_renderer=hardware, by EGL's numbers; the environments of a worker take turns."""
    dmlab30_dataset: str = "~/datasets/brady_konkle_oliva2008"
    """Folder with 0001.png to 2400.png, which two psychlab levels show; "dummy": plain colours instead."""
    dmlab_with_instructions: bool = True
    """Observe the instruction of language levels, as the numbers of its words, under "INSTR"."""
    dmlab_vocabulary: Literal["md5", "words"] = "md5"
    """Numbers of words: hashes, as Sample Factory 1, or numbers of their own for the words of DMLab-30."""
    dmlab_extended_action_set: bool = False
    """15 instead of 9 actions: turning slowly and fast, looking up and down."""
    dmlab_one_task_per_worker: bool = False
    """The environments of a worker all play the same level, instead of taking the levels in turn."""
    dmlab_use_test_levels: bool = False
    """Play the levels that DMLab-30 keeps for evaluation, where there are some."""
    dmlab_use_level_cache: bool = True
    """Keep compiled levels, and play kept ones before others are compiled."""
    dmlab_level_cache_path: str = ".dmlab_cache"
    """Folder of the level cache; several runs and machines may share one."""
    dmlab_level_cache_max_gb: float | None = None
    """Most that the level cache may take; when it is full, no level is added. None: no limit."""
    dmlab_max_compiles: int | None = None
    """Levels compiled at the same time on this machine, each by several threads. None: half as many as cores."""

    def __post_init__(self) -> None:
        for flag, value in (("res_w", self.res_w), ("res_h", self.res_h)):
            if value < _STEP or value % _STEP:
                raise ValueError(f"--{flag}={value} must be a positive multiple of {_STEP}")
        if not self.dmlab_gpus or min(self.dmlab_gpus) < 0:
            raise ValueError(f"--dmlab_gpus={list(self.dmlab_gpus)} must be one or more numbers from 0")
        if self.dmlab_level_cache_max_gb is not None and self.dmlab_level_cache_max_gb <= 0:
            raise ValueError(f"--dmlab_level_cache_max_gb={self.dmlab_level_cache_max_gb} must be more than 0")
        if self.dmlab_max_compiles is not None and self.dmlab_max_compiles < 1:
            raise ValueError(f"--dmlab_max_compiles={self.dmlab_max_compiles} must be at least 1")
