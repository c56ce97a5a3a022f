"""Experiments on the disk: which there are below some folders, their options and their summaries. Judges nothing."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sample_factory.config.experiment import CFG, DONE, load_cfg
from sample_factory.runner.results.event_file import Events, read_events

_SUMMARIES = ".summary"
_KEPT = ".results"
"""Folder in an experiment with what was read of its event files."""
_REPLACED = re.compile(r"(?P<name>.*)_old\d{4,}")


class Points(NamedTuple):
    """One summary of one policy."""

    frames: np.ndarray
    """int64 [n], increasing."""
    values: np.ndarray
    """float32 [n], not all of them finite."""


@dataclass(frozen=True)
class Experiment:
    """One training run as its folder shows it."""

    name: str
    """Path below the root of all that were asked for."""
    folder: Path
    cfg: Mapping[str, Any]
    """Contents of cfg.json."""
    is_done: bool
    policies: tuple[Mapping[str, Points], ...]
    """Summaries of each policy by tag."""

    @property
    def env(self) -> str:
        """Name of the environment."""
        return str(self.cfg["env"])

    @property
    def seed(self) -> int | None:
        """None: everybody got another one."""
        seed: int | None = self.cfg.get("seed")
        return seed


@dataclass(frozen=True)
class Found:
    """All experiments that were asked for."""

    root: Path
    """The folder that was named, or the deepest one that has all of them."""
    experiments: list[Experiment]
    notes: list[str]
    """What was passed over, in sentences."""


def load_experiments(masks: Sequence[str]) -> Found:
    """Read all experiments in and below the folders that the masks match.

    Raises:
        ValueError: a mask matches no folder, or there is no experiment in them.
    """
    tops = [top for mask in masks for top in _expand(mask)]
    folders = sorted({folder for top in tops for folder in _experiment_folders(top)})
    notes = []
    replaced = [folder for folder in folders if _is_replaced(folder)]
    if replaced:
        notes.append(f"passed over, because --restart_behavior=restart replaced them: {len(replaced)} experiments")
        folders = [folder for folder in folders if folder not in replaced]
    if not folders:
        raise ValueError(f"there is no experiment (a folder with {CFG}) in {' '.join(masks)}")
    root = Path(os.path.commonpath([top.parent if (top / CFG).is_file() else top for top in tops]))
    loaded = [_load_or_say(folder, str(folder.relative_to(root)), notes) for folder in folders]
    experiments = [experiment for experiment in loaded if experiment is not None]
    if not experiments:
        raise ValueError("; ".join(notes))
    return Found(root, experiments, notes)


def load_experiment(folder: Path, name: str) -> Experiment:
    """Read one.

    Raises:
        ValueError: its cfg.json or a summary cannot be read.
    """
    cfg = load_cfg(folder)
    if not isinstance(cfg.get("env"), str):
        raise ValueError(f"{folder / CFG} does not name an environment")
    if not isinstance(cfg.get("seed"), (int, type(None))):
        raise ValueError(f"{folder / CFG} has a seed that is no whole number")
    return Experiment(name, folder, cfg, (folder / DONE).is_file(), load_summaries(folder))


def load_summaries(folder: Path) -> tuple[Mapping[str, Points], ...]:
    """Summaries of each policy of an experiment by tag; none at all if it has not written any yet.

    Raises:
        ValueError: they cannot be read.
    """
    numbers = sorted(int(path.name) for path in folder.glob(f"{_SUMMARIES}/*") if path.name.isdecimal())
    try:
        return tuple(_load_policy(folder, number) for number in numbers)
    except OSError as error:
        raise ValueError(f"cannot read the summaries of {folder}: {error.strerror or error}") from None


def join(files: Sequence[Events]) -> dict[str, Points]:
    """Summaries by tag of a policy's event files, of which each but the first was begun when training was resumed."""
    ordered = sorted((events for events in files if len(events.frames)), key=lambda events: events.started)
    if not ordered:
        return {}
    tags = sorted({tag for events in ordered for tag in events.tags})
    tag = np.concatenate([np.searchsorted(tags, events.tags)[events.tag] for events in ordered])
    frames = np.concatenate([events.frames for events in ordered])
    values = np.concatenate([events.values for events in ordered])
    valid = still_valid(frames)
    found = {}
    for number, name in enumerate(tags):
        chosen = valid & (tag == number)
        if chosen.any():
            found[name] = _newest_of_each_frame(Points(frames[chosen], values[chosen]))
    return found


def still_valid(frames: np.ndarray) -> np.ndarray:
    """Which of the points [n], in the order in which they were written, belong to the weights there are now.

    Training that is resumed goes on at its last checkpoint: what was written beyond it is void once there is something
    newer. A point at frame 0 makes nothing void: some are written before the learner has said where it goes on.
    """
    void_from = np.minimum.accumulate(np.where(frames > 0, frames, np.iinfo(np.int64).max)[::-1])[::-1]
    is_first_zero = (frames > 0) | (np.maximum.accumulate(frames) == 0)
    return np.asarray((frames <= void_from) & is_first_zero)


def _load_or_say(folder: Path, name: str, notes: list[str]) -> Experiment | None:
    """One broken experiment must not hide the others."""
    try:
        return load_experiment(folder, name)
    except ValueError as error:
        notes.append(f"passed over: {error}")
        return None


def _newest_of_each_frame(points: Points) -> Points:
    last = np.append(points.frames[1:] != points.frames[:-1], True)
    return Points(points.frames[last], points.values[last])


def _load_policy(folder: Path, number: int) -> dict[str, Points]:
    files = sorted((folder / _SUMMARIES / str(number)).glob("*tfevents*"))
    # Not under the same name: TensorBoard reads every file whose name has "tfevents" in it.
    kept = [folder / _KEPT / f"{number}.{path.name.replace('tfevents', 'scalars')}.npz" for path in files]
    return join([read_events(*paths) for paths in zip(files, kept, strict=True)])


def _expand(mask: str) -> list[Path]:
    found = [Path(os.path.abspath(path)) for path in glob.glob(os.path.expanduser(mask), recursive=True)]
    folders = [path for path in found if path.is_dir()]
    if not folders:
        raise ValueError(f"{mask} matches no folder")
    return folders


def _experiment_folders(top: Path) -> list[Path]:
    """The folder itself, or all below it; an experiment has none in it."""
    found = []
    for path, subfolders, files in os.walk(top):
        if CFG in files:
            found.append(Path(path))
            subfolders.clear()
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
    return found


def _is_replaced(folder: Path) -> bool:
    match = _REPLACED.fullmatch(folder.name)
    return match is not None and (folder.with_name(match["name"]) / CFG).is_file()
