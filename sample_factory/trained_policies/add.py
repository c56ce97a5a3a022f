"""Puts a policy of an experiment into a collection: exports, evaluates, films, writes it down. Knows no network."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sample_factory.algorithms.appo.evaluation import evaluate
from sample_factory.algorithms.appo.export.export import export_policy
from sample_factory.algorithms.appo.trained_policy import load_checkpoint
from sample_factory.config.experiment import load_cfg, replace_text
from sample_factory.config.export import ExportRunConfig
from sample_factory.config.trained_policies import AddOptions
from sample_factory.system.new_folder import new_folder
from sample_factory.trained_policies.evaluate import measure, options_for
from sample_factory.trained_policies.index import (
    FILES,
    INDEX_FILE,
    MAX_BYTES,
    VIDEO_FILE,
    Entry,
    Score,
    check_name,
    describe_file,
    write_index,
)
from sample_factory.trained_policies.sources import Folder, read_entries
from sample_factory.trained_policies.table import with_table

README = "README.md"
_TRAIN = "python -m sample_factory.algorithms.appo.train_appo"


def add(options: AddOptions) -> Entry:
    """Make the policy's folder, and rewrite index.json and the table of README.md.

    An entry whose folder has been deleted is replaced.

    Raises:
        ValueError: one line: the policy cannot be exported or filmed, is too large, or is there already.
    """
    collection = Path(options.source)
    name = check_name(options.name or options.experiment)
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / name
        _export(options, made)
        score = measure(made, options.episodes, options.seed, options.eval_deterministic)
        _film(options, made)
        entry = _describe(name, made, score, options.time)
        with new_folder(collection / name) as partial:
            for file in FILES:
                shutil.copyfile(made / file, partial / file)
    _write_down(collection, entry)
    return entry


def _export(options: AddOptions, made: Path) -> None:
    export_policy(
        ExportRunConfig(
            format="safetensors",
            experiment=options.experiment,
            experiments_root=options.experiments_root,
            train_dir=options.train_dir,
            policy_index=options.policy_index,
            load_checkpoint_kind=options.load_checkpoint_kind,
            precision=options.precision,
            output=str(made),
        )
    )


def _film(options: AddOptions, made: Path) -> None:
    how = f"--eval_deterministic={options.eval_deterministic}"
    length = f"--video_frames={options.video_frames}"
    evaluate(options_for(made, "--save_video", f"--video_name={VIDEO_FILE}", length, how, f"--seed={options.seed}"))


def _describe(name: str, made: Path, score: Score, time: str) -> Entry:
    files = {file: describe_file((made / file).read_bytes()) for file in FILES}
    size = sum(file.size_bytes for file in files.values())
    if size > MAX_BYTES:
        raise ValueError(
            f"{name} has {size / 1e6:.1f} MB and may have {MAX_BYTES / 1e6:.0f}: "
            "use a smaller --video_frames or --precision=bfloat16"
        )
    cfg = load_cfg(made)
    checkpoint = load_checkpoint(made, cfg["policy_index"], "latest")
    return Entry(name, cfg["env"], score, checkpoint.env_steps, time, f"{_TRAIN} {cfg['command_line']}", files)


def _write_down(collection: Path, entry: Entry) -> None:
    known = read_entries(Folder(str(collection))) if (collection / INDEX_FILE).is_file() else []
    entries = sorted([*(one for one in known if one.name != entry.name), entry], key=lambda one: one.name)
    replace_text(collection / INDEX_FILE, write_index(entries))
    readme = collection / README
    if readme.is_file():
        replace_text(readme, with_table(readme.read_text(encoding="utf-8"), entries))
