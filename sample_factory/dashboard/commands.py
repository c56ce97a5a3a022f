"""Command lines that go on with an experiment. Runs none of them, and does not know whether they would work."""

from __future__ import annotations

import glob
import shlex
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """One to copy."""

    what: str
    line: str


def commands_for(root: Path, folder: Path, env: str, is_population: bool) -> list[Command]:
    """What there is to do with the experiment in `folder`, which is below `root`, the train_dir."""
    where = _where(root, folder)
    train = ["python", "-m", "sample_factory.algorithms.appo.train_appo", f"--env={env}", *where]
    enjoy = ["python", "-m", "sample_factory.algorithms.appo.enjoy_appo", f"--env={env}", *where]
    found = [Command("Train on", shlex.join(train)), Command("Watch it", shlex.join(enjoy))]
    if folder != root:
        mask = glob.escape(str(folder.relative_to(root)))
        found.append(Command("TensorBoard", shlex.join(["python", "-m", "sample_factory.tb", mask, f"--dir={root}"])))
    if is_population:
        lineage = ["python", "-m", "sample_factory.algorithms.appo.lineage", *where]
        found.append(Command("Family tree as a file", shlex.join(lineage)))
    return found


def _where(root: Path, folder: Path) -> list[str]:
    """The flags that name the experiment, as short as may be."""
    if folder == root:
        return [f"--train_dir={root.parent}", f"--experiment={root.name}"]
    parts = folder.relative_to(root).parts
    below = [f"--experiments_root={'/'.join(parts[:-1])}"] if parts[:-1] else []
    return [f"--train_dir={root}", *below, f"--experiment={parts[-1]}"]
