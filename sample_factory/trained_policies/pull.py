"""Gets a policy from a collection into train_dir, all of it and checked, or nothing. Knows no network protocol."""

from __future__ import annotations

import json
from pathlib import Path

from sample_factory.algorithms.appo.exported_folder import CFG_FILE, check_portable
from sample_factory.config.run import RunConfig
from sample_factory.system.new_folder import new_folder
from sample_factory.trained_policies.index import Entry
from sample_factory.trained_policies.sources import Source


def pull(source: Source, entry: Entry, train_dir: Path, experiment: str) -> Path:
    """Copy the files of a policy to a new folder of `train_dir`; returns it.

    Raises:
        ValueError: one line: a file is missing or is not what the index says, or the folder exists.
    """
    RunConfig(env=entry.env, experiment=experiment)  # whether it is the name of a folder
    with new_folder(train_dir / experiment) as partial:
        for name in entry.files:
            (partial / name).write_bytes(read_checked(source, entry, name))
        _check_cfg(partial / CFG_FILE, entry)
    return train_dir / experiment


def read_checked(source: Source, entry: Entry, name: str) -> bytes:
    """A file of a policy.

    Raises:
        ValueError: one line: it cannot be read, or is not what the index says.
    """
    expected = entry.files[name]
    data = source.read(f"{entry.name}/{name}", expected.size_bytes)
    if not expected.is_of(data):
        raise ValueError(
            f"{entry.name}/{name} of {source.place} is damaged or another one: its SHA-256 is not the index's"
        )
    return data


def _check_cfg(path: Path, entry: Entry) -> None:
    try:
        cfg = json.loads(path.read_text(encoding="utf-8"))
        env = cfg["env"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{entry.name}/{CFG_FILE} holds no options of an experiment") from None
    if env != entry.env:
        raise ValueError(f"{entry.name}/{CFG_FILE} is of the environment {env}, not {entry.env}")
    check_portable(cfg, f"{entry.name}/{CFG_FILE}")
