"""The picture of a lineage, from the command line."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.lineage import main
from sample_factory.algorithms.appo.lineage_file import Decision


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """The arguments that name an experiment with four policies, of which policy 3 wins."""
    folder = tmp_path / "four"
    folder.mkdir()
    for policy in range(4):
        _append(folder, policy, 0, None, 1e-4 * (policy + 1))
    for number in (1, 2):
        for policy in range(3):
            source = 3 if policy < number else None
            _append(folder, policy, number, source, 1e-4 * (policy + 1) * 1.2**number)
    return [f"--train_dir={tmp_path}", "--experiment=four"]


def _append(folder: Path, policy: int, number: int, source: int | None, rate: float) -> None:
    objectives = [policy * number * 1.0 for policy in range(4)] if number else []
    values = {"learning_rate": rate, "gamma": 0.99}
    shaping = {"goal": -1.0 - number}
    decision = Decision(policy, number, source, "", number * 3_000_000, objectives, values, shaping, "")
    lineage_file.append(folder, decision)


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith("error: ")
    return captured.err.removeprefix("error: ").removesuffix("\n")


def test_the_picture_stands_in_the_experiment_folder(names, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(names) == 0
    path = tmp_path / "four" / "lineage.svg"
    assert capsys.readouterr().out == f"{path}\n"
    text = path.read_text()
    for part in ("four: 4 policies, 3 replacements, weights of 2 founders left", "million frames", "learning_rate"):
        assert part in text
    assert (text.count(">from 3<"), text.count(">from 2<")) == (3, 1)


@pytest.mark.parametrize("parameter", ["gamma", "goal"])
def test_a_png_with_another_parameter(names, tmp_path, parameter):
    pytest.importorskip("matplotlib")
    path = tmp_path / "tree.png"
    assert main([*names, f"--parameter={parameter}", f"--out={path}"]) == 0
    assert imageio.imread(path).shape[:2] == (960, 1200)


def test_a_lineage_that_has_just_begun_and_one_with_many_policies(tmp_path):
    pytest.importorskip("matplotlib")
    for count in (2, 30):
        folder = tmp_path / str(count)
        folder.mkdir()
        for policy in range(count):
            _append(folder, policy, 0, None, 1e-4)
        assert main([f"--train_dir={tmp_path}", f"--experiment={count}"]) == 0
        assert (folder / "lineage.svg").exists()


def test_mistakes_are_one_line(names, tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    error = _error(capsys, names[0], "--experiment=nowhere")
    assert error == f"{nowhere} has no lineage: only training with --with_pbt=True writes lineage.jsonl"
    error = _error(capsys, *names, "--parameter=momentum")
    assert error == "--parameter=momentum is not in this lineage; it has gamma, goal, learning_rate"
    assert _error(capsys, *names, "--out=tree.bmp") == "--out=tree.bmp must end in .svg, .png or .pdf"
    assert _error(capsys, *names, "--out=nowhere/tree.png").endswith("is in a folder that does not exist")
    (tmp_path / "four" / lineage_file.FILE_NAME).write_text("nothing\n")
    assert "lineage.jsonl is damaged: " in _error(capsys, *names)


def test_a_missing_matplotlib_is_one_line(names, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "sample_factory.algorithms.appo.lineage_picture", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    error = _error(capsys, *names)
    assert error == "a picture needs the package 'matplotlib': pip install 'sample-factory[plot]'"
