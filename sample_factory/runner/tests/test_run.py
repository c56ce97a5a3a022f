"""The runner's command lines: run scripts, what is printed, what is written for others, mistakes. Starts nothing."""

from __future__ import annotations

import io
import re
import shlex
import stat
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from sample_factory.config.runner import CancelConfig, RunnerConfig, StatusConfig
from sample_factory.config.values import options
from sample_factory.runner import cancel, retry, run, status
from sample_factory.runner.backends import choice
from sample_factory.runner.ledger import Ledger, Place
from sample_factory.runner.tests.study import ROOT, SCRIPT

try:
    # Before `scripts` puts a copy in the place of sys.modules, under which packages that import themselves do not load.
    import optuna
except ModuleNotFoundError:
    optuna = None

NEEDS_OPTUNA = pytest.mark.skipif(optuna is None, reason="needs Optuna: pip install 'sample-factory[search]'")

PUBLISHED = """
from sample_factory.runner.run_description import RunDescription, Experiment, ParamGrid

_params = ParamGrid([
    ('seed', [0, 1111, 2222, 3333, 4444, 5555, 6666, 7777, 8888, 9999]),
    ('env', ['doom_my_way_home', 'doom_deadly_corridor', 'doom_defend_the_center', 'doom_defend_the_line',
             'doom_health_gathering', 'doom_health_gathering_supreme']),
])

_experiments = [
    Experiment(
        'basic_envs_fs4',
        'python -m sample_factory.algorithms.appo.train_appo --train_for_env_steps=500000000 --algo=APPO '
        '--env_frameskip=4 --use_rnn=True --num_workers=36 --num_envs_per_worker=8 --num_policies=1 --ppo_epochs=1 '
        '--rollout=32 --recurrence=32 --batch_size=2048 --wide_aspect_ratio=False',
        _params.generate_params(randomize=False),
    ),
]

RUN_DESCRIPTION = RunDescription('doom_basic_envs_appo', experiments=_experiments)
"""
"""A run script as the documentation of version 1 has it."""


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of run scripts, importable as `scripts_of_<test>.<name>`, and the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "my_scripts").mkdir()
    (tmp_path / "my_scripts" / "__init__.py").touch()
    return tmp_path / "my_scripts"


def _small(scripts: Path, *experiments: str) -> str:
    (scripts / "small.py").write_text(SCRIPT.format(experiments=", ".join(experiments)))
    return "--run=my_scripts.small"


def test_a_script_of_version_1_is_understood_as_it_is(scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scripts / "train_10_seeds.py").write_text(PUBLISHED)
    flags = "--runner=processes --max_parallel=12 --pause_between=10 --experiments_per_gpu=3 --num_gpus=4"
    assert run.main(["--run=my_scripts.train_10_seeds", *flags.split(), "--train_dir=/t", "--dry_run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 61 and lines[-1] == "# 60 experiments in /t/doom_basic_envs_appo"
    assert lines[0].startswith("python -m sample_factory.algorithms.appo.train_appo --train_for_env_steps=500000000 ")
    assert lines[0].endswith(
        " --wide_aspect_ratio=False --seed=0 --env=doom_my_way_home "
        "--experiment=00_basic_envs_fs4_see_0_env_doom_my_way_home "
        "--train_dir=/t --experiments_root=doom_basic_envs_appo/basic_envs_fs4_"
    )
    assert "--experiment=59_basic_envs_fs4_see_9999_env_doom_health_gathering_supreme " in lines[59]
    assert not (scripts.parent / "train_dir").exists()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("doom_basic_envs", 60),
        ("small_games", 9),
        ("tmaze_rates", 10),
        pytest.param("small_search", 32, marks=NEEDS_OPTUNA),
    ],
)
def test_studies_of_the_package_are_found_by_their_short_names(name: str, count: int) -> None:
    assert len(run.plan(run.load_run(name), "/t")) == count


def test_the_documented_run_script_is_the_study_that_its_text_says(scripts: Path) -> None:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    script, search = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    (scripts / "memory.py").write_text(script)
    (scripts / "rates.py").write_text(search)
    tasks = run.plan(run.load_run("my_scripts.memory"), "/t")
    assert len(tasks) == 6 and tasks[0].name == "gru_/00_gru_env_recall_5_see_0"
    if optuna is not None:
        assert len(run.plan(run.load_run("my_scripts.rates"), "/t")) == 64
    config = options(RunnerConfig, None) | options(StatusConfig, None) | options(CancelConfig, None)
    of_others = {
        "algo",
        "env",
        "device",
        "train_for_env_steps",
        "mem",
        "cores",
        "head",
        "port",
        "address",
        "num_workers",
    }
    assert set(re.findall(r"`?--([a-z_]+)", text)) - set(config) <= of_others


def test_the_suffix_makes_other_folders_in_the_same_run(scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = _small(scripts, 'Experiment("x", COMMAND)')
    run.main([script, "--train_dir=/t", "--experiment_suffix=v2", "--dry_run"])
    assert "--dir=/t/study/x_v2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no variable RUN_DESCRIPTION"),
        ("RUN_DESCRIPTION = 3", "has no variable RUN_DESCRIPTION"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero ("),
        ("def broken(:", "SyntaxError"),
        (SCRIPT.format(experiments=""), "has no experiments"),
        (SCRIPT.format(experiments='Experiment("x", "say \'")'), "cannot be split: No closing quotation"),
        (SCRIPT.format(experiments='Experiment("x", COMMAND), Experiment("x", COMMAND)'), "two runs are named 00_x"),
    ],
)
def test_mistakes_in_run_scripts_are_one_line(
    scripts: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (scripts / "bad.py").write_text(text)
    assert run.main(["--run=my_scripts.bad"]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (scripts.parent / "train_dir").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--run is required"),
        (["--run=no_such_study"], "there is no module no_such_study in the current folder"),
        (["--run=small_games", "--runner=magic"], "bad value for --runner: 'magic' is not one of processes, commands"),
        (["--run=small_games", "--runner=ngc"], "--runner=ngc needs --ngc_job_template="),
        (["--run=small_games", "--max_parallel=0"], "--max_parallel=0 must be at least 1"),
        (["--run=small_games", "--experiment_suffix=a/b"], "must not contain /"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    flags: list[str], message: str, scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(flags) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_every_runner_that_may_be_named_is_a_place_or_writes_commands() -> None:
    named = get_args(options(RunnerConfig, None)["runner"].hint)
    assert {*choice.PLACES, "commands"} == set(named)


def test_commands_are_written_for_others_to_run_one_a_line(scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = _small(scripts, 'Experiment("x", COMMAND, [{"a": "b c"}, {"a": "$d"}], {"V": "1 2"})')
    assert run.main([script, "--runner=commands"]) == 0
    path = scripts.parent / "train_dir" / "study" / "commands.txt"
    assert str(path) in capsys.readouterr().out
    lines = [shlex.split(line) for line in path.read_text().splitlines()]
    assert [line[:2] for line in lines] == [["env", "V=1 2"]] * 2
    assert [line[5] for line in lines] == ["--a=b c", "--a=$d"]
    assert (path.parent / "x_").is_dir()
    ledger = Ledger(path.parent)
    done = ledger.entries()[0].name
    ledger.begin(done, "processes", "here", Place())
    ledger.finish(done, 1, 0)
    assert run.main([script, "--runner=commands"]) == 0
    assert len(path.read_text().splitlines()) == 1


@NEEDS_OPTUNA
def test_what_a_runner_cannot_stop_early_it_does_not_start(scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = _small(scripts, 'HalvingExperiment("x", COMMAND, [{"a": 1}], first_frames=10, num_rungs=1)')
    assert run.main([script, "--runner=commands"]) == 1
    error = capsys.readouterr().err
    assert "--runner=commands does not see how far experiments are" in error and error.count("\n") == 1
    assert not Path("train_dir").exists()


NGC = """#!/bin/sh
# submits one job
ngc batch run --name "{{ name }}" --org $MY_ORG \\
  --commandline "pip install .; {{ experiment_cmd }}"
"""


def _client(folder: Path, text: str) -> None:
    path = folder / "ngc"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def ngc(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Flags of a study of two, with a template."""
    (scripts / "job.txt").write_text(NGC)
    monkeypatch.setenv("MY_ORG", "us & them")
    monkeypatch.setenv("PATH", str(scripts))
    script = _small(scripts, 'Experiment("x", "python a.py", [{"a": "b c"}, {"a": "\\"$d"}])')
    return [script, "--runner=ngc", f"--ngc_job_template={scripts}/job.txt", "--pause_between=0"]


def test_without_a_client_the_submissions_are_printed(ngc: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(ngc) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "# only printed: there is no program ngc"
    words = shlex.split(lines[0])
    assert words[:6] == ["ngc", "batch", "run", "--name", "00_x_a_b_c", "--org"]
    # Two shells read the inner command: the one of whoever pastes this line, and the job's.
    assert shlex.split(words[-1].removeprefix("pip install .; "))[:3] == ["python", "a.py", "--a=b c"]
    assert not Path("train_dir").exists()


def test_submitted_jobs_are_in_the_ledger_and_not_submitted_twice(ngc: list[str], scripts: Path) -> None:
    _client(scripts, "import sys; open('calls.txt', 'a').write(sys.argv[-1] + '\\n'); print('Job {\"id\": 4711}')")
    assert run.main(ngc) == 0
    assert run.main(ngc) == 0
    calls = Path("calls.txt").read_text().splitlines()
    assert len(calls) == 2 and shlex.split(calls[1])[5] == '--a="$d'
    entries = Ledger(Path("train_dir/study")).entries()
    assert [(entry.state, entry.job, entry.backend) for entry in entries] == [("running", "4711", "ngc")] * 2


def test_a_client_that_refuses_is_a_failure_with_its_reason(
    ngc: list[str], scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _client(scripts, "import sys; sys.exit('no such org')")
    assert run.main([*ngc, "--max_retries=0"]) == 1
    assert "ngc ended with status 1: no such org" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["ngc batch run", "ngc 'unbalanced {{ experiment_cmd }}"])
def test_a_template_that_submits_nothing_is_a_mistake(
    text: str, ngc: list[str], scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scripts / "job.txt").write_text(text)
    assert run.main(ngc) == 1
    assert capsys.readouterr().err.startswith("error: --ngc_job_template=")


@pytest.mark.parametrize("command", [status.main, retry.main, cancel.main])
def test_commands_about_a_run_want_its_folder(
    command: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(command)
    assert command([]) == 1
    assert "--folder is required" in capsys.readouterr().err
    assert command([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "it is not the folder of a run" in error and error.count("\n") == 1


def test_the_table_says_how_far_each_experiment_is(
    scripts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    run.main([_small(scripts, 'Experiment("x", COMMAND, [{"a": "[1,2]"}, {"a": 2}, {"a": 3}])'), "--runner=commands"])
    folder = Path("train_dir/study")
    ledger = Ledger(folder)
    first, second, third = (entry.name for entry in ledger.entries())
    for name in (first, second):
        (folder / name / "checkpoint_p0").mkdir(parents=True)
        (folder / name / "checkpoint_p0" / "checkpoint_000000001_2000.pth").touch()
        ledger.begin(name, "elsewhere", "there", Place("1", (0, 1)))
    log = "Fps is (10 sec: 1.0). Total num frames: {}. Throughput\n[t] Avg episode reward: [(0, '{}'), (1, '-1.5')]\n"
    (folder / first / "sf_log.txt").write_text(log.format(1000, 0.1) + log.format(12345, 2.25))
    (folder / second / "done").write_text('{"env_steps": 5000}')
    ledger.finish(second, 1, 0)
    capsys.readouterr()
    assert status.main([str(folder)]) == 0
    totals, *lines = capsys.readouterr().out.splitlines()
    table = [line.split() for line in lines]
    assert table[1][:5] == [first, "running", "1", "12,345", "2.250"]
    assert {"there,", "GPU", "1,", "cores", "0,1"} <= set(table[1])
    assert table[2][:5] == [second, "done", "1", "5,000", "-"]
    assert table[3][:5] == [third, "pending", "0", "-", "-"]
    assert totals.startswith("3 experiments in train_dir/study: 1 pending, 1 running, 1 done; ")
    assert cancel.main([str(folder), first]) == 1
    assert "runs elsewhere (elsewhere on there): cancel it there" in capsys.readouterr().err
    watched = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", watched)
        patch.setattr(time, "sleep", interrupt)
        assert status.main(["--watch", str(folder)]) == 0
    assert "1 pending, 1 running, 1 done" in watched.getvalue()
    # Only its user can know that it is gone.
    assert retry.main([str(folder)]) == 0 and retry.main([str(folder), "00_*"]) == 0
    assert ledger.entries()[0].state == "pending"
    assert retry.main([str(folder), Path(second).name]) == 1
    assert "is done: there is nothing to try again" in capsys.readouterr().err
