"""The experiment folder: where it is, what happens if it exists, cfg.json, git.diff and done. Knows no checkpoint."""

from __future__ import annotations

import datetime
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from sample_factory.config.command_line import given_on_command_line, peek
from sample_factory.config.config import Config
from sample_factory.config.run import ExperimentConfig, RunConfig, default_train_dir
from sample_factory.config.values import flat

CFG, DONE, GIT_DIFF = "cfg.json", "done", "git.diff"
"""Files in the experiment folder."""


def experiment_dir(run: ExperimentConfig) -> Path:
    """Folder of the experiment, whether or not it exists."""
    return _folder(run.train_dir, run.experiments_root, run.experiment)


def named_dir(argv: Sequence[str]) -> Path:
    """Folder of the experiment that a command line names, before anything else of it is understood."""
    return _folder(
        peek(argv, "train_dir") or default_train_dir(),
        peek(argv, "experiments_root"),
        peek(argv, "experiment") or ExperimentConfig.experiment,
    )


def load_saved(argv: Sequence[str]) -> dict[str, Any] | None:
    """cfg.json of the experiment that this command line resumes; None if there is none, or it asks not to resume."""
    if peek(argv, "restart_behavior") in ("restart", "overwrite"):
        return None
    folder = named_dir(argv)
    return load_cfg(folder) if (folder / CFG).is_file() else None


def prepare(config: Config) -> Path:
    """Create the folder after `restart_behavior` has dealt with an existing one.

    Raises:
        ValueError: the folder cannot be created, moved, deleted or written to.
    """
    folder = experiment_dir(config.run)
    try:
        if folder.is_dir() and config.run.restart_behavior == "restart":
            folder.rename(_free_name(folder))
        if folder.is_dir() and config.run.restart_behavior == "overwrite":
            _delete(folder)
    except OSError as error:
        raise _not_writable(folder, error) from None
    return create(folder)


def create(folder: Path) -> Path:
    """Create the folder if it does not exist.

    Raises:
        ValueError: it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(folder / ".writable", "")
        (folder / ".writable").unlink()
    except OSError as error:
        raise _not_writable(folder, error) from None
    return folder


def _not_writable(folder: Path, error: OSError) -> ValueError:
    return ValueError(f"cannot write to the experiment folder {folder}: {error.strerror or error}")


def save_cfg(folder: Path, config: Any, argv: Sequence[str]) -> dict[str, Any]:
    """Write cfg.json and git.diff; an id for Weights and Biases outlives resuming. Returns what cfg.json contains."""
    values = flat(config)
    known_id = load_cfg(folder).get("wandb_unique_id") if (folder / CFG).is_file() else None
    contents = values | {
        "command_line": shlex.join(argv),
        "cli_args": {name: values[name] for name in given_on_command_line(argv) if name in values},
        "git_hash": _git("rev-parse", "HEAD").strip() or "unknown",
        "git_repo_name": Path(_git("rev-parse", "--show-toplevel").strip()).name or "not a git repository",
        "wandb_unique_id": known_id or f"{config.run.experiment}_{datetime.datetime.now():%Y%m%d_%H%M%S_%f}",
    }
    replace_text(folder / CFG, json.dumps(contents, indent=2))
    replace_text(folder / GIT_DIFF, _git("diff", "HEAD"))
    return contents


def load_cfg(folder: Path) -> dict[str, Any]:
    """Contents of cfg.json.

    Raises:
        ValueError: it cannot be read, or is no JSON object.
    """
    path = folder / CFG
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(contents, dict):
        raise ValueError(f"{path} does not contain a JSON object")
    return contents


def mark_done(folder: Path, env_steps: int, run: RunConfig) -> None:
    """Write down that the run reached its end, at `env_steps` environment frames."""
    replace_text(folder / DONE, json.dumps({"env_steps": env_steps, **_limits(run)}))


def is_done(folder: Path, run: RunConfig) -> bool:
    """Whether the run reached its end, and has not since been given a limit that lets it go on."""
    try:
        done = json.loads((folder / DONE).read_text(encoding="utf-8"))
        if run.train_for_env_steps <= done["env_steps"]:
            return True
        return all(limit <= done[name] for name, limit in _limits(run).items())
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _limits(run: RunConfig) -> dict[str, int]:
    """What ended the run, each such that more lets it run on."""
    limits = {"train_for_env_steps": run.train_for_env_steps, "train_for_seconds": run.train_for_seconds}
    return limits | {"no_benchmark": int(not run.benchmark)}


def _folder(train_dir: str, experiments_root: str | None, experiment: str) -> Path:
    return Path(train_dir).expanduser() / (experiments_root or "") / experiment


def _free_name(folder: Path) -> Path:
    candidates = (folder.with_name(f"{folder.name}_old{number:04d}") for number in count(1))
    return next(path for path in candidates if not path.exists())


def _delete(folder: Path) -> None:
    # A mistyped folder name must never cost anybody their files.
    if any(folder.iterdir()) and not (folder / CFG).is_file():
        raise ValueError(
            f"--restart_behavior=overwrite does not delete {folder}: it has no {CFG}, so it is no experiment"
        )
    shutil.rmtree(folder)


def replace_text(path: Path, text: str) -> None:
    """Replace a file at once: a reader or a crash sees the old text or the new one."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _git(*arguments: str) -> str:
    """Output of git in the current folder; empty without git or outside a repository."""
    try:
        done = subprocess.run(("git", *arguments), capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace")
