"""The interface of `deepmind_lab`: arguments, errors, and what may be called when. A test for each point of it."""

from __future__ import annotations

import ast
import gc
import os
import pickle
import re
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labs_for_tests import AHEAD, DESCRIBED, SMALL, STAND, MakeLab, SetSwitches, run_python

import deepmind_lab
from deepmind_lab import Lab
from deepmind_lab.levels import DMLAB30

SKYMAZE = "contributed/dmlab30/skymaze_irreversible_path_hard"
GOOD_OBJECTS = "contributed/dmlab30/rooms_collect_good_objects"

# -- the module


def test_module_has_the_version_and_flags_of_the_interface_and_no_fps() -> None:
    assert deepmind_lab.version() == "1.0"
    flags = (deepmind_lab.READABLE, deepmind_lab.WRITABLE, deepmind_lab.READ_WRITABLE, deepmind_lab.LISTABLE)
    assert flags == (1, 2, 3, 4)
    assert not hasattr(Lab, "fps")
    assert f"{Lab.__module__}.{Lab.__name__}" == "deepmind_lab.Lab"


def test_runfiles_path_is_changed_for_labs_made_afterwards(tmp_path: Path, make_lab: MakeLab, capfd: Any) -> None:
    original = deepmind_lab.runfiles_path()
    assert original == str(Path(deepmind_lab.__file__).parent)
    try:
        assert deepmind_lab.set_runfiles_path(str(tmp_path / "missing")) is True
        with pytest.raises(RuntimeError, match=r"^Failed to connect RL API$"):
            make_lab()
    finally:
        deepmind_lab.set_runfiles_path(original)
    make_lab()
    assert capfd.readouterr().err


def test_runfiles_path_must_be_a_short_str() -> None:
    with pytest.raises(RuntimeError, match=r"^Runfiles directory name too long!$"):
        deepmind_lab.set_runfiles_path("x" * 4096)
    with pytest.raises(TypeError, match="must be str, not None"):
        deepmind_lab.set_runfiles_path(None)  # type: ignore[arg-type]


def test_lab_cannot_be_subclassed_pickled_or_given_attributes(make_lab: MakeLab) -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (Lab,), {})
    lab = make_lab()
    with pytest.raises(AttributeError):
        lab.level = DESCRIBED  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(lab)


# -- the constructor


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": None}, "must be str, not None"),
        ({"observations": None}, "must be list, not None"),
        ({"observations": ("INSTR",)}, "must be list, not tuple"),
        ({"observations": [b"INSTR"]}, "bad argument type for built-in operation"),
        ({"config": None}, "must be dict, not None"),
        ({"config": [("width", "32")]}, "must be dict, not list"),
        ({"config": {"width": 32}}, "bad argument type for built-in operation"),
        ({"config": {1: "32"}}, "bad argument type for built-in operation"),
        ({"renderer": None}, "must be str, not None"),
        ({"temp_folder": None}, "must be str, not None"),
        ({"cache": None}, "unexpected keyword"),
    ],
)
def test_argument_of_the_wrong_type_is_a_type_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Lab(**{"level": DESCRIBED, "observations": [], **arguments})


def test_arguments_have_the_order_and_defaults_of_the_interface(tmp_path: Path) -> None:
    lab = Lab(DESCRIBED, [], {}, "hardware", None, str(tmp_path))
    lab.close()
    lab = Lab(DESCRIBED, ["RGB_INTERLEAVED"])
    shapes = {spec["name"]: spec["shape"] for spec in lab.observation_spec()}
    assert shapes["RGB_INTERLEAVED"] == (240, 320, 3)
    lab.close()


def test_renderer_must_be_one_of_two(make_lab: MakeLab) -> None:
    for renderer in ("", "software", "hardware"):
        make_lab(renderer=renderer)
    message = 'Failed to set renderer must be "hardware" or "software" actual "gpu"!'
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        make_lab(renderer="gpu")


def test_unknown_observation_is_a_value_error(make_lab: MakeLab) -> None:
    with pytest.raises(ValueError, match=r"^Unknown observation 'DEPTH'\.$"):
        make_lab(observations=["INSTR", "DEPTH"])


def test_script_without_extra_observations_has_no_instruction(make_lab: MakeLab) -> None:
    with pytest.raises(ValueError, match=r"^Unknown observation 'INSTR'\.$"):
        make_lab("lt_chasm", ["INSTR"])
    make_lab("lt_chasm", ["RGB_INTERLEAVED"])


def test_missing_level_says_which_file_was_looked_for(make_lab: MakeLab) -> None:
    path = f"{deepmind_lab.runfiles_path()}/baselab/game_scripts/levels/no_such_level.lua"
    message = f"Failed to init environment - \"Level not found: Failed to open file '{path}'\""
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        make_lab("no_such_level")


@pytest.mark.parametrize("key", ["width", "height"])
@pytest.mark.parametrize("value", ["95", "0", "-4", "big", ""])
def test_size_must_be_a_positive_multiple_of_four(make_lab: MakeLab, key: str, value: str) -> None:
    reason = f"'{key}' must be a positive multiple of 4. Actual {value}"
    message = f"Failed to apply setting '{key} = {value}' - \"{reason}\""
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        make_lab(config={key: value})


@pytest.mark.parametrize(("key", "value"), [("use_pbos", "yes"), ("mixerSeed", "4294967296"), ("gpuDeviceIndex", "a")])
def test_other_engine_settings_are_checked_too(make_lab: MakeLab, key: str, value: str) -> None:
    with pytest.raises(RuntimeError, match=f"^Failed to apply setting '{key} = {value}' - "):
        make_lab(config={key: value})


def test_engine_settings_that_exist_are_accepted(make_lab: MakeLab) -> None:
    make_lab(config={"mixerSeed": "0x600D5EED", "use_pbos": "false", "gpuDeviceIndex": "1", "vmMode": "compiled"})
    make_lab("language_select_described_object", config={"levelDirectory": "contributed/dmlab30"})


def test_unknown_setting_is_refused_by_scripts_that_know_theirs(make_lab: MakeLab) -> None:
    with pytest.raises(RuntimeError, match=r'^Failed to init environment - ".*Invalid setting: "minGoal" = "10"'):
        make_lab(config={"minGoal": "10"})
    for level in (f"{GOOD_OBJECTS}_train", "contributed/dmlab30/rooms_keys_doors_puzzle", "lt_chasm"):
        make_lab(level, [], config={"minGoal": "10"})


@pytest.mark.parametrize("name", ["rooms_collect_good_objects_test", "rooms_exploit_deferred_effects_test"])
def test_test_level_needs_permission(make_lab: MakeLab, name: str) -> None:
    level = f"contributed/dmlab30/{name}"
    with pytest.raises(RuntimeError, match=r"^Failed to init.*This level must only be used during evaluation"):
        make_lab(level)
    make_lab(level, config={"allowHoldOutLevels": "true"})


def test_a_lab_that_could_not_be_made_leaves_no_folder(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TMPDIR", str(tmp_path))
    for arguments in ({"level": "missing"}, {"observations": ["missing"]}, {"config": {"width": "3"}}):
        with pytest.raises((RuntimeError, ValueError)):
            make_lab(**arguments)
    assert not list(tmp_path.iterdir())


# -- reset


def test_reset_returns_true_and_starts_the_episode(make_lab: MakeLab) -> None:
    lab = make_lab()
    assert lab.is_running() is False
    assert lab.reset(seed=1) is True
    assert lab.is_running() is True
    assert lab.num_steps() == 0


@pytest.mark.parametrize(("seed", "name"), [(np.int64(1), "numpy.int64"), (1.0, "float"), ("1", "str")])
def test_seed_must_be_an_int_of_python(make_lab: MakeLab, seed: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^'seed' must be int or None, was '{name}'\.$"):
        make_lab().reset(seed=seed)


def test_episode_must_be_an_integer(make_lab: MakeLab) -> None:
    lab = make_lab()
    assert lab.reset(episode=np.int64(3), seed=1)
    with pytest.raises(TypeError):
        lab.reset(episode=None)  # type: ignore[arg-type]


def test_seed_decides_the_whole_episode(make_lab: MakeLab) -> None:
    def play(seed: int, **config: str) -> list[Any]:
        lab = make_lab(config=config)
        lab.reset(seed=seed)
        seen = [lab.observations()]
        for _ in range(60):
            reward = lab.step(AHEAD, num_steps=4)
            seen.append((reward, lab.observations()["INSTR"], lab.observations()["RGB_INTERLEAVED"].tobytes()))
        return [str(entry) for entry in seen]

    assert play(5) == play(5)
    assert play(5) != play(6)
    assert play(5) != play(5, mixerSeed="1611489005")
    assert play(-1) == play(2**31 - 1), "as C takes it"


def test_without_seeds_every_process_draws_the_same_episodes() -> None:
    program = f"""if True:
        import deepmind_lab
        lab = deepmind_lab.Lab({DESCRIBED!r}, ["INSTR"], {SMALL!r})
        seen = [lab.reset() and lab.observations()["INSTR"] for _ in range(10)]
        print(seen)
        """
    first, second = run_python(program).stdout, run_python(program).stdout
    assert first == second
    assert len(set(ast.literal_eval(first))) > 1


def test_a_maze_is_printed_at_every_reset_unless_the_log_is_quiet(make_lab: MakeLab, capsys: Any) -> None:
    for level, expected in (("INFO", True), ("WARN", False), ("ERROR", False)):
        make_lab(config={"logLevel": level}).reset(seed=1)
        assert ("*****" in capsys.readouterr().out) is expected


# -- step


def test_step_returns_a_float_of_integral_value(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.reset(seed=1)
    rewards = [lab.step(AHEAD) for _ in range(200)]
    assert all(type(reward) is float and reward.is_integer() for reward in rewards)


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        ([0] * 7, TypeError, "must be numpy.ndarray, not list"),
        (np.zeros(6, np.intc), ValueError, r"^action must have shape \(7\)$"),
        (np.zeros((1, 7), np.intc), ValueError, r"^action must have shape \(7\)$"),
        (np.zeros(7, np.int64), ValueError, "^action must have dtype np.intc$"),
        (np.zeros(14, np.intc)[::2], ValueError, "C-contiguous"),
        (np.array([513, 0, 0, 0, 0, 0, 0], np.intc), ValueError, "LOOK_LEFT_RIGHT_PIXELS_PER_FRAME"),
        (np.array([0, 0, 0, 0, -1, 0, 0], np.intc), ValueError, "FIRE"),
    ],
)
def test_step_refuses_what_would_be_misread(make_lab: MakeLab, action: Any, error: Any, message: str) -> None:
    lab = make_lab()
    lab.reset(seed=1)
    with pytest.raises(error, match=message):
        lab.step(action)
    assert lab.step(STAND) == 0.0


def test_repeating_an_action_is_the_same_as_giving_it_again(make_lab: MakeLab, set_switches: SetSwitches) -> None:
    set_switches(early_end_probability=0.001)
    once, repeated = make_lab(), make_lab()
    once.reset(seed=3)
    repeated.reset(seed=3)
    while repeated.is_running():
        reward = repeated.step(AHEAD, num_steps=4)
        singles = [once.step(AHEAD) for _ in range(4) if once.is_running()]
        assert reward == sum(singles)
        assert once.is_running() == repeated.is_running()
        if once.is_running():
            np.testing.assert_array_equal(
                once.observations()["RGB_INTERLEAVED"], repeated.observations()["RGB_INTERLEAVED"]
            )


def test_episode_ends_inside_a_repeat_and_all_frames_are_counted(make_lab: MakeLab, set_switches: SetSwitches) -> None:
    set_switches(episode_seconds=0.1)
    lab = make_lab(observations=["FRAMES_REMAINING_AT_60"])
    lab.reset(seed=1)
    lab.step(STAND, num_steps=4)
    assert lab.observations()["FRAMES_REMAINING_AT_60"].tolist() == [2.0]
    assert lab.is_running()
    lab.step(STAND, num_steps=4)
    assert not lab.is_running()
    assert lab.num_steps() == 8


# -- what may be called when


def test_nothing_can_be_seen_before_the_first_reset(make_lab: MakeLab) -> None:
    lab = make_lab()
    with pytest.raises(RuntimeError, match=r"^Environment in wrong status to advance\.$"):
        lab.step(STAND)
    with pytest.raises(RuntimeError, match=r"^Environment in wrong status for call to observations\(\)$"):
        lab.observations()
    with pytest.raises(RuntimeError, match="wrong status"):
        lab.events()


def test_there_is_no_observation_after_the_end(make_lab: MakeLab, set_switches: SetSwitches) -> None:
    set_switches(episode_seconds=0.05)
    lab = make_lab()
    lab.reset(seed=1)
    lab.step(STAND, num_steps=4)
    assert lab.is_running() is False
    assert lab.events() == []
    with pytest.raises(RuntimeError, match=r"^Environment in wrong status for call to observations\(\)$"):
        lab.observations()
    with pytest.raises(RuntimeError, match=r"^Environment in wrong status to advance\.$"):
        lab.step(STAND)
    assert lab.reset(seed=2)
    assert lab.num_steps() == 0
    assert lab.observations()["INSTR"]


def test_close_is_true_once_and_then_nothing_works(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.reset(seed=1)
    lab.step(STAND, num_steps=4)
    assert lab.close() is True
    assert lab.close() is False
    assert lab.is_running() is False
    assert lab.num_steps() == 4
    calls = (lab.reset, lambda: lab.step(STAND), lab.observations, lab.events, lab.action_spec)
    for call in (*calls, lab.observation_spec, lab.properties, lambda: lab.read_property("engine.fps")):
        with pytest.raises(RuntimeError):
            call()


# -- specifications and values


def test_action_spec_has_seven_ranges(make_lab: MakeLab) -> None:
    spec = make_lab().action_spec()
    assert [entry["name"] for entry in spec] == [
        "LOOK_LEFT_RIGHT_PIXELS_PER_FRAME",
        "LOOK_DOWN_UP_PIXELS_PER_FRAME",
        "STRAFE_LEFT_RIGHT",
        "MOVE_BACK_FORWARD",
        "FIRE",
        "JUMP",
        "CROUCH",
    ]
    assert [(entry["min"], entry["max"]) for entry in spec] == [(-512, 512)] * 2 + [(-1, 1)] * 2 + [(0, 1)] * 3


@pytest.mark.parametrize("level", [DESCRIBED, SKYMAZE, "nav_maze_static_01"])
def test_observations_are_what_their_spec_says(make_lab: MakeLab, level: str, capfd: Any) -> None:
    config = {"maxAltCameraWidth": "48", "maxAltCameraHeight": "12"}
    specs = make_lab(level, [], config=config).observation_spec()
    assert len(capfd.readouterr().err.splitlines()) == 2, "two names are deprecated"
    names = [spec["name"] for spec in specs]
    lab = make_lab(level, names[::-1], config=config)
    lab.reset(seed=1)
    values = lab.observations()
    assert list(values) == names[::-1], "in the order asked for"
    for spec in specs:
        value = values[spec["name"]]
        if spec["dtype"] is str:
            assert type(value) is str
            assert spec["shape"] == ()
            continue
        assert value.dtype == spec["dtype"]
        assert value.shape == tuple(length or 1 for length in spec["shape"])
        assert value.flags.c_contiguous and value.flags.owndata
    assert ("INSTR" in names) is (level != "nav_maze_static_01")
    assert ("DEBUG.SKYMAZE.GOAL_POSITION" in names) is (level == SKYMAZE)
    if "INSTR" in names:
        assert values["DEBUG.CAMERA_INTERLEAVED.TOP_DOWN"].shape == (24, 48, 3)
        assert values["DEBUG.PLAYERS.ID"].dtype == np.uint8


def test_pictures_of_all_layouts_show_the_same(make_lab: MakeLab) -> None:
    names = ["RGB_INTERLEAVED", "RGB", "BGR_INTERLEAVED", "RGBD", "RGBD_INTERLEAVED", "BGRD_INTERLEAVED"]
    lab = make_lab(observations=names)
    lab.reset(seed=1)
    seen = lab.observations()
    rgb = seen["RGB_INTERLEAVED"]
    assert rgb.shape == (24, 32, 3)
    np.testing.assert_array_equal(seen["RGB"], rgb.transpose(2, 0, 1))
    np.testing.assert_array_equal(seen["BGR_INTERLEAVED"], rgb[..., ::-1])
    np.testing.assert_array_equal(seen["RGBD"], seen["RGBD_INTERLEAVED"].transpose(2, 0, 1))
    np.testing.assert_array_equal(seen["RGBD_INTERLEAVED"][..., :3], rgb)
    np.testing.assert_array_equal(seen["BGRD_INTERLEAVED"][..., 2::-1], rgb)
    assert len(np.unique(seen["RGBD"][3])) > 3


def test_observations_are_new_arrays_every_time(make_lab: MakeLab) -> None:
    lab = make_lab(observations=["RGB_INTERLEAVED", "VEL.TRANS"])
    lab.reset(seed=1)
    first, second = lab.observations(), lab.observations()
    for name, value in first.items():
        assert not np.shares_memory(value, second[name])
        value[...] = 0
    assert lab.observations()["RGB_INTERLEAVED"].any()


def test_properties_can_be_read_but_not_written(make_lab: MakeLab) -> None:
    lab = make_lab()
    assert lab.properties() == {"engine": deepmind_lab.LISTABLE}
    assert lab.properties("engine") == {"engine.fps": deepmind_lab.READABLE}
    assert lab.read_property("engine.fps") == "60"
    with pytest.raises(KeyError, match=r"'speed' not found\."):
        lab.read_property("speed")
    with pytest.raises(TypeError, match=r"^'engine.fps' not writable\.$"):
        lab.write_property("engine.fps", "30")
    with pytest.raises(TypeError, match=r"^'engine' not readable\.$"):
        lab.read_property("engine")
    with pytest.raises(TypeError, match=r"^'engine.fps' not listable\.$"):
        lab.properties("engine.fps")


# -- folders


def test_own_folder_lives_from_construction_to_close(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("TMPDIR", "TEST_TMPDIR"):
        monkeypatch.setenv(variable, str(tmp_path))
        lab = make_lab()
        (folder,) = tmp_path.iterdir()
        assert folder.name.startswith("dmlab_temp_folder_")
        lab.close()
        assert not folder.exists()
        monkeypatch.delenv(variable)


def test_given_folder_is_kept(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(temp_folder=str(tmp_path / "mine"))
    lab.reset(seed=1)
    lab.close()
    assert list((tmp_path / "mine" / "baselab").glob("*.pk3"))
    make_lab(temp_folder=str(tmp_path / "mine"))


def test_folder_of_another_lab_is_refused(make_lab: MakeLab, tmp_path: Path) -> None:
    make_lab(temp_folder=str(tmp_path))
    with pytest.raises(RuntimeError, match="used by another Lab"):
        make_lab(temp_folder=str(tmp_path))


def test_folder_goes_when_nobody_refers_to_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TMPDIR", str(tmp_path))
    lab = Lab(DESCRIBED, [])
    assert len(list(tmp_path.iterdir())) == 1
    del lab
    assert not list(tmp_path.iterdir())


def test_cache_that_refers_to_its_lab_is_never_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cache:
        lab: Lab | None = None

    monkeypatch.setenv("TEST_TMPDIR", str(tmp_path))
    cache = Cache()
    cache.lab = Lab(DESCRIBED, [], level_cache=cache)
    reference = weakref.ref(cache)
    del cache
    gc.collect()
    left = reference()
    assert left is not None and left.lab is not None
    assert list(tmp_path.iterdir())
    left.lab.close()
    del left
    gc.collect()
    assert reference() is None
    assert not list(tmp_path.iterdir())


# -- data sets


@pytest.mark.parametrize("name", ["arbitrary_visuomotor_mapping", "continuous_recognition"])
def test_levels_with_pictures_need_their_folder_at_reset(make_lab: MakeLab, tmp_path: Path, name: str) -> None:
    level = f"contributed/dmlab30/psychlab_{name}"
    for config in ({}, {"datasetPath": ""}, {"datasetPath": str(tmp_path)}):
        lab = make_lab(level, config=config)
        with pytest.raises(RuntimeError, match=r"^Failed to start environment - .*Follow instructions to download"):
            lab.reset(seed=1)
        assert not lab.is_running()
    assert make_lab(level, config={"datasetPath": "dummy"}).reset(seed=1)
    (tmp_path / "0001.png").touch()
    assert make_lab(level, config={"datasetPath": str(tmp_path)}).reset(seed=1)


# -- switches


def test_every_level_can_have_its_own_length(make_lab: MakeLab, set_switches: SetSwitches) -> None:
    set_switches(episode_seconds={"language_select_described_object": 2})
    lengths = []
    for level in (DESCRIBED, SKYMAZE):
        lab = make_lab(level, ["FRAMES_REMAINING_AT_60"])
        lab.reset(seed=1)
        lengths.append(lab.observations()["FRAMES_REMAINING_AT_60"].item())
    assert lengths == [120, 3600]


def test_length_can_be_set_where_settings_are_known(make_lab: MakeLab) -> None:
    lab = make_lab(observations=["FRAMES_REMAINING_AT_60"], config={"episodeLengthSeconds": "3"})
    lab.reset(seed=1)
    assert lab.observations()["FRAMES_REMAINING_AT_60"].item() == 180


def test_episodes_can_end_early(make_lab: MakeLab, set_switches: SetSwitches) -> None:
    set_switches(early_end_probability=0.1)
    lab = make_lab()
    lab.reset(seed=1)
    steps = 0
    while lab.is_running():
        lab.step(STAND)
        steps += 1
    assert 0 < steps < 200


def test_a_step_can_crash_the_process() -> None:
    program = f"""if True:
        import deepmind_lab, numpy
        lab = deepmind_lab.Lab({DESCRIBED!r}, [], {SMALL!r})
        lab.reset(seed=1)
        print("started", flush=True)
        lab.step(numpy.zeros(7, numpy.intc))
        print("survived", flush=True)
        """
    result = run_python(program, DEEPMIND_LAB_STAND_IN='{"crash_probability": 1}')
    assert (result.returncode, result.stdout) == (1, "started\n")


def test_a_step_and_a_compile_can_be_slow_without_letting_other_threads_run() -> None:
    program = f"""if True:
        import deepmind_lab, numpy, sys, threading, time
        sys.setswitchinterval(1e-4)
        lab = deepmind_lab.Lab({DESCRIBED!r}, [], {SMALL!r})
        beats = []
        stop = threading.Event()
        def beat():
            while not stop.is_set():
                beats.append(None)
                time.sleep(0.001)
        thread = threading.Thread(target=beat)
        thread.start()
        for call in (lambda: lab.reset(seed=1), lambda: lab.step(numpy.zeros(7, numpy.intc))):
            while not beats:
                time.sleep(0.01)
            beats.clear()
            call()
            print(len(beats) < 50)
            time.sleep(0.01)
        stop.set()
        thread.join()
        """
    switches = '{"compile_seconds": 0.3, "hold_gil": true, "step_microseconds": 300000}'
    assert run_python(program, DEEPMIND_LAB_STAND_IN=switches).stdout == "True\nTrue\n"


def test_unknown_switch_is_refused(make_lab: MakeLab, set_switches: SetSwitches) -> None:
    set_switches(compile_second=1)
    with pytest.raises(ValueError, match="has no switch 'compile_second'"):
        make_lab()


def test_the_stand_in_is_not_part_of_the_package() -> None:
    folder = Path(deepmind_lab.__file__).parent
    sources = [path.read_text() for path in folder.glob("*.py")]
    assert len(DMLAB30) == 30
    assert not any(re.search(r"^(import|from) sample_factory", source, re.MULTILINE) for source in sources)
    assert os.path.basename(folder.parent) == "stand_ins"
