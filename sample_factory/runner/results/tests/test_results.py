"""The whole command, on folders as training writes them."""

from __future__ import annotations

import csv
import importlib.util
import json
import shlex
import signal
import subprocess
import sys
import time

import pytest

from sample_factory.config.command_line import given_on_command_line
from sample_factory.runner.ledger import Ledger
from sample_factory.runner.results.__main__ import main
from sample_factory.runner.results.tests.studies import REWARD, line, make_experiment

NEEDS_MATPLOTLIB = pytest.mark.skipif(not importlib.util.find_spec("matplotlib"), reason="needs matplotlib")
FAST = ("--resamples=50", "--figures=False")


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "my study"
    for env in ("small_a", "small_b"):
        for rate in (0.1, 0.2):
            for seed in range(3):
                make_experiment(
                    root / f"grid_/{env}_{rate}_{seed}",
                    [{REWARD: line(1000, 10 * rate + seed), "train/loss": [(500, 0.25), (1000, float("nan"))]}],
                    env=env,
                    seed=seed,
                    learning_rate=rate,
                    gamma=0.99,
                    command_line=f"--env={env} --learning_rate={rate} --seed={seed} --experiment=x --gamma 0.99",
                )
    return root


def test_table_has_every_point(folder, capsys):
    assert main([str(folder), *FAST]) == 0
    with (folder / "results" / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 * (11 + 2)
    assert list(rows[0]) == ["experiment", "env", "learning_rate", "seed", "policy", "frames", "tag", "value"]
    [last] = [
        row
        for row in rows
        if row["experiment"] == "grid_/small_b_0.2_2" and row["tag"] == REWARD and row["frames"] == "1000"
    ]
    assert last == {
        "experiment": "grid_/small_b_0.2_2", "env": "small_b", "learning_rate": "0.2", "seed": "2", "policy": "0",
        "frames": "1000", "tag": REWARD, "value": "4.0",
    }  # fmt: skip
    assert "156 rows" in capsys.readouterr().out


def test_table_may_have_fewer_tags(folder, tmp_path):
    assert main([str(folder), f"--out={tmp_path / 'out'}", "--tags", "train/*", "nothing", *FAST]) == 0
    text = (tmp_path / "out" / "table.csv").read_text()
    assert "train/loss,0.25" in text
    assert REWARD not in text


def test_table_is_the_same_in_parquet(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main([str(folder), *FAST]) == 0
    out = folder / "results"
    table = parquet.read_table(out / "table.parquet").to_pydict()
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(table) == list(rows[0])
    for name in ("experiment", "env", "tag"):
        assert table[name] == [row[name] for row in rows]
    for name, kind in (("frames", int), ("seed", int), ("policy", int), ("learning_rate", float)):
        assert table[name] == [kind(row[name]) for row in rows]
    assert [f"{value:.6g}" for value in table["value"]] == [f"{float(row['value']):.6g}" for row in rows]


def test_results_are_valid_json_with_the_numbers_of_the_table(folder, capsys):
    assert main([str(folder), *FAST]) == 0
    results = json.loads((folder / "results" / "results.json").read_text())
    env = results["envs"]["small_a"]
    assert env["best_by_final"] == env["best_by_auc"] == {"learning_rate": 0.2}
    assert [one["final"]["mean"] for one in env["settings"]] == pytest.approx([0.95 * 3, 0.95 * 2])
    assert env["settings"][0]["final"]["seeds"] == 3
    assert env["settings"][0]["curve"]["mean"][-1] == pytest.approx(3)
    assert results["hyper_parameters"] == ["learning_rate"]
    assert len(results["overall"]["settings"]) == 2
    shown = capsys.readouterr().out
    assert "small_a: episode reward at 1k frames" in shown
    assert "2.85" in shown
    assert "3 done" in shown
    assert "best by both: learning_rate=0.2" in shown


@NEEDS_MATPLOTLIB
def test_pictures_are_written(folder):
    assert main([str(folder), "--resamples=50"]) == 0
    out = folder / "results"
    for name in ("curves", "profiles"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "small_b" in (out / "curves.svg").read_text()
    assert not list(out.glob(".*"))


@NEEDS_MATPLOTLIB
def test_pictures_of_one_running_experiment_and_of_many_settings(tmp_path):
    make_experiment(tmp_path / "one" / "a", [{REWARD: line(1000, 1.0)}], is_done=False)
    assert main([str(tmp_path / "one"), "--resamples=50"]) == 0
    for number in range(12):
        for seed in range(1 + number % 2):
            curve = {REWARD: line(1000 - 100 * seed, float(number))}
            make_experiment(tmp_path / "many" / f"{number}_{seed}", [curve], seed=seed, gamma=number, core=str(number))
    assert main([str(tmp_path / "many"), "--resamples=50"]) == 0
    assert "others" in (tmp_path / "many" / "results" / "curves.svg").read_text()


def test_study_in_which_nothing_has_happened_yet_is_no_error(tmp_path, capsys):
    make_experiment(tmp_path / "a", is_done=False)
    assert main([str(tmp_path), "--resamples=50"]) == 0
    assert "without data" in capsys.readouterr().out


def test_confirmation_is_the_best_setting_with_new_seeds_in_a_folder_of_its_own(folder, capsys):
    assert main([str(folder), *FAST, "--confirm=2", "--program=python -m mine"]) == 0
    lines = [text for text in capsys.readouterr().out.splitlines() if text.startswith("python -m mine ")]
    assert len(lines) == 4
    given = [given_on_command_line(shlex.split(text)[3:]) for text in lines]
    assert [one["seed"] for one in given] == [["3"], ["4"], ["3"], ["4"]]
    assert [one["env"] for one in given] == [["small_a"]] * 2 + [["small_b"]] * 2
    for one in given:
        assert one["learning_rate"] == ["0.2"]
        assert one["gamma"] == ["0.99"]
        assert one["train_dir"] == [str(folder.parent)]
        assert one["experiments_root"] == ["my study_confirm"]
    assert len({one["experiment"][0] for one in given}) == 4


def _program(folder, text):
    """Flags that confirm with this program, which is told a path of its own first."""
    (folder / "program.py").write_text(
        f"import sys, time\nfrom pathlib import Path\npath = Path(sys.argv[1])\n{text}\n"
    )
    return ["--confirm=1", "--run", f"--program=python {folder / 'program.py'} {folder / 'path'}"]


def _run(arguments):
    """Exit status of the command as a process of its own: it starts others, and does not wait for all that they do."""
    return subprocess.run([sys.executable, "-m", "sample_factory.runner.results", *arguments], check=False).returncode


WRITE = "with path.open('a') as file: file.write('ran\\n')"


def test_confirmation_is_run_and_what_is_done_is_not_repeated(folder, tmp_path):
    arguments = [str(folder), *FAST, *_program(tmp_path, WRITE)]
    assert _run(arguments) == 0
    assert _run(arguments) == 0
    assert (tmp_path / "path").read_text() == "ran\n" * 2
    assert [entry.name for entry in Ledger(folder.with_name("my study_confirm")).entries()] == [
        "small_a_see_3",
        "small_b_see_3",
    ]
    assert _run([*arguments, "--confirm=2"]) == 0
    assert (tmp_path / "path").read_text() == "ran\n" * 4


def test_confirmation_that_fails_is_a_failure(folder, tmp_path):
    assert _run([str(folder), *FAST, *_program(tmp_path, "sys.exit(3)")]) == 1


def test_confirmation_runs_wherever_the_runner_can(folder, tmp_path):
    arguments = [str(folder), *FAST, *_program(tmp_path, WRITE)]
    assert _run([*arguments, "--runner_flags=--runner=commands"]) == 0
    lines = (folder.with_name("my study_confirm") / "commands.txt").read_text().splitlines()
    assert len(lines) == 2 and "--learning_rate=0.2" in lines[0]
    assert not (tmp_path / "path").exists()


def test_confirmation_goes_on_after_its_runner_was_killed(folder, tmp_path):
    wait = "while not Path(f'{path}.go').exists(): time.sleep(0.02)"
    arguments = [str(folder), *FAST, *_program(tmp_path, f"{WRITE}\n{wait}")]
    with subprocess.Popen([sys.executable, "-m", "sample_factory.runner.results", *arguments]) as process:
        _wait_for(tmp_path / "path")
        process.kill()
    (tmp_path / "path.go").touch()
    assert _run(arguments) == 0
    assert (tmp_path / "path").read_text() == "ran\n" * 2, "the first one was running, and is not started again"
    assert {entry.state for entry in Ledger(folder.with_name("my study_confirm")).entries()} == {"done"}


def test_another_best_setting_does_not_go_on_where_the_first_one_was(folder, tmp_path, capfd):
    assert _run([str(folder), *FAST, *_program(tmp_path, WRITE)]) == 0
    better = {REWARD: line(1000, 99.0)}
    make_experiment(folder / "later", [better], env="small_a", seed=0, learning_rate=0.3, command_line="--env=small_a")
    assert _run([str(folder), *FAST, *_program(tmp_path, WRITE)]) == 1
    assert "the best setting was another one then: move" in capfd.readouterr().err
    assert (tmp_path / "path").read_text() == "ran\n" * 2


def _wait_for(path):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_interrupted_confirmation_lets_the_run_save_and_starts_no_other(folder, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import signal, sys, time\n"
        "def save(*_):\n"
        "    time.sleep(1)\n"
        "    open(sys.argv[1] + '.saved', 'a').write('x')\n"
        "    sys.exit(2)\n"
        "signal.signal(signal.SIGINT, save)\n"
        "open(sys.argv[1] + '.started', 'a').write('x')\n"
        "time.sleep(1000)\n"
    )
    command = [sys.executable, "-m", "sample_factory.runner.results", str(folder), *FAST, "--confirm=1", "--run"]
    with subprocess.Popen([*command, f"--program=python {program} {tmp_path / 'run'}"]) as process:
        _wait_for(tmp_path / "run.started")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 2
    assert (tmp_path / "run.saved").read_text() == "x"
    assert (tmp_path / "run.started").read_text() == "x"


def test_hyper_parameters_that_do_not_matter_are_ignored(folder):
    assert main([str(folder), *FAST, "--ignore", "learning_rate"]) == 0
    results = json.loads((folder / "results" / "results.json").read_text())
    assert [len(env["settings"]) for env in results["envs"].values()] == [1, 1]


def test_reference_says_what_zero_and_one_are(folder, tmp_path):
    (tmp_path / "reference.json").write_text('{"small_a": [0, 10], "small_b": [0, 20], "other": [0, 1]}')
    assert main([str(folder), *FAST, f"--reference={tmp_path / 'reference.json'}"]) == 0
    results = json.loads((folder / "results" / "results.json").read_text())
    means = {one["label"]: one["mean"] for one in results["overall"]["settings"]}
    assert means == pytest.approx({"learning_rate=0.2": 0.75 * 0.285, "learning_rate=0.1": 0.75 * 0.19})


def test_without_a_best_setting_nothing_is_confirmed_or_written(tmp_path, capsys):
    make_experiment(tmp_path / "a", is_done=False)
    assert main([str(tmp_path), *FAST, "--confirm=1"]) == 1
    assert "no best setting of small yet" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--folders is required"),
        (["{}", "--metric=no"], "--metric=no is in no experiment"),
        (["{}", "--policy=first"], "bad value for --policy"),
        (["{}", "--run"], "--run=True is for the commands of --confirm"),
        (["{}", "--runner_flags=--max_paralel=1"], "--runner_flags=--max_paralel=1: unknown flag --max_paralel"),
        (["{}", "--runner_flags=--run=small_games"], "--runner_flags=--run=small_games must not have --run"),
        (["{}/nothing*"], "matches no folder"),
        (["{}", "--reference={}/grid_"], "is not a file"),
    ],
)
def test_mistakes_are_one_line(folder, capsys, arguments, message):
    assert main([argument.format(folder) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"small_a": 1}', '{"small_a": [1, 1]}', '{"small_a": ["x", 1]}'])
def test_reference_that_says_nothing_is_a_mistake(folder, tmp_path, capsys, text):
    (tmp_path / "reference.json").write_text(text)
    assert main([str(folder), *FAST, f"--reference={tmp_path / 'reference.json'}"]) == 1
    assert "--reference=" in capsys.readouterr().err


def test_results_are_not_taken_for_an_experiment(folder):
    for _ in range(2):
        assert main([str(folder), *FAST]) == 0
    results = json.loads((folder / "results" / "results.json").read_text())
    assert sum(len(one["experiments"]) for env in results["envs"].values() for one in env["settings"]) == 12


def test_without_the_optional_packages_everything_else_is_written(folder):
    code = (
        "import sys\n"
        "sys.modules |= {'matplotlib': None, 'pyarrow': None}\n"
        "from sample_factory.runner.results.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, str(folder), "--resamples=50"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "sample-factory[plot]" in shown
    assert "sample-factory[parquet]" in shown
    out = folder / "results"
    assert sorted(path.name for path in out.iterdir()) == ["results.json", "table.csv"]
