"""The commands on collections whole and broken: in a folder, on the web, for the hub."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sample_factory.algorithms.appo import enjoy_appo
from sample_factory.trained_policies.__main__ import main
from sample_factory.trained_policies.hub import model_card
from sample_factory.trained_policies.index import FILES, INDEX_FILE, find, read_index
from sample_factory.trained_policies.tests.conftest import NAME, ROOT

needs_safetensors = pytest.mark.usefixtures("_safetensors")
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def _safetensors() -> None:
    pytest.importorskip("safetensors", reason="needs the safetensors package")


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith("error: ")
    return captured.err.removeprefix("error: ").removesuffix("\n")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def web(collection: Path) -> Iterator[str]:
    """The address of a server of the collection."""
    handler = functools.partial(_Quiet, directory=str(collection))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_list_has_every_policy_and_its_score(capsys) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    entries = read_index((ROOT / INDEX_FILE).read_bytes(), "it")
    assert len(lines) == 1 + len(entries)
    assert all(
        line.startswith(entry.name) and str(entry.score) in line for line, entry in zip(lines[1:], entries, strict=True)
    )


@needs_safetensors
@pytest.mark.parametrize("place", ["folder", "web"])
def test_what_is_pulled_is_played(place, collection, web, tmp_path, capsys) -> None:
    source = str(collection) if place == "folder" else web
    train_dir = f"--train_dir={tmp_path / 'train_dir'}"
    assert main(["pull", f"--source={source}", f"--name={NAME}", train_dir, "--experiment=mine"]) == 0
    folder = tmp_path / "train_dir" / "mine"
    assert capsys.readouterr().out == f"{folder}\n"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert enjoy_appo.main([train_dir, "--experiment=mine", "--no_render", "--max_num_episodes=3"]) == 0
    assert "mean of the last 3: reward 4.000" in capsys.readouterr().out


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "damage", [lambda data: data + b" ", lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:]]
)
def test_a_file_that_is_another_one_is_refused(collection, tmp_path, capsys, file, damage) -> None:
    path = collection / NAME / file
    path.write_bytes(damage(path.read_bytes()))
    error = _error(capsys, "pull", f"--source={collection}", f"--name={NAME}", f"--train_dir={tmp_path / 't'}")
    assert error.startswith(f"{NAME}/{file} of {collection} is damaged or another one")
    assert not list((tmp_path / "t").iterdir())


def test_a_missing_file_is_one_line(collection, web, tmp_path, capsys) -> None:
    (collection / NAME / "replay.gif").unlink()
    pull = ("pull", f"--name={NAME}", f"--train_dir={tmp_path / 't'}")
    assert "No such file" in _error(capsys, *pull, f"--source={collection}")
    assert _error(capsys, *pull, f"--source={web}").startswith(f"cannot download {web}{NAME}/replay.gif: ")
    assert not list((tmp_path / "t").iterdir())


def test_nobody_answers(tmp_path, capsys) -> None:
    assert _error(capsys, "list", "--source=http://127.0.0.1:9").startswith("cannot download http://127.0.0.1:9/index")


def test_an_experiment_is_not_replaced(collection, tmp_path, capsys) -> None:
    (tmp_path / "t" / NAME).mkdir(parents=True)
    error = _error(capsys, "pull", f"--source={collection}", f"--name={NAME}", f"--train_dir={tmp_path / 't'}")
    assert "already exists" in error and not list((tmp_path / "t" / NAME).iterdir())


def test_names_do_not_lead_out_of_train_dir(collection, tmp_path, capsys) -> None:
    pull = ("pull", f"--source={collection}", f"--name={NAME}", f"--train_dir={tmp_path / 't'}")
    assert "must be the name of a folder inside train_dir" in _error(capsys, *pull, "--experiment=../out")


def _rewrite_cfg(collection: Path, change: Change) -> None:
    """Somebody who may write index.json changes the options with it."""
    path = collection / NAME / "cfg.json"
    cfg = json.loads(path.read_text())
    change(cfg)
    data = json.dumps(cfg).encode()
    path.write_bytes(data)
    index = json.loads((collection / INDEX_FILE).read_text())
    index["policies"][0]["files"]["cfg.json"] = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (collection / INDEX_FILE).write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cfg: cfg.update(record_to="x"), "says record_to=x, which is for whoever plays the policy to say"),
        (lambda cfg: cfg.update(dmlab_level_cache_path="~/.ssh"), "says dmlab_level_cache_path=~/.ssh, which"),
        (lambda cfg: cfg.update(env="gym_CartPole-v1"), "is of the environment gym_CartPole-v1, not tmaze_10"),
        (lambda cfg: cfg.clear(), "holds no options of an experiment"),
    ],
)
def test_options_that_reach_into_the_machine_are_refused(collection, tmp_path, capsys, change, message) -> None:
    _rewrite_cfg(collection, change)
    error = _error(capsys, "pull", f"--source={collection}", f"--name={NAME}", f"--train_dir={tmp_path / 't'}")
    assert message in error and not list((tmp_path / "t").iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.update(format_version=2), "format_version 2 is not 1"),
        (lambda index: index.pop("policies"), "'policies' is missing"),
        (lambda index: index["policies"][0].pop("env"), "'env' is missing"),
        (lambda index: index["policies"][0].update(name="../x"), "'../x' is no name of a policy"),
        (lambda index: index["policies"][0].update(name=".x"), "'.x' is no name of a policy"),
        (lambda index: index["policies"][0]["files"].pop("policy.json"), "tmaze_10 has the files cfg.json"),
        (lambda index: index["policies"][0]["files"].update(x={"size_bytes": 1, "sha256": "0"}), "tmaze_10 has the f"),
        (lambda index: index["policies"][0]["files"]["cfg.json"].update(sha256="no"), "without size and SHA-256"),
        (lambda index: index["policies"][0]["files"]["cfg.json"].update(size_bytes=10**8), "more than 10 MB"),
        (lambda index: index["policies"].append(index["policies"][0]), "has a policy twice"),
    ],
)
def test_an_index_that_is_none_is_one_line(collection, capsys, change: Change, message: str) -> None:
    index = json.loads((collection / INDEX_FILE).read_text())
    change(index)
    (collection / INDEX_FILE).write_text(json.dumps(index))
    assert message in _error(capsys, "list", f"--source={collection}")


@needs_safetensors
def test_evaluate_says_whether_the_claim_holds(collection, capsys) -> None:
    evaluate = ["evaluate", f"--source={collection}", "--episodes=10"]
    assert main(evaluate) == 0
    assert f"{NAME}: 4 ± 0 in 10 episodes, as claimed (4 ± 0 in 500)" in capsys.readouterr().out
    index = json.loads((collection / INDEX_FILE).read_text())
    index["policies"][0]["score"]["mean"] = 5.0
    (collection / INDEX_FILE).write_text(json.dumps(index))
    assert main(evaluate) == 1
    assert "NOT as claimed (5 ± 0 in 500)" in capsys.readouterr().out
    assert not (collection / NAME / "evaluation").exists()


@needs_safetensors
def test_what_is_added_is_listed_shown_and_replaced(collection, capsys) -> None:
    add = ["add", f"--train_dir={ROOT}", "--experiment=tmaze_10", f"--source={collection}", "--time=a while"]
    add += ["--name=again", "--episodes=100", "--video_frames=12"]
    assert main(add) == 0
    entries = read_index((collection / INDEX_FILE).read_bytes(), "it")
    assert [entry.name for entry in entries] == ["again", NAME]
    entry = entries[0]
    assert (entry.env, entry.score.mean, entry.score.episodes, entry.time) == ("tmaze_10", 4.0, 100, "a while")
    assert entry.frames == entries[1].frames and entry.train == entries[1].train
    assert all(file.is_of((collection / "again" / name).read_bytes()) for name, file in entry.files.items())
    readme = (collection / "README.md").read_text()
    assert (
        readme.startswith("before\n")
        and readme.endswith("after\n")
        and "| [again](#again) | tmaze_10 | 4 ± 0" in readme
    )
    assert "already exists" in _error(capsys, *add)
    for file in (collection / "again").iterdir():
        file.unlink()
    (collection / "again").rmdir()
    assert main([*add, "--time=longer"]) == 0
    assert read_index((collection / INDEX_FILE).read_bytes(), "it")[0].time == "longer"


def test_the_dry_run_says_what_would_be_uploaded(collection, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # it needs neither the package nor the network
    assert main(["push", f"--source={collection}", f"--name={NAME}", "--repo_id=me/mine", "--dry_run"]) == 0
    output = capsys.readouterr().out
    files = [f"{NAME}/{name}" for name in FILES]
    assert all(f" {name}\n" in output for name in (*files, "README.md", "index.json", "replay.gif"))
    assert "pull --source=hf://me/mine --name=tmaze_10" in output
    error = _error(capsys, "push", f"--source={collection}", f"--name={NAME}", "--repo_id=me/mine")
    assert error == "push needs the package 'huggingface_hub': pip install 'sample-factory[hub]'"
    error = _error(capsys, "list", "--source=hf://me/mine")
    assert error == "--source=hf://me/mine needs the package 'huggingface_hub': pip install 'sample-factory[hub]'"


class _Hub(ModuleType):
    """A hub in a folder, with the functions of the real package that are used."""

    def __init__(self, folder: Path) -> None:
        super().__init__("huggingface_hub")
        self.folder = folder
        self.created: list[Any] = []

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        self.created.append((repo_id, private, exist_ok))

    def upload_folder(self, *, repo_id: str, folder_path: Path) -> None:
        import shutil

        shutil.copytree(folder_path, self.folder / repo_id)

    def hf_hub_download(self, repo_id: str, filename: str) -> str:
        path = self.folder / repo_id / filename
        if not path.is_file():
            raise RuntimeError(f"404: no {filename}\nmore")
        return str(path)


@needs_safetensors
def test_what_is_on_the_hub_can_be_pulled(collection, tmp_path, capsys, monkeypatch) -> None:
    hub = _Hub(tmp_path / "hub")
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert main(["push", f"--source={collection}", f"--name={NAME}", "--repo_id=me/mine", "--private=True"]) == 0
    assert capsys.readouterr().out == "https://huggingface.co/me/mine\n" and hub.created == [("me/mine", True, True)]
    assert main(["pull", "--source=hf://me/mine", f"--name={NAME}", f"--train_dir={tmp_path / 't'}"]) == 0
    assert main(["evaluate", "--source=hf://me/mine", "--episodes=5"]) == 0
    error = _error(capsys, "list", "--source=hf://me/other")
    assert error == "cannot download index.json of hf://me/other: 404: no index.json"


def test_the_functions_of_the_hubs_package_are_those_that_are_used() -> None:
    import inspect

    hub = pytest.importorskip("huggingface_hub", reason="needs the huggingface_hub package")
    for name in ("create_repo", "upload_folder", "hf_hub_download"):
        given = list(inspect.signature(getattr(_Hub, name)).parameters)[1:]
        assert set(given) <= set(inspect.signature(getattr(hub, name)).parameters)


def test_the_model_card_says_what_the_hub_reads(collection) -> None:
    entry = find(read_index((collection / INDEX_FILE).read_bytes(), "it"), NAME)
    card = model_card(entry, "me/mine")
    _, head, text = card.split("---\n", 2)
    assert "library_name: sample-factory\n" in head and '- "tmaze_10"\n' in head
    assert 'value: "4 +/- 0"' in head and entry.train in text
    yaml = pytest.importorskip("yaml", reason="needs the yaml package")
    metric = yaml.safe_load(head)["model-index"][0]["results"][0]["metrics"][0]
    assert metric == {"type": "mean_reward", "name": "mean reward", "value": "4 +/- 0", "verified": False}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the first argument must be one of list, evaluate, pull, add, push; nothing was said"),
        (["lst"], "the first argument must be one of list, evaluate, pull, add, push; not 'lst'"),
        (["list", "--source=/nowhere"], "cannot read /nowhere/index.json: No such file or directory"),
        (["pull"], "--name is required"),
        (["pull", "--name=x"], "there is no policy x; there are "),
        (["evaluate", "--name", "x"], "there is no policy x; there are "),
        (["evaluate", "--episodes=0"], "--episodes=0 must be greater than 0"),
        (["add", "--experiment=x"], "--time is required"),
        (["add", "--experiment=x", "--time=y", "--episodes=9"], "--episodes=9 must be at least 100"),
        (["push", "--name=x"], "--repo_id is required"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, message) -> None:
    assert _error(capsys, *arguments).startswith(message)


@pytest.mark.parametrize("command", ["list", "evaluate", "pull", "add", "push"])
def test_every_command_has_help(command, capsys) -> None:
    with pytest.raises(SystemExit) as ending:
        main([command, "--help"])
    assert ending.value.code == 0 and "--source" in capsys.readouterr().out
