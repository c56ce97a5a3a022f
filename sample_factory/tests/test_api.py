"""The Python interface: cheap to import, and the same options, files and processes as the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import sample_factory
from sample_factory.api import command_line
from sample_factory.config.command_line import given_on_command_line
from sample_factory.envs.tests.shaped_envs import make_shaped
from sample_factory.system import registrations

SMALL = {
    "env": "gym_CartPole-v1",
    "experiment": "x",
    "device": "cpu",
    "use_rnn": False,
    "hidden_size": 8,
    "rollout": 8,
    "recurrence": 8,
    "batch_size": 32,
    "num_workers": 1,
    "train_for_env_steps": 200,
}


def run_script(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a user, in its own folder."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(source), encoding="utf-8")
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_importing_the_package_loads_nothing() -> None:
    check = "import sys, sample_factory; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'gymnasium')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_registering_loads_no_torch() -> None:
    check = (
        "import sys, sample_factory; found = [getattr(sample_factory, name) for name in sample_factory.__all__]; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'vizdoom')))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_public_names_exist_and_others_do_not() -> None:
    assert all(callable(getattr(sample_factory, name)) for name in sample_factory.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="module 'sample_factory' has no attribute 'trian'"):
        _ = sample_factory.trian


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"env": "doom_basic", "seed": None}, {"env": ["doom_basic"], "seed": ["None"]}),
        ({"use_rnn": False, "learning_rate": 1e-3}, {"use_rnn": ["False"], "learning_rate": ["0.001"]}),
        ({"wandb_tags": ["a", "b c"], "actor_worker_gpus": ()}, {"wandb_tags": ["a", "b c"], "actor_worker_gpus": []}),
        ({"env_kwargs": {"g": 9.81}}, {"env_kwargs": ['{"g": 9.81}']}),
    ],
)
def test_keyword_arguments_are_flags(options: dict[str, Any], given: dict[str, list[str]]) -> None:
    assert given_on_command_line(command_line(options)) == given


def test_mistakes_raise_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown flag --bach_size; did you mean --batch_size"):
        sample_factory.train(**SMALL, train_dir=tmp_path, bach_size=16)
    assert not list(tmp_path.iterdir())


def test_wrong_reward_shaping_ends_the_run_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    sample_factory.register_env("shaped_", make_shaped, defaults={"encoder_type": "mlp"})
    options = {"device": "cpu", "serial_mode": True, "reward_shaping": {"gaol": 1}}
    with pytest.raises(ValueError, match="--reward_shaping has the unknown key gaol; did you mean goal"):
        sample_factory.train(env="shaped_single", train_dir=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_arguments_of_a_command_line_win_over_keywords(tmp_path: Path) -> None:
    status = sample_factory.train(
        "--experiment=y", "--num_envs_per_worker=4", **SMALL, train_dir=tmp_path, serial_mode=True
    )
    assert status == 0 and status.name == "SUCCESS"
    saved = json.loads((tmp_path / "y" / "cfg.json").read_text(encoding="utf-8"))
    assert (saved["num_envs_per_worker"], saved["batch_size"]) == (4, 32)
    assert not (tmp_path / "x").exists()


def test_classes_of_a_script_reach_every_process(tmp_path: Path) -> None:
    """Environment and encoder are defined in the script itself; learner and rollout worker have to find them."""
    result = run_script(
        tmp_path,
        f"""
        import gymnasium as gym
        import multiprocessing
        import numpy as np
        from torch import nn
        from sample_factory import register_encoder, register_env, train

        class Env(gym.Env):
            observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
            action_space = gym.spaces.Discrete(2)
            def reset(self, *, seed=None, options=None):
                return np.zeros(2, np.float32), {{}}
            def step(self, action):
                return np.zeros(2, np.float32), 1.0, False, False, {{}}

        class Encoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(2, 4)
                self.output_size = 4
                print("encoder in", multiprocessing.current_process().name, flush=True)
            def forward(self, observations):
                return self.linear(observations["obs"].to(self.linear.weight.dtype))

        def make_env(full_env_name, cfg, env_config):
            print("environment in", multiprocessing.current_process().name, flush=True)
            return Env()

        def make_encoder(keys, options):
            return Encoder()

        if __name__ == "__main__":
            register_env("mine", make_env)
            register_encoder("small", make_encoder)
            options = {SMALL!r} | {{"env": "mine", "encoder_custom": "small"}}
            status = train(**options)
            print("status is", status.name)
            assert train(**options).name == "SUCCESS"  # done already: a second run in one process is no problem
        """,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for line in ("encoder in learner 0", "encoder in rollout worker 0", "environment in rollout worker 0"):
        assert line in result.stdout
    assert "status is SUCCESS" in result.stdout
    assert list((tmp_path / "train_dir" / "x" / "checkpoint_p0").glob("checkpoint_*.pth"))


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    result = run_script(tmp_path, f"from sample_factory import train\ntrain(**{SMALL!r})")
    assert result.returncode == 1
    assert "put the call under `if __name__ == '__main__':`" in result.stderr


def test_evaluation_of_what_was_trained(tmp_path: Path) -> None:
    pytest.importorskip("sample_factory.algorithms.appo.evaluation")
    where = {"env": SMALL["env"], "experiment": "x", "train_dir": tmp_path}
    assert sample_factory.train(**SMALL, train_dir=tmp_path, serial_mode=True) == 0
    result = sample_factory.evaluate(**where, device="cpu", no_render=True, max_num_episodes=2)
    assert result.status == 0
    assert 8 <= result.mean_reward <= 500  # no episode of CartPole is shorter or longer
