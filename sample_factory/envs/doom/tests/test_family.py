"""What the command line can ask of the Doom family, without starting a game."""

import pickle
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.doom.actions import flat
from sample_factory.envs.doom.family import FAMILY, make_doom_env, register_doom_env
from sample_factory.envs.doom.measurements import measurements_space
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.registry import create_env, resolve
from sample_factory.rl.spaces import action_layout, observation_keys
from sample_factory.system import registrations

_MATCH = [3, 3, 8, 2, 2, 2, 21]
_WITH_BOX = [3, 3, 3, 2, 2, 1]
_ACTION_SIZES = {
    "doom_basic": [4],
    "doom_battle": [3, 3, 2, 2, 11],
    "doom_battle2": [3, 3, 2, 2, 11],
    "doom_benchmark": [9],
    "doom_benchmark_shipped": [9],
    "doom_deadly_corridor": [3, 3, 3, 2],
    "doom_deathmatch_bots": [3, 3, 8, 2, 2, 21],
    "doom_deathmatch_full": _MATCH,
    "doom_defend_the_center": [3, 2],
    "doom_defend_the_center_flat_actions": [4],
    "doom_defend_the_line": [3, 2],
    "doom_dm": _WITH_BOX,
    "doom_duel": _MATCH,
    "doom_duel_bots": _MATCH,
    "doom_dwango5": _WITH_BOX,
    "doom_health_gathering": [5],
    "doom_health_gathering_supreme": [5],
    "doom_my_way_home": [3, 3],
    "doom_my_way_home_flat_actions": [5],
    "doom_predict_position": [3, 2],
    "doom_take_cover": [3],
    "doom_two_colors_easy": [3, 3],
    "doom_two_colors_hard": [3, 3],
}


_NUM_AGENTS = {"doom_deathmatch_full": 4, "doom_dm": 8, "doom_duel": 2, "doom_dwango5": 8}
_WITH_MEASUREMENTS = {"doom_battle", "doom_battle2", "doom_deathmatch_bots", "doom_duel_bots", *_NUM_AGENTS}


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
    image = gym.spaces.Box(0, 255, (3, 72, 128), np.uint8)
    if name in _WITH_MEASUREMENTS:
        assert env.observation_space == gym.spaces.Dict({"obs": image, "measurements": measurements_space()})
    else:
        assert env.observation_space == image
    assert observation_keys(env.observation_space)["obs"].shape == (72, 128, 3)
    assert env.frames_per_step == 4
    assert getattr(env, "num_agents", 1) == _NUM_AGENTS.get(name, 1)


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
    spec = DoomSpec("doom_own", str(tmp_path / "no.wad"), flat("ATTACK"))
    with pytest.raises(ValueError, match=r"'doom_own': there is no scenario .*no\.wad"):
        make_doom_env(spec, _cfg())


def test_original_scenarios_are_played_instead_of_the_packages_own(tmp_path):
    vizdoom = pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    with pytest.raises(
        ValueError, match=r"'doom_battle': there is no scenario .*battle\.wad, which --doom_scenarios_dir"
    ):
        FAMILY.make("doom_battle", _cfg(doom_scenarios_dir=str(tmp_path)))
    shutil.copy(Path(vizdoom.scenarios_path) / "basic.wad", tmp_path / "battle.wad")
    env = FAMILY.make("doom_battle", _cfg(doom_scenarios_dir=str(tmp_path)))
    assert env._scenario.file == tmp_path / "battle.wad"
    assert FAMILY.make("doom_basic", _cfg(doom_scenarios_dir=str(tmp_path)))._scenario.name == "basic"


def test_fewer_agents_make_an_environment_of_one():
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    assert isinstance(FAMILY.make("doom_dm", _cfg(num_agents=1, num_bots=2)), gym.Env)


def test_reward_shaping_of_every_agent_can_be_changed():
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    env = create_env("doom_dm", _cfg(reward_shaping='{"delta": {"FRAGCOUNT": {"gain": 7}}}'))
    assert {player.reward_shaping["delta"]["FRAGCOUNT"]["gain"] for player in env._players} == {7}
    assert {player.reward_shaping["delta"]["FRAGCOUNT"]["loss"] for player in env._players} == {-0.001}


def test_defaults_suit_the_actions():
    assert FAMILY.default_overrides("doom_battle")["exploration_loss"] == "symmetric_kl"
    assert FAMILY.default_overrides("doom_dm")["exploration_loss"] == "entropy"


def test_a_users_file_is_tried_out_before_an_engine_crashes_over_it(tmp_path):
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    (tmp_path / "battle.wad").write_bytes(b"PWAD but nothing else")
    with pytest.raises(ValueError, match=r"battle\.wad is no WAD"):
        FAMILY.make("doom_battle", _cfg(doom_scenarios_dir=str(tmp_path)))


def test_freedm_is_played_where_it_is_installed(tmp_path, monkeypatch):
    vizdoom = pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    own = FAMILY.make("doom_deathmatch_full", _cfg())._scenario
    shutil.copy(Path(vizdoom.scenarios_path) / "cig.wad", tmp_path / "freedm.wad")
    monkeypatch.setattr("sample_factory.envs.doom.freedm._FOLDERS", (str(tmp_path),))
    assert FAMILY.make("doom_deathmatch_full", _cfg())._scenario.file == tmp_path / "freedm.wad"
    assert (own.name, own.file) == ("deathmatch_arena", None)
