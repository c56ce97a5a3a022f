"""Makes an environment's specification of a VizDoom configuration file. Starts no engine.

Read are the scenario, its rules, rewards, buttons and game variables, and what is drawn. Keys about windows, formats
and further images are passed over: those are decided here. VizDoom is loaded when a file is read.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from sample_factory.envs.doom.actions import ButtonChoice, Component, DiscretizedDelta
from sample_factory.envs.doom.cfg_file import Entry, boolean, integer, names, number, plain, read_cfg, text
from sample_factory.envs.doom.specs import DoomSpec

_GAME = "freedoom2.wad"
_MAX_COMBINATIONS = 100_000
_DELTA_VALUES, _LARGEST_DELTA = 5, 10.0
_EXCLUSIVE = (
    {"MOVE_FORWARD", "MOVE_BACKWARD"},
    {"MOVE_LEFT", "MOVE_RIGHT"},
    {"MOVE_UP", "MOVE_DOWN"},
    {"TURN_LEFT", "TURN_RIGHT"},
    {"LOOK_UP", "LOOK_DOWN"},
    {*(f"SELECT_WEAPON{slot}" for slot in range(10)), "SELECT_NEXT_WEAPON", "SELECT_PREV_WEAPON"},
)
"""Buttons of which at most one is pressed at a time."""


def doom_spec_from_cfg(
    name: str, path: str | Path, actions: Sequence[Component] | None = None, **changes: Any
) -> DoomSpec:
    """An environment for `register_doom_env`, with the scenario, the rules and the rewards that a file says.

    The game variables of the file are reported at the end of every episode, and written under videos.

    Args:
        name: what `--env` is to be.
        path: the .cfg file; the WAD that it names is looked for beside it, then among those that VizDoom ships.
        actions: what to make of buttons. By default those that exclude each other (left and right) are one decision,
            and every other button is one of its own.
        changes: fields of `DoomSpec` that are to be others than the file says, such as `reward_scale`.

    Raises:
        ValueError: one line: there is no such file, or what is wrong in which line of it.
    """
    path = Path(path).expanduser()
    found = _Found(fields={"timeout_tics": 0})
    for entry in read_cfg(path):
        key = _known(entry)
        if key is not None:
            try:
                key.put(found, entry)
            except ValueError as error:
                raise entry.error(f"{entry.key}: {error}") from None
    if "scenario" not in found.fields:
        raise ValueError(f"{path} has no doom_scenario_path: levels of the game itself cannot be played")
    found.fields["scenario"] = _wad(path, found.fields["scenario"])
    buttons, _ = found.fields.pop("buttons", ()), found.fields.pop("game", None)
    if actions is None:
        actions = _default_actions(path, buttons)
    settings = tuple(found.engine_settings.items())
    return replace(DoomSpec(name, actions=tuple(actions), engine_settings=settings, **found.fields), **changes)


class _Found:
    """What the entries so far say."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.engine_settings: dict[str, float | bool] = {}


class _Key(NamedTuple):
    """What an entry says: a field of `DoomSpec` or, without one, a setting of the engine by that name."""

    name: str
    read: Callable[[str], Any]
    fields: tuple[str, ...] = ()

    def put(self, found: _Found, entry: Entry) -> None:
        value = self.read(entry.value)
        for field in self.fields:
            before = found.fields.get(field)
            if entry.adds and before is not None:
                found.fields[field] = f"{before} {value}" if isinstance(value, str) else before + value
            else:
                found.fields[field] = value
        if not self.fields:
            found.engine_settings[self.name] = value


def _buttons(value: str) -> tuple[str, ...]:
    import vizdoom

    return _members(value, vizdoom.Button.__members__)


def _variables(value: str) -> tuple[str, ...]:
    import vizdoom

    return _members(value, vizdoom.GameVariable.__members__)


def _members(value: str, known: Collection[str]) -> tuple[str, ...]:
    found = names(value)
    for name in found:
        if name not in known:
            raise ValueError(f"there is no {name}{_suggestion(name, known)}")
    return found


def _game(value: str) -> str:
    if Path(text(value)).name.lower() != _GAME:
        raise ValueError(f"{value} cannot be played, only {_GAME}, which comes with VizDoom")
    return _GAME


_FIELDS = (
    _Key("doom_scenario_path", text, ("scenario",)),
    _Key("doom_game_path", _game, ("game",)),
    _Key("doom_map", text, ("map",)),
    _Key("doom_skill", integer, ("skill",)),
    _Key("episode_start_time", integer, ("start_tic",)),
    _Key("episode_timeout", integer, ("timeout_tics",)),
    _Key("living_reward", number, ("living_reward",)),
    _Key("death_penalty", number, ("death_penalty",)),
    _Key("render_hud", boolean, ("hud",)),
    _Key("render_weapon", boolean, ("weapon",)),
    _Key("render_crosshair", boolean, ("crosshair",)),
    _Key("render_screen_flashes", boolean, ("screen_flashes",)),
    _Key("available_buttons", _buttons, ("buttons",)),
    _Key("available_game_variables", _variables, ("variables", "statistics")),
    _Key("game_args", text, ("game_args",)),
)
_REWARDS = (
    "death_reward",
    "map_exit_reward",
    "kill_reward",
    "secret_reward",
    "item_reward",
    "frag_reward",
    "hit_reward",
    "hit_taken_reward",
    "hit_taken_penalty",
    "damage_made_reward",
    "damage_taken_reward",
    "damage_taken_penalty",
    "health_reward",
    "armor_reward",
)
_DRAWN = (
    "render_minimal_hud",
    "render_decals",
    "render_particles",
    "render_effects_sprites",
    "render_messages",
    "render_corpses",
)
_PASSED_OVER = (
    "vizdoom_path",
    "doom_config_path",
    "mode",
    "ticrate",
    "seed",
    "screen_resolution",
    "screen_format",
    "window_visible",
    "console_enabled",
    "sound_enabled",
    "render_all_frames",
    "depth_buffer_enabled",
    "labels_buffer_enabled",
    "automap_buffer_enabled",
    "automap_mode",
    "automap_rotate",
    "automap_render_textures",
    "automap_render_objects_as_sprites",
    "objects_info_enabled",
    "sectors_info_enabled",
    "audio_buffer_enabled",
    "audio_buffer_size",
    "audio_sampling_rate",
    "notifications_buffer_enabled",
    "notifications_buffer_size",
)
_READ = (
    *_FIELDS,
    *(_Key(name, number) for name in _REWARDS),
    *(_Key(name, boolean) for name in _DRAWN),
)
_KEYS: dict[str, _Key | None] = {plain(key.name): key for key in _READ} | dict.fromkeys(map(plain, _PASSED_OVER))


def _known(entry: Entry) -> _Key | None:
    """What to make of an entry; None if it is passed over."""
    key = plain(entry.key)
    if key not in _KEYS:
        hint = _suggestion(entry.key.lower(), [*(known.name for known in _READ), *_PASSED_OVER])
        raise entry.error(f"unknown key {entry.key}{hint}")
    return _KEYS[key]


def _suggestion(name: str, known: Collection[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _wad(path: Path, named: str) -> str:
    """Path of a file, or the stem of one that VizDoom ships."""
    import vizdoom

    shipped = Path(vizdoom.__file__).parent / "scenarios" / named
    beside = (path.parent / Path(named).expanduser()).resolve()
    if beside.is_file():
        return str(beside)
    if shipped.is_file():
        return shipped.stem
    raise ValueError(f"{path}: there is no doom_scenario_path {beside}, and VizDoom ships no {named}")


def _default_actions(path: Path, buttons: Sequence[str]) -> tuple[Component, ...]:
    if not buttons:
        raise ValueError(f"{path} has no available_buttons")
    components: list[ButtonChoice | DiscretizedDelta] = []
    left = list(buttons)
    while left:
        group = next((group for group in _EXCLUSIVE if left[0] in group), {left[0]})
        if left[0].endswith("_DELTA"):
            components.append(DiscretizedDelta(left[0], _DELTA_VALUES, -_LARGEST_DELTA, _LARGEST_DELTA))
        else:
            components.append(ButtonChoice(tuple(button for button in left if button in group)))
        left = [button for button in left if button not in group]
    combinations = math.prod(len(component.rows) for component in components)
    if combinations > _MAX_COMBINATIONS:
        raise ValueError(
            f"{path}: its {len(buttons)} buttons have {combinations:,} combinations: choose some as actions"
        )
    return tuple(components)
