"""What README.md says exists does exist. Does not read its prose."""

from __future__ import annotations

import re
from pathlib import Path

from sample_factory.config.config import Config
from sample_factory.config.dummy_sampler import DummyConfig
from sample_factory.config.lineage import LineageConfig
from sample_factory.config.match import MatchConfig
from sample_factory.config.run import RunConfig
from sample_factory.config.runner import CancelConfig, RunnerConfig, StatusConfig
from sample_factory.config.values import flat, options
from sample_factory.envs import registry
from sample_factory.envs.gymnasium_family import GymnasiumOptions

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPTIONS = options(Config, GymnasiumOptions) | options(DummyConfig, GymnasiumOptions)
OPTIONS |= options(MatchConfig, None) | options(LineageConfig, None)
OPTIONS |= options(RunnerConfig, None) | options(StatusConfig, None) | options(CancelConfig, None)


def test_the_example_is_the_file() -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    file = ROOT / "sample_factory_examples" / "train_custom_env.py"
    assert snippets == [file.read_text(encoding="utf-8")]


def test_every_flag_exists() -> None:
    mentioned = set(re.findall(r"--([a-z_]\w*)", README)) - {"help", "logdir"}
    assert len(mentioned) > 20
    assert mentioned <= OPTIONS.keys()


def test_defaults_in_the_table_of_flags() -> None:
    rows = re.findall(r"^\| `--(\w+)` \| `?([\w.]+)`? \|", README, flags=re.MULTILINE)
    told = {name: value for name, value in rows if name not in ("env", "num_workers")}
    defaults = flat(Config(run=RunConfig(env="gym_CartPole-v1")))
    real = {name: str(defaults[name]) for name in told}
    assert len(told) > 10 and told == real


def test_every_environment_exists_and_every_family_is_mentioned() -> None:
    named = set(re.findall(r"`(doom_\w+|gym_[A-Z][\w-]+)`", README))
    assert {"doom_basic", "gym_CartPole-v1"} <= named
    assert named <= set(registry.known_names())
    assert all(f"`{prefix}" in README for prefix in registry._BUILT_IN)


def test_the_tree_is_that_of_the_project() -> None:
    tree = README.split("## The files")[1].split("```")[1]
    found, parents = [], [""]
    for line in tree.strip().splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth + 1 :] = [parents[depth] + name]
        found.append(parents[depth] + name)
    assert len(found) > 12
    assert not [name for name in found if not (ROOT / name).exists()]
    listed = {Path(name).name for name in found}
    packages = {path.parent.name for path in (ROOT / "sample_factory").rglob("__init__.py")}
    assert packages - {"tests"} <= listed, "a package is missing in the tree"
