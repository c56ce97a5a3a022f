"""Option sections of made-up environment families. Know nothing about real ones."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class DoomLikeOptions:
    """Options of a family of 3D games."""

    res_w: int = 128
    """Width of the frame in pixels."""
    wide_aspect_ratio: bool = False
    """Render wide frames."""
    timelimit: float | None = None
    """Length of a match in minutes."""


@dataclass(frozen=True)
class LabLikeOptions:
    """Options of a family of tasks."""

    dmlab_renderer: str = "software"
    """Renderer."""
    dmlab30_dataset: str = os.path.join("~", "datasets")
    """Folder of the dataset."""
    dmlab_extended_action_set: bool = False
    """More actions."""
    dmlab_use_level_cache: bool = True
    """Use the cache."""
    dmlab_level_cache_path: str = "cache"
    """Folder of the cache."""
    dmlab_one_task_per_worker: bool = False
    """One task per worker."""
    dmlab_gpus: tuple[int, ...] = (0,)
    """Indices of GPUs."""
