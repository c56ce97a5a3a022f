"""Exporting policies from the command line, on experiments that were really trained, for a moment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo import enjoy_appo, train_appo
from sample_factory.algorithms.appo.export import export as export_module
from sample_factory.algorithms.appo.export.__main__ import main
from sample_factory.algorithms.appo.export.torchscript import TorchScriptRunner
from sample_factory.algorithms.appo.exported_folder import exported_cfg, train_command
from sample_factory.algorithms.appo.trained_policy import load_checkpoint
from sample_factory.envs.small.tmaze import TMaze


def _error(capsys: pytest.CaptureFixture[str], arguments: list[str], program: Any = main) -> str:
    assert program(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


def _exported(names: list[str], folder: Path, kind: str, *more: str) -> dict[str, Any]:
    assert main([*names, f"--format={kind}", f"--output={folder}", *more]) == 0
    description = json.loads((folder / "policy.json").read_text())
    assert description["format"] == kind and (folder / description["file"]).is_file()
    return description


@pytest.fixture
def weights_folder(tmaze: list[str], tmp_path: Path) -> Path:
    """A policy for the T-maze as safetensors, in a train_dir of its own."""
    pytest.importorskip("safetensors", reason="needs the safetensors package")
    _exported(tmaze, tmp_path / "there" / "mine", "safetensors")
    return tmp_path / "there" / "mine"


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
@pytest.mark.parametrize("experiment", ["tmaze", "cartpole", "meeting"])
def test_an_exported_policy_has_been_tried_out(
    experiment: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "onnx":
        pytest.importorskip("onnx", reason="needs the onnx package")
        pytest.importorskip("onnxruntime", reason="needs the onnxruntime package")
    description = _exported(request.getfixturevalue(experiment), tmp_path / "out", kind)
    assert description["checked"]["steps"] == 300 and description["checked"]["episodes"] > 3
    assert description["checked"]["largest_difference"] < 1e-3
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and len(list((tmp_path / "out").iterdir())) == 2
    assert "the same actions as the original over 300 steps of" in capsys.readouterr().out
    assert any(entry["name"] == "rnn_state" for entry in description["inputs"]) == (experiment != "cartpole")


def test_images_are_exported_as_they_are_stored(doom: list[str], tmp_path: Path) -> None:
    description = _exported(doom, tmp_path / "out", "torchscript", "--check_steps=40")
    image = description["inputs"][0]
    assert (image["kind"], image["dtype"], image["shape"][3]) == ("image", "uint8", 3)


def test_policy_json_is_all_that_others_need(tmaze: list[str], tmp_path: Path) -> None:
    described = _exported(tmaze, tmp_path / "out", "torchscript")
    function = TorchScriptRunner(tmp_path / "out" / described["file"])
    obs_entry, state_entry = described["inputs"]
    outputs = [entry["name"] for entry in described["outputs"]]
    state = np.full((1, *state_entry["shape"][1:]), state_entry["first"], state_entry["dtype"])
    obs = np.zeros((1, *obs_entry["shape"][1:]), obs_entry["dtype"])
    game = TMaze(1, 3)
    game.reset(0, {"obs": obs})
    given = dict(zip(outputs, function({"obs": obs, "rnn_state": state}), strict=True))
    part = described["actions"][0]
    logits = given["action_params"][:, slice(*part["logits"])]
    assert given["actions"][:, slice(*part["columns"])].tolist() == [[logits.argmax()]]
    assert part["start"] == 0 and not (given["next_rnn_state"] == state).any()
    for entry in described["outputs"]:
        assert given[entry["name"]].shape == (1, *entry["shape"][1:]) and given[entry["name"]].dtype == entry["dtype"]


@pytest.mark.parametrize("output", ["actions", "action_params", "values", "next_rnn_state"])
def test_a_policy_that_acts_otherwise_leaves_nothing(
    output: str, tmaze: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["actions", "action_params", "values", "next_rnn_state"].index(output)

    class Wrong(TorchScriptRunner):
        def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            outputs = super().__call__(inputs)
            outputs[place] = 1 - outputs[place]
            return outputs

    monkeypatch.setattr("sample_factory.algorithms.appo.export.torchscript.TorchScriptRunner", Wrong)
    error = _error(capsys, [*tmaze, "--format=torchscript", f"--output={tmp_path / 'out'}"])
    assert error.startswith("the exported policy is not the same: at step 0 its ")
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_slowly_lost_is_found(tmaze, tmp_path, capsys, monkeypatch) -> None:
    class Forgetful(TorchScriptRunner):
        def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            *outputs, state = super().__call__(inputs)
            return [*outputs, state * np.float32(0.99)]

    monkeypatch.setattr("sample_factory.algorithms.appo.export.torchscript.TorchScriptRunner", Forgetful)
    error = _error(capsys, [*tmaze, "--format=torchscript", f"--output={tmp_path / 'out'}"])
    assert "nothing is written" in error and not list(tmp_path.iterdir())


def test_exported_weights_play_the_same_episodes(tmaze, weights_folder, capsys) -> None:
    there = [f"--train_dir={weights_folder.parent}", f"--experiment={weights_folder.name}"]
    played = []
    for names in (tmaze, there):
        assert enjoy_appo.main([*names, "--no_render", "--max_num_episodes=5", "--seed=4"]) == 0
        played.append([line for line in capsys.readouterr().out.splitlines() if line.startswith("episode ")])
    assert played[0] == played[1] and len(played[0]) == 5


def test_weights_in_half_precision_are_half_the_file_and_still_play(tmaze, weights_folder, tmp_path, capsys) -> None:
    _exported(tmaze, tmp_path / "half" / "mine", "safetensors", "--precision=bfloat16")
    exact, rounded = (load_checkpoint(folder, 0, "latest").model for folder in (weights_folder, tmp_path / "half/mine"))
    halved = {name for name, tensor in rounded.items() if tensor.dtype == torch.bfloat16}
    assert "cores.0.rnn.weight_hh_l0" in halved and not any("head" in name or "normalizer" in name for name in halved)
    for name, tensor in exact.items():
        assert rounded[name].float().allclose(tensor, rtol=2**-8 if name in halved else 0, atol=0)
    capsys.readouterr()
    there = [f"--train_dir={tmp_path / 'half'}", "--experiment=mine"]
    assert enjoy_appo.main([*there, "--no_render", "--max_num_episodes=5", "--seed=4"]) == 0
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("episode ")]) == 5


def test_exported_weights_can_be_exported_again(weights_folder, tmp_path) -> None:
    there = [f"--train_dir={weights_folder.parent}", f"--experiment={weights_folder.name}"]
    again = _exported(there, tmp_path / "again", "safetensors")
    assert again["env"] == "tmaze_3" and again["env_steps"] > 0
    assert (tmp_path / "again" / "cfg.json").read_text() == (weights_folder / "cfg.json").read_text()
    _exported(there, tmp_path / "script", "torchscript")


def test_a_policy_of_a_population_keeps_its_number(meeting, tmp_path, capsys) -> None:
    pytest.importorskip("safetensors", reason="needs the safetensors package")
    assert _exported(meeting, tmp_path / "second", "safetensors", "--policy_index=1")["policy"] == 1
    there = [f"--train_dir={tmp_path}", "--experiment=second", "--no_render", "--max_num_episodes=1"]
    assert enjoy_appo.main(there) == 0
    assert "policy 1 of " in capsys.readouterr().out
    error = _error(capsys, [*there, "--policy_index=0"], enjoy_appo.main)
    assert error.endswith("second holds policy 1 only, not --policy_index=0")


def test_what_is_exported_is_not_trained_on(weights_folder, capsys) -> None:
    before = (weights_folder / "cfg.json").read_bytes()
    arguments = ["--env=tmaze_3", f"--train_dir={weights_folder.parent}", f"--experiment={weights_folder.name}"]
    error = _error(capsys, [*arguments, "--device=cpu", "--train_for_env_steps=99999"], train_appo.main)
    assert error.endswith(
        "holds an exported policy, which can be played and not be trained on: choose another --experiment"
    )
    assert (weights_folder / "cfg.json").read_bytes() == before


@pytest.mark.parametrize("damage", [lambda data: data[:-4], lambda data: b"\xff" * 8 + data[8:], lambda data: b""])
def test_damaged_weights_are_one_line(weights_folder, capsys, damage) -> None:
    path = weights_folder / "policy.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    there = [f"--train_dir={weights_folder.parent}", f"--experiment={weights_folder.name}", "--no_render"]
    assert _error(capsys, there, enjoy_appo.main).startswith(f"cannot read {path}: ")


def test_weights_of_something_else_are_one_line(weights_folder, capsys) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="needs the safetensors package")
    path = weights_folder / "policy.safetensors"
    safetensors.save_file({"weight": torch.zeros(3)}, path)
    there = [f"--train_dir={weights_folder.parent}", f"--experiment={weights_folder.name}", "--no_render"]
    assert _error(capsys, there, enjoy_appo.main).startswith(f"{path} does not say of which policy it is")


def test_nothing_of_the_machine_is_exported(tmaze, weights_folder) -> None:
    train_dir = tmaze[0].split("=")[1]
    assert not [path for path in weights_folder.iterdir() if train_dir.encode() in path.read_bytes()]
    cfg = json.loads((weights_folder / "cfg.json").read_text())
    assert not {name for name in cfg if "wandb" in name} and "train_dir" not in cfg
    assert cfg["command_line"].startswith("--env=tmaze_3 --experiment=tmaze_3 ")


def test_the_command_is_left_without_paths() -> None:
    argv = "--env=a --train_dir /tmp/x --with_wandb=True --wandb_tags a b --seed 3 --record_to=~/y --experiment=e"
    assert train_command({"command_line": argv}) == "--env=a --seed 3 --experiment=e"


def test_the_default_place_is_in_the_experiment(tmaze, capsys) -> None:
    assert main([*tmaze, "--format=torchscript", "--check_steps=5"]) == 0
    place = Path(capsys.readouterr().out.splitlines()[-1])
    assert place.parent == Path(tmaze[0].split("=")[1]) / "tmaze_3" / "exported" and place.name.endswith(
        "_p0_torchscript"
    )
    before = (place / "policy.pt").read_bytes()
    error = _error(capsys, [*tmaze, "--format=torchscript"])
    assert error == f"{place} already exists: move it away or choose another name"
    assert (place / "policy.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--format is required"),
        (["--format=pickle"], "bad value for --format: 'pickle' is not one of onnx, torchscript, safetensors"),
        (["--format=torchscript", "--experiment=none"], "there is no experiment to evaluate: "),
        (["--format=torchscript", "--policy_index=1"], "--policy_index=1 must be less than --num_policies=1"),
        (["--format=torchscript", "--load_checkpoint_kind=best"], "there is no best checkpoint in "),
        (["--format=torchscript", "--precision=bfloat16"], "--precision=bfloat16 is for --format=safetensors only"),
        (["--format=torchscript", "--check_steps=0"], "--check_steps=0 must be greater than 0"),
        (["--format=torchscript", "--env=gym_CartPole-v1"], ""),
        (["--format=torchscript", "--import_module=no_such"], "--import_module=no_such: No module named"),
    ],
)
def test_mistakes_are_one_line(tmaze, tmp_path, capsys, arguments, message) -> None:
    assert _error(capsys, [*tmaze, f"--output={tmp_path / 'out'}", *arguments]).startswith(message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "package"), [("onnx", "onnx"), ("safetensors", "safetensors")])
def test_a_missing_package_is_named(tmaze, tmp_path, capsys, monkeypatch, kind, package) -> None:
    for module in ("onnx_file", "weights_file"):
        for place in ("sample_factory.algorithms.appo.export", "sample_factory.algorithms.appo"):
            monkeypatch.delitem(sys.modules, f"{place}.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    error = _error(capsys, [*tmaze, f"--format={kind}", f"--output={tmp_path / 'out'}"])
    assert error == f"--format={kind} needs the package '{package}': pip install 'sample-factory[export]'"
    assert not list(tmp_path.iterdir())


def test_the_help_names_the_formats(capsys) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["--help"])
    output = capsys.readouterr().out
    assert ending.value.code == 0 and all(kind in output for kind in export_module._WRITERS)


def test_every_format_has_a_writer() -> None:
    assert set(export_module._WRITERS) == {"onnx", "torchscript", "safetensors"}


def test_paths_in_options_are_left_out(tmp_path) -> None:
    (tmp_path / "cfg.json").write_text(json.dumps({"env": "a", "cache": "/home/me/levels", "other": "~/x", "seed": 1}))
    assert exported_cfg(tmp_path, 2) == {"env": "a", "seed": 1, "policy_index": 2, "command_line": "", "cli_args": {}}
