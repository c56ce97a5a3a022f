"""What is written under the frames of a video about a player. Starts and steps no engine."""

from __future__ import annotations

from collections.abc import Sequence

import vizdoom

from sample_factory.envs.doom.specs import DoomSpec

_NAMES = {
    "MOVE_FORWARD": "forward",
    "MOVE_BACKWARD": "backward",
    "MOVE_LEFT": "left",
    "MOVE_RIGHT": "right",
    "SPEED": "run",
    "SELECT_NEXT_WEAPON": "next weapon",
    "SELECT_PREV_WEAPON": "previous weapon",
    "TURN_LEFT_RIGHT_DELTA": "turn",
    "LOOK_UP_DOWN_DELTA": "look",
    "MOVE_FORWARD_BACKWARD_DELTA": "forward",
    "MOVE_LEFT_RIGHT_DELTA": "right",
}


def player_overlay(game: vizdoom.DoomGame, spec: DoomSpec, buttons: Sequence[str]) -> dict[str, str]:
    """What the player of a running game has, and which buttons it pressed last."""
    texts = {name: str(_number(game, variable)) for name, variable in _variables(spec).items()}
    texts["health"] = str(max(0, int(texts["health"])))  # of the dead it is anything below 0
    return {**texts, "action": action_text(buttons, game.get_last_action())}


def action_text(buttons: Sequence[str], values: Sequence[float]) -> str:
    """The buttons that are pressed, in words: "forward, attack, turn +2.5"."""
    parts = []
    for name, value in zip(buttons, values, strict=True):
        if name.endswith("_DELTA"):
            parts += [f"{_word(name)} {value:+.1f}"] if value else []
        elif value:
            parts.append(_word(name))
    return ", ".join(parts) or "nothing"


def _word(button: str) -> str:
    if button.startswith("SELECT_WEAPON"):
        return f"weapon {button.removeprefix('SELECT_WEAPON')}"
    return _NAMES.get(button) or button.removesuffix("_DELTA").replace("_", " ").lower()


def _variables(spec: DoomSpec) -> dict[str, str]:
    if spec.match is not None:
        counted = {"frags": "FRAGCOUNT"}
    else:
        # Where a scenario counts the player's kills it says so; the engine counts those of other monsters, too.
        counted = {"kills": "USER2" if "USER2" in spec.variables else "KILLCOUNT"}
    shown = {"health": "HEALTH", "armor": "ARMOR", "ammo": "SELECTED_WEAPON_AMMO", **counted}
    own = {name.replace("_", " ").lower(): name for name in spec.statistics if name not in shown.values()}
    return {**shown, **own}


def _number(game: vizdoom.DoomGame, variable: str) -> int:
    return round(game.get_game_variable(vizdoom.GameVariable.__members__[variable]))
