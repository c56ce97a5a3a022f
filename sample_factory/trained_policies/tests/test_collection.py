"""The collection of this repository: whole, described, and as good as it says."""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest

from sample_factory.algorithms.appo.export import __main__ as export
from sample_factory.algorithms.appo.exported_folder import check_portable
from sample_factory.trained_policies.evaluate import keeps_claim, measure
from sample_factory.trained_policies.index import FILES, INDEX_FILE, Entry, Score, read_index
from sample_factory.trained_policies.table import with_table
from sample_factory.trained_policies.tests.conftest import ROOT

ENTRIES = read_index((ROOT / INDEX_FILE).read_bytes(), INDEX_FILE)
_QUICK = ("tmaze_", "recall_", "gym_")
_EPISODES = 20


def _needs(entry: Entry) -> pytest.ParameterSet:
    marks = [] if entry.env.startswith(_QUICK) else [pytest.mark.slow]
    return pytest.param(entry, id=entry.name, marks=marks)


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="needs the safetensors package")
@pytest.mark.parametrize("entry", [_needs(entry) for entry in ENTRIES])
def test_a_policy_is_as_good_as_it_says(entry: Entry) -> None:
    measured = measure(ROOT / entry.name, _EPISODES, 0, entry.score.deterministic)
    assert keeps_claim(entry.score, measured), f"{measured} instead of {entry.score}"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_files_are_those_of_the_index(entry: Entry) -> None:
    folder = ROOT / entry.name
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(FILES)
    assert all(entry.files[name].is_of((folder / name).read_bytes()) for name in FILES)
    check_portable(json.loads((folder / "cfg.json").read_text()), "cfg.json")
    assert json.loads((folder / "policy.json").read_text())["env"] == entry.env
    assert len(imageio.imread(folder / "replay.gif")) > 10
    assert entry.score.episodes >= 100
    assert entry.train.startswith("python -m sample_factory.algorithms.appo.train_appo ")


def test_the_table_is_that_of_the_index() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_table(readme, ENTRIES) == readme
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert folders == {entry.name for entry in ENTRIES}


@pytest.mark.parametrize(
    ("mean", "episodes", "holds"),
    [(10.0, 25, True), (11.2, 25, True), (8.8, 25, True), (11.3, 25, False), (8.7, 25, False), (10.8, 100, False)],
)
def test_a_claim_is_kept_within_three_standard_errors(mean: float, episodes: int, holds: bool) -> None:
    # Episodes have a standard deviation of 2: with 10000 of them claimed and 25 played, the error is 0.4.
    claimed = Score("reward", 10.0, 0.02, 10000, False)
    assert keeps_claim(claimed, Score("reward", mean, 99.0, episodes, False)) == holds
    assert not keeps_claim(claimed, Score("true_objective", 10.0, 0.02, 10000, False))


def test_where_all_episodes_are_equal_only_equal_ones_keep_the_claim() -> None:
    claimed = Score("reward", 4.0, 0.0, 100, False)
    assert keeps_claim(claimed, Score("reward", 4.0000001, 0.0, 20, False))
    assert not keeps_claim(claimed, Score("reward", 3.9, 0.1, 20, False))


def test_the_readme_tells_others_how_to_act(tmp_path: Path) -> None:
    for package in ("onnx", "onnxruntime", "safetensors"):
        pytest.importorskip(package, reason=f"needs the {package} package")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## In other programs")[1]
    command, program = section.split("```\n")[1], section.split("```python\n")[1].split("```")[0]
    _, _, *arguments = shlex.split(command)
    arguments = [argument.replace("trained_policies", str(ROOT)) for argument in arguments[1:]]
    assert export.main([*arguments[:-1], f"--output={tmp_path / 'tmaze_onnx'}"]) == 0
    assert arguments[-1] == "--output=tmaze_onnx"
    check = "assert actions.shape == (1, 1) and action_params.shape == (1, 3) and state.any()"
    subprocess.run([sys.executable, "-c", program + check], cwd=tmp_path, check=True)
