"""The maps of `deepmind_lab`: what it asks the level cache, when, and what it does with the answers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from labs_for_tests import AHEAD, DESCRIBED, SMALL, MakeLab, SetSwitches, run_python, wander

from deepmind_lab import Lab
from deepmind_lab.levels import DMLAB30, LEVELS
from deepmind_lab.map_file import compile_map

EXPLORE = "contributed/dmlab30/explore_goal_locations_small"
LASERTAG = "contributed/dmlab30/lasertag_one_opponent_small"
LOCATED = "contributed/dmlab30/language_select_located_object"

PREFIXES = {
    "explore": ("explore_maze_noaas_",),
    "lasertag": ("lt_procedural_aas_",),
    "skymaze": ("platforms_map_noaas_",),
    "rooms_keys": ("keysdoors_demo_map_noaas_",),
    "language": (
        *(f"{name}_noaas_" for name in ("fourPositions", "twoAreaMap", "twoRoomMap", "fourRoomMap", "sixRoomMap")),
        *(
            f"{name}_customFloors_noaas_"
            for name in ("fourPositions", "twoAreaMap", "twoRoomMap", "fourRoomMap", "sixRoomMap")
        ),
        "quantificationSmallMap_noaas_",
    ),
}


class Cache:
    """A cache in memory that keeps a list of what it was asked."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.stored: dict[str, bytes] = {}
        self.paths: set[str] = set()
        self.error = error

    def fetch(self, key: str, pk3_path: str) -> bool:
        self.calls.append(("fetch", key))
        self.paths.add(pk3_path)
        if self.error is not None:
            raise self.error
        if key not in self.stored:
            return False
        Path(pk3_path).write_bytes(self.stored[key])
        return True

    def write(self, key: str, pk3_path: str) -> None:
        self.calls.append(("write", key))
        self.stored[key] = Path(pk3_path).read_bytes()


def maps_asked_for(cache: Cache) -> list[str]:
    """The names of the maps in the order of their fetches."""
    return [key.partition("_noaas_")[0] for call, key in cache.calls if call == "fetch"]


def wander_until_maps_are_known(lab: Lab, cache: Cache, number: int) -> None:
    """Wander in the running episode until so many maps were asked for."""
    random = Random(0)
    while len(set(maps_asked_for(cache))) < number:
        wander(lab, random)


# -- which levels ask, and when


@pytest.mark.parametrize("name", DMLAB30)
def test_only_levels_with_generated_maps_ask_the_cache(make_lab: MakeLab, name: str) -> None:
    cache = Cache()
    lab = make_lab(f"contributed/dmlab30/{name}", [], {"datasetPath": "dummy"}, level_cache=cache)
    assert not cache.calls, "nothing is compiled before the first reset"
    lab.reset(seed=1)
    prefixes = next((prefixes for start, prefixes in PREFIXES.items() if name.startswith(start)), ())
    if not prefixes:
        assert not cache.calls
        return
    (fetch, key), (write, written) = cache.calls
    assert (fetch, write) == ("fetch", "write")
    assert key == written
    assert re.fullmatch(f"({'|'.join(prefixes)})[0-9a-f]{{32}}", key)


@pytest.mark.parametrize("name", ["lt_chasm", "nav_maze_static_01", "seekavoid_arena_01"])
def test_levels_with_maps_of_their_own_never_ask_the_cache(make_lab: MakeLab, name: str) -> None:
    cache = Cache()
    make_lab(name, [], level_cache=cache).reset(seed=1)
    assert name in LEVELS
    assert not cache.calls


def test_one_fetch_a_reset_and_none_between(make_lab: MakeLab) -> None:
    cache = Cache()
    lab = make_lab("contributed/dmlab30/explore_object_locations_small", [], level_cache=cache)
    for seed in (1, 2, 1):
        lab.reset(seed=seed)
        for _ in range(300):
            lab.step(AHEAD, num_steps=4)
    assert [call for call, _ in cache.calls] == ["fetch", "write", "fetch", "write", "fetch"]
    assert cache.calls[0] == cache.calls[4]
    assert len(cache.paths) == 1


def test_language_levels_ask_once_for_each_map_even_in_step(make_lab: MakeLab) -> None:
    cache = Cache()
    lab = make_lab(observations=[], level_cache=cache)
    lab.reset(seed=1)
    assert len(cache.calls) == 2
    wander_until_maps_are_known(lab, cache, 2)
    for seed in range(20):
        lab.reset(seed=seed)
        wander(lab, Random(seed))
    assert sorted(maps_asked_for(cache)) == ["fourPositions", "fourPositions_customFloors"]


# -- keys and files


def test_key_is_the_hash_of_the_source_and_a_function_of_the_seed(make_lab: MakeLab, tmp_path: Path) -> None:
    caches = [Cache(), Cache()]
    layouts = []
    for cache in caches:
        lab = make_lab(EXPLORE, ["DEBUG.MAZE.LAYOUT"], level_cache=cache)
        for seed in (1, 2):
            lab.reset(seed=seed)
            layouts.append(lab.observations()["DEBUG.MAZE.LAYOUT"])
    assert caches[0].calls == caches[1].calls
    assert caches[0].stored == caches[1].stored
    assert layouts[:2] == layouts[2:]
    assert layouts[0] != layouts[1]
    for key, content in caches[0].stored.items():
        (tmp_path / "x.pk3").write_bytes(content)
        with zipfile.ZipFile(tmp_path / "x.pk3") as archive:
            bsp = archive.read("maps/explore_maze.bsp")
        source = bsp[bsp.index(b"// Format") : bsp.index(b"\n}\n") + 3]
        assert key.endswith(hashlib.md5(source).hexdigest())


@pytest.mark.parametrize(
    ("level", "name", "members"),
    [
        (EXPLORE, "explore_maze", {"maps/explore_maze.bsp"}),
        (LASERTAG, "lt_procedural", {"maps/lt_procedural.bsp", "maps/lt_procedural.aas"}),
    ],
)
def test_files_have_the_place_size_and_members_of_real_ones(
    make_lab: MakeLab, tmp_path: Path, level: str, name: str, members: set[str]
) -> None:
    cache = Cache()
    make_lab(level, [], level_cache=cache, temp_folder=str(tmp_path)).reset(seed=1)
    (content,) = cache.stored.values()
    (path,) = cache.paths
    assert path == str(tmp_path / "baselab" / f"{name}.pk3")
    assert 2_000 < len(content) < 35_000
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == members
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "the same at any time"


def test_skymazes_have_few_layouts_and_others_hardly_ever_the_same() -> None:
    maps = {spec.name: spec.layouts for level in DMLAB30.values() for spec in level.maps}
    assert maps["platforms_map"] == 100_000
    assert maps["explore_maze"] == maps["lt_procedural"] == maps["keysdoors_demo_map"] == 2**31 - 1
    assert maps["fourPositions"] == maps["sixRoomMap_customFloors"] == 1000


def test_a_cached_map_is_the_one_that_was_compiled(make_lab: MakeLab) -> None:
    cache = Cache()
    seen = []
    for _ in range(2):
        lab = make_lab(EXPLORE, ["RGB_INTERLEAVED", "DEBUG.MAZE.LAYOUT"], level_cache=cache)
        lab.reset(seed=1)
        seen.append(lab.observations())
    assert [call for call, _ in cache.calls] == ["fetch", "write", "fetch"]
    assert seen[0]["DEBUG.MAZE.LAYOUT"] == seen[1]["DEBUG.MAZE.LAYOUT"]
    assert seen[0]["RGB_INTERLEAVED"].tobytes() == seen[1]["RGB_INTERLEAVED"].tobytes()


def test_the_file_decides_what_is_played(make_lab: MakeLab) -> None:
    cache = Cache()
    lab = make_lab(EXPLORE, ["DEBUG.MAZE.LAYOUT"], level_cache=cache)
    layouts = []
    for seed in (1, 2):
        lab.reset(seed=seed)
        layouts.append(lab.observations()["DEBUG.MAZE.LAYOUT"])
    first, second = cache.stored
    cache.stored[second] = cache.stored[first]
    lab.reset(seed=2)
    assert lab.observations()["DEBUG.MAZE.LAYOUT"] == layouts[0]


def test_a_file_linked_into_the_folder_is_spoilt_by_the_next_episode(make_lab: MakeLab, tmp_path: Path) -> None:
    class Linking(Cache):
        def fetch(self, key: str, pk3_path: str) -> bool:
            if not (tmp_path / key).exists():
                return False
            Path(pk3_path).unlink(missing_ok=True)
            os.link(tmp_path / key, pk3_path)
            return True

        def write(self, key: str, pk3_path: str) -> None:
            shutil.copyfile(pk3_path, tmp_path / key)

    lab = make_lab(EXPLORE, [], level_cache=Linking())
    for seed in (1, 1, 2):
        lab.reset(seed=seed)
    assert sum(zipfile.is_zipfile(path) for path in tmp_path.iterdir()) == 1


# -- errors of the cache


class CacheError(Exception):
    pass


@pytest.mark.parametrize("error", [CacheError("broken"), KeyboardInterrupt()])
def test_what_fetch_raises_comes_out_after_compiling_and_nothing_is_written(
    make_lab: MakeLab, tmp_path: Path, error: BaseException
) -> None:
    cache = Cache(error)
    lab = make_lab(EXPLORE, [], level_cache=cache, temp_folder=str(tmp_path))
    with pytest.raises(type(error)):
        lab.reset(seed=1)
    assert [call for call, _ in cache.calls] == ["fetch"]
    assert zipfile.is_zipfile(tmp_path / "baselab" / "explore_maze.pk3")
    assert lab.is_running() is False
    cache.error = None
    assert lab.reset(seed=1)


def test_a_failed_reset_leaves_the_running_episode_running(make_lab: MakeLab) -> None:
    cache = Cache()
    lab = make_lab(EXPLORE, ["MAP_FRAME_NUMBER"], level_cache=cache)
    lab.reset(seed=1)
    lab.step(AHEAD, num_steps=4)
    cache.error = CacheError()
    with pytest.raises(CacheError):
        lab.reset(seed=2)
    assert lab.is_running() is True
    assert lab.observations()["MAP_FRAME_NUMBER"].item() == 4


def test_what_the_cache_raises_in_step_comes_out_of_step(make_lab: MakeLab) -> None:
    cache = Cache()
    lab = make_lab(LOCATED, [], level_cache=cache)
    lab.reset(seed=1)
    cache.error = CacheError()
    with pytest.raises(CacheError):
        wander_until_maps_are_known(lab, cache, 3)
    assert cache.calls[-1][0] == "fetch"


@pytest.mark.parametrize(
    ("cache", "error"),
    [
        (object(), AttributeError),
        (type("NoArguments", (), {"fetch": lambda self: False})(), TypeError),
        (type("NoWrite", (), {"fetch": lambda self, key, path: False})(), AttributeError),
    ],
)
def test_object_that_is_no_cache_fails_when_it_is_used(make_lab: MakeLab, cache: Any, error: type[Exception]) -> None:
    lab = make_lab(EXPLORE, [], level_cache=cache)
    with pytest.raises(error):
        lab.reset(seed=1)


def test_fetch_may_return_anything_false(make_lab: MakeLab) -> None:
    class Empty(Cache):
        def fetch(self, key: str, pk3_path: str) -> Any:
            return []

    cache = Empty()
    assert make_lab(EXPLORE, [], level_cache=cache).reset(seed=1)
    assert [call for call, _ in cache.calls] == ["write"]


def test_a_map_that_cannot_be_compiled_is_an_error_of_reset_or_step(make_lab: MakeLab, tmp_path: Path) -> None:
    for error in (None, CacheError()):
        cache = Cache(error)
        lab = make_lab(EXPLORE, [], level_cache=cache, temp_folder=str(tmp_path / str(error is None)))
        shutil.rmtree(tmp_path / str(error is None))
        with pytest.raises(RuntimeError, match=r'^Failed to start environment - "Failed to compile map'):
            lab.reset(seed=1)
        assert "write" not in dict(cache.calls)
        (tmp_path / str(error is None) / "baselab").mkdir(parents=True)
        cache.error = None
        assert lab.reset(seed=1), "what the cache raised is not kept for later"
    cache = Cache()
    lab = make_lab(LOCATED, [], level_cache=cache, temp_folder=str(tmp_path / "step"))
    lab.reset(seed=1)
    shutil.rmtree(tmp_path / "step")
    with pytest.raises(ValueError, match=r'^Failed to advance environment "Failed to compile map'):
        wander_until_maps_are_known(lab, cache, 3)


# -- a bad file ends the process

BAD_FILES = {
    "nothing at all": "pass",
    "what is there already": "open(path, 'ab').close()",
    "an empty file": "open(path, 'wb').close()",
    "half of the file": "open(path, 'wb').write(good[: len(good) // 2])",
    "another byte in the middle": "open(path, 'wb').write(good[:2000] + bytes([good[2000] ^ 255]) + good[2001:])",
    "something that is no zip": "open(path, 'wb').write(b'hello')",
    "a map of another name": "compile_map('', 'other', False, pathlib.Path(path))",
    "a zip without a sound map": "zipfile.ZipFile(path, 'w').writestr('maps/explore_maze.bsp', bytes(100))",
    "a damaged map in a sound zip": "damaged = zipfile.ZipFile(path, 'w'); "
    "bsp = zipfile.ZipFile(io.BytesIO(good)).read('maps/explore_maze.bsp'); "
    "damaged.writestr('maps/explore_maze.bsp', bsp.replace(b'*', b' ')); damaged.close()",
    "a folder": "os.unlink(path); os.mkdir(path)",
}

PLAY_TWICE = f"""if True:
    import io, os, pathlib, sys, zipfile
    import deepmind_lab
    from deepmind_lab.map_file import compile_map

    class Cache:
        episodes = 0
        def fetch(self, key, path):
            if self.episodes == 0:
                return False
            good = self.good
            exec(sys.argv[1])
            return True
        def write(self, key, path):
            self.good = open(path, "rb").read()

    cache = Cache()
    lab = deepmind_lab.Lab({EXPLORE!r}, [], {SMALL!r}, level_cache=cache)
    lab.reset(seed=1)
    cache.episodes = 1
    print("again", flush=True)
    lab.reset(seed=1)
    print("survived", flush=True)
    """


@pytest.mark.parametrize("what", BAD_FILES)
def test_process_ends_if_the_cache_has_handed_over(what: str) -> None:
    result = run_python(PLAY_TWICE, BAD_FILES[what])
    assert (result.returncode, result.stdout) == (1, "again\n")
    assert "Didn't find map" in result.stderr
    assert "Traceback" not in result.stderr


def test_process_goes_on_if_the_cache_has_handed_over_the_right_file() -> None:
    result = run_python(PLAY_TWICE, "open(path, 'wb').write(good)")
    assert (result.returncode, result.stdout) == (0, "again\nsurvived\n")


def test_process_ends_if_write_takes_the_file_away() -> None:
    program = f"""if True:
        import os
        import deepmind_lab
        class Cache:
            def fetch(self, key, path):
                return False
            def write(self, key, path):
                os.rename(path, path + ".taken")
        deepmind_lab.Lab({EXPLORE!r}, [], {SMALL!r}, level_cache=Cache()).reset(seed=1)
        print("survived", flush=True)
        """
    result = run_python(program)
    assert (result.returncode, result.stdout) == (1, "")


def test_a_map_for_bots_needs_its_second_member(tmp_path: Path) -> None:
    compile_map("", "lt_procedural", False, tmp_path / "without.pk3")
    program = f"""if True:
        import shutil
        import deepmind_lab
        class Cache:
            def fetch(self, key, path):
                shutil.copyfile({str(tmp_path / "without.pk3")!r}, path)
                return True
        deepmind_lab.Lab({LASERTAG!r}, [], {SMALL!r}, level_cache=Cache()).reset(seed=1)
        """
    assert run_python(program).returncode == 1


# -- the compiler as a process


def test_compiler_inherits_affinity_and_niceness(make_lab: MakeLab, set_switches: SetSwitches, tmp_path: Path) -> None:
    set_switches(compile_in_child=str(tmp_path / "compiled.jsonl"))
    cache = Cache()
    lab = make_lab(EXPLORE, ["DEBUG.MAZE.LAYOUT"], level_cache=cache)
    lab.reset(seed=1)
    (about,) = [json.loads(line) for line in (tmp_path / "compiled.jsonl").read_text().splitlines()]
    assert about == {
        "map": "explore_maze",
        "affinity": sorted(os.sched_getaffinity(0)),
        "niceness": os.nice(0),
    }
    set_switches()
    in_process = Cache()
    make_lab(EXPLORE, [], level_cache=in_process).reset(seed=1)
    assert cache.stored == in_process.stored


def test_process_aborts_if_the_status_of_its_compiler_is_thrown_away(tmp_path: Path) -> None:
    program = f"""if True:
        import signal
        import deepmind_lab
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        deepmind_lab.Lab({DESCRIBED!r}, [], {SMALL!r}).reset(seed=1)
        """
    switches = json.dumps({"compile_in_child": str(tmp_path / "compiled.jsonl")})
    assert run_python(program, DEEPMIND_LAB_STAND_IN=switches).returncode == -6


def test_compiler_that_fails_is_an_error_of_reset(make_lab: MakeLab, set_switches: SetSwitches, tmp_path: Path) -> None:
    set_switches(compile_in_child=str(tmp_path / "no folder" / "compiled.jsonl"))
    with pytest.raises(RuntimeError, match=r'^Failed to start environment - "Failed to compile map'):
        make_lab(EXPLORE, []).reset(seed=1)
