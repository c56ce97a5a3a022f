"""What the command line can ask of the Doom family, without starting a game."""

import pickle
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.doom.actions import flat
from sample_factory.envs.doom.family import FAMILY, make_doom_env, register_doom_env
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.registry import create_env, resolve
from sample_factory.rl.spaces import action_layout, observation_keys
from sample_factory.system import registrations

_ACTION_SIZES = {
    "doom_basic": [4],
    "doom_benchmark_shipped": [9],
    "doom_deadly_corridor": [3, 3, 3, 2],
    "doom_defend_the_center": [3, 2],
    "doom_defend_the_center_flat_actions": [4],
    "doom_defend_the_line": [3, 2],
    "doom_health_gathering": [5],
    "doom_health_gathering_supreme": [5],
    "doom_my_way_home": [3, 3],
    "doom_my_way_home_flat_actions": [5],
    "doom_predict_position": [3, 2],
    "doom_take_cover": [3],
}


def _cfg(**changes: Any) -> SimpleNamespace:
    defaults = {field.name: field.default for field in fields(DoomOptions)}
    return SimpleNamespace(**{**defaults, "env_frameskip": None, "pixel_format": "CHW", **changes})


def test_every_name_is_listed():
    assert FAMILY.names is not None and FAMILY.names() == sorted(_ACTION_SIZES)


@pytest.mark.parametrize("name", sorted(_ACTION_SIZES))
def test_spaces_of(name):
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    env = FAMILY.make(name, _cfg())
    assert [part.size for part in action_layout(env.action_space).parts] == _ACTION_SIZES[name]
    assert isinstance(env.action_space, gym.spaces.Discrete if len(_ACTION_SIZES[name]) == 1 else gym.spaces.Tuple)
    assert env.observation_space == gym.spaces.Box(0, 255, (3, 72, 128), np.uint8)
    assert observation_keys(env.observation_space)["obs"].shape == (72, 128, 3)
    assert env.frames_per_step == 4


def test_options_change_the_frame():
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    env = FAMILY.make("doom_basic", _cfg(res_w=40, res_h=30, pixel_format="HWC", env_frameskip=2))
    assert env.observation_space.shape == (30, 40, 3)
    assert env.frames_per_step == 2


@pytest.mark.parametrize("name", ["doom_bsaic", "doom_", "doom_basic2"])
def test_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{name}'.*doom_basic, .*doom_take_cover"):
        FAMILY.make(name, _cfg())


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="--res_w=0"):
        DoomOptions(res_w=0)


def test_knowing_the_family_loads_neither_the_engine_nor_torch():
    code = (
        "import sys, sample_factory.envs.doom.family as family; family.FAMILY.names();"
        "print(*sorted({'vizdoom', 'cv2', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_making_an_environment_loads_no_torch():
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    code = "import sys, sample_factory.envs.doom.env; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"


@dataclass(frozen=True)
class OwnOptions(DoomOptions):
    limit: int = 70


def make_limited(spec, cfg, render_mode=None):
    return make_doom_env(replace(spec, timeout_tics=cfg.limit), cfg, render_mode)


@pytest.fixture
def _own_registrations(monkeypatch):
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))


def test_a_scenario_of_ones_own_is_like_those_of_the_family(_own_registrations):
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    spec = DoomSpec("doom_own", "basic", flat("MOVE_LEFT", "MOVE_RIGHT", "ATTACK"), timeout_tics=0)
    register_doom_env(spec, OwnOptions, {"gamma": 0.9}, make_limited)
    family = pickle.loads(pickle.dumps(resolve("doom_own")))
    assert (family.options, family.cleanup, family.frame_by_frame) == (OwnOptions, FAMILY.cleanup, True)
    assert family.default_overrides("doom_own") == {**FAMILY.default_overrides("doom_basic"), "gamma": 0.9}
    env = create_env("doom_own", _cfg(limit=10))
    env.reset(seed=1)
    outcomes = [env.step(0)[2:4] for _ in range(3)]
    env.close()
    assert outcomes == [(False, False), (False, False), (False, True)]
    assert resolve("doom_basic") is FAMILY


def test_a_scenario_that_does_not_exist_is_named(tmp_path):
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    env = make_doom_env(DoomSpec("doom_own", str(tmp_path / "no.wad"), flat("ATTACK")), _cfg())
    with pytest.raises(ValueError, match=r"'doom_own': there is no scenario .*no\.wad"):
        env.reset(seed=1)
