"""Makes the folders of a study as training does: cfg.json, event files, done. Trains nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sample_factory.system.summaries import SummaryWriter

REWARD = "0_aux/avg_reward"


def make_experiment(
    folder: Path,
    policies: Sequence[Mapping[str, Sequence[tuple[int, float]]]] = (),
    is_done: bool = True,
    **cfg: Any,
) -> Path:
    """`policies` are summaries by tag."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cfg.json").write_text(json.dumps({"env": "small", "seed": 0} | cfg))
    for number, summaries in enumerate(policies):
        write_summaries(folder, number, summaries)
    if is_done:
        (folder / "done").write_text("{}")
    return folder


def write_summaries(folder: Path, policy: int, summaries: Mapping[str, Sequence[tuple[int, float]]]) -> Path:
    """One more event file; points are written in the order of their frames. Returns the file."""
    directory = folder / ".summary" / str(policy)
    before = set(directory.glob("*"))
    # Files of the same second and process would have the same name.
    writer = SummaryWriter(directory)
    writer._path = directory / f"{writer._path.name}.{len(before)}"
    points = [(frames, tag, value) for tag, curve in summaries.items() for frames, value in curve]
    for frames, tag, value in sorted(points, key=lambda point: point[0]):
        writer.scalar(tag, value, frames)
    writer.close()
    return writer._path


def line(end: int, height: float, count: int = 11) -> list[tuple[int, float]]:
    """From 0 at frame 0 to `height` at `end`."""
    return [(end * i // (count - 1), height * i / (count - 1)) for i in range(count)]
