"""Is EnvPool's MiniGrid the package's, and how fast are both? Prints one line per environment.

    python -m benchmarks.backends_minigrid same [ids ...] [--steps 400]
    taskset -c 0 python -m benchmarks.backends_minigrid speed [ids ...]

`same` puts each level that EnvPool draws into an environment of the package and plays the same random actions in both:
observations, rewards and ends must be equal at every step of every episode. Levels whose rules roll dice (moving
obstacles) or need files that the package does not bring (WFC) are left out. `speed` counts steps per second of 32
environments as the sampler steps them, and of the package's own `step` for comparison. Knows no policy.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.minigrid.env import MiniGrid, known_ids
from sample_factory.envs.minigrid.pool import MiniGridPool
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import make_batched

NUM_ENVS = 16
NUM_STEPS = 400
_LEFT_OUT = ("Dynamic-Obstacles", "WFC", "BabyAI-SynthS5R2")
_SPEED_IDS = ("MiniGrid-Empty-8x8-v0", "MiniGrid-DoorKey-6x6-v0", "BabyAI-GoToLocal-v0", "BabyAI-BossLevel-v0")
_DESCRIPTION = re.compile(
    r"(?:the|a) (?:(red|green|blue|purple|yellow|grey) )?(box|ball|key|door|object)"
    r"(?: (?:on your (left|right)|(?:in )?(front|behind)(?: of)? you))?"
)


class Mismatch(Exception):  # noqa: N818
    """The backends differ."""


def play_side_by_side(gym_id: str, num_steps: int = NUM_STEPS, num_envs: int = NUM_ENVS, seed: int = 0) -> str:
    """Play `num_steps` random steps in each of `num_envs` environments of both; says how much was compared.

    Raises:
        Mismatch: where and in what they differ.
    """
    pool = MiniGridPool(gym_id, num_envs)
    games = [MiniGrid(gym_id) for _ in range(num_envs)]
    rng = np.random.default_rng(seed)
    observations, _ = pool.reset(seed=seed)
    for game, state in zip(games, states(pool), strict=True):
        put_level(game.unwrapped, state, seed)
    ended, num_episodes, num_rewards, num_cut = np.zeros(num_envs, bool), 0, 0, 0
    for number in range(num_steps):
        actions = rng.choice(7, num_envs, p=(0.15, 0.15, 0.4, 0.1, 0.05, 0.1, 0.05))
        observations, rewards, terminated, truncated, _ = pool.step(actions)
        new_levels = states(pool) if ended.any() else []
        for i, game in enumerate(games):
            if ended[i]:
                put_level(game.unwrapped, new_levels[i], seed)
                expected: Any = (game._described(game._observe()), 0.0, False, False)
            else:
                expected = game.step(int(actions[i]))[:4]
            found = (
                {name: values[i] for name, values in observations.items()},
                rewards[i],
                terminated[i],
                truncated[i],
            )
            _compare(f"{gym_id}, environment {i}, step {number}", expected, found)
        ended = terminated | truncated
        num_episodes += int(ended.sum())
        num_rewards += int((rewards != 0).sum())
        num_cut += int((truncated & ~terminated).sum())
    pool.close()
    return f"{num_steps * num_envs} steps, {num_episodes} ends, {num_rewards} rewards, {num_cut} time limits"


def states(pool: MiniGridPool) -> list[Any]:
    """EnvPool's own description of the level of each environment."""
    found: list[Any] = pool._pool._pool.debug_states()
    return found


def put_level(game: Any, state: Any, seed: int) -> None:
    """Make an environment of the package one with the level of EnvPool."""
    from minigrid.core.grid import Grid

    if not hasattr(game, "instrs"):
        game.reset(seed=seed)
    grid = Grid(state.width, state.height)
    codes, contents = (
        np.array(values).reshape(state.width, state.height, 3).swapaxes(0, 1).reshape(-1, 3).tolist()
        for values in (state.grid, state.grid_contains)  # column by column
    )
    grid.grid = [_object(*code) for code in codes]
    for place, (cell, content) in enumerate(zip(grid.grid, contents, strict=True)):
        if cell is not None:
            cell.cur_pos = cell.init_pos = (place % state.width, place // state.width)
            cell.contains = _object(*content) if any(content) else None
    game.grid, game.width, game.height = grid, state.width, state.height
    game.agent_pos, game.agent_dir = tuple(state.agent_pos), state.agent_dir
    game.carrying = _object(state.carrying_type, state.carrying_color, state.carrying_state)
    if game.carrying is not None:
        game.carrying.cur_pos = game.carrying.init_pos = (-1, -1)
    game.mission, game.max_steps, game.step_count = state.mission, state.max_steps, 0
    if game.spec.id.startswith("BabyAI-"):
        game.instrs = instruction(state.mission, game)
        # What is carried from the start was lying somewhere when the package looked which objects are meant.
        free = grid.grid.index(None)
        grid.grid[free] = game.carrying
        game.instrs.reset_verifier(game)
        grid.grid[free] = None
    else:
        _put_task(game, state)


def instruction(mission: str, game: Any, is_first: bool = True) -> Any:
    """The package's instruction that a mission of BabyAI describes."""
    from minigrid.envs.babyai.core import verifier

    for words, order in ((", then ", verifier.BeforeInstr), (" after you ", verifier.AfterInstr)):
        if words in mission:
            return order(*(instruction(part, game, i == 0) for i, part in enumerate(mission.split(words))))
    if " and " in mission:
        return verifier.AndInstr(*(instruction(part, game) for part in mission.split(" and ")))
    # Strict: whatever else is picked up or opened ends the episode.
    is_strict = getattr(game, "debug", False) or (getattr(game, "strict", False) and is_first)
    strict = {"strict": True} if is_strict else {}
    if mission.startswith("put "):
        move, fixed = mission[4:].split(" next to ")
        return verifier.PutNextInstr(_description(move), _description(fixed), **strict)
    if mission.startswith("go to "):
        return verifier.GoToInstr(_description(mission[6:]))
    kind = verifier.PickupInstr if mission.startswith("pick up ") else verifier.OpenInstr
    return kind(_description(mission.removeprefix("pick up ").removeprefix("open ")), **strict)


def measure(gym_id: str, backend: str, seconds: float = 4.0) -> float:
    """Steps per second of 32 environments with random actions."""
    env = make_batched(gym_id, SimpleNamespace(env_backend=backend, env_frameskip=1), 32)
    out, result = zero_rows(env.keys, 32), new_step_arrays(32)
    env.reset(0, out)
    actions = np.random.default_rng(0).integers(0, 7, (1000, 32, 1), dtype=np.int32)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        env.step(actions[count % 1000], out, result)
        count += 1
    speed = 32 * count / (time.perf_counter() - started)
    env.close()
    return speed


def measure_package(gym_id: str, seconds: float = 4.0) -> float:
    """Steps per second of one environment as the package makes it, without wrappers."""
    assert gym_id in known_ids(), gym_id
    game = gym.make(gym_id, disable_env_checker=True).unwrapped
    game.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 7, 1000).tolist()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        _, _, terminated, truncated, _ = game.step(actions[count % 1000])
        count += 1
        if terminated or truncated:
            game.reset()
    return count / (time.perf_counter() - started)


def main() -> int:
    """Compare or measure; 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("same", "speed"))
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--steps", type=int, default=NUM_STEPS, help="compared in each of 16 environments of an id")
    arguments = parser.parse_args()
    if arguments.what == "speed":
        for gym_id in arguments.ids or _SPEED_IDS:
            numbers = [measure_package(gym_id), measure(gym_id, "gymnasium"), measure(gym_id, "envpool")]
            print(f"{gym_id}: package {numbers[0]:.0f}, gymnasium {numbers[1]:.0f}, envpool {numbers[2]:.0f} steps/s")
        return 0
    import envpool

    in_envpool, num_different = envpool.list_all_envs(), 0
    for gym_id in arguments.ids or known_ids():
        if gym_id not in in_envpool or any(part in gym_id for part in _LEFT_OUT):
            continue
        try:
            print(f"{gym_id}: same in {play_side_by_side(gym_id, arguments.steps)}", flush=True)
        except Mismatch as error:
            num_different += 1
            print(f"{gym_id}: DIFFERENT: {error}", flush=True)
    return 1 if num_different else 0


def _object(kind: int, color: int, state: int) -> Any:
    from minigrid.core.world_object import WorldObj

    return WorldObj.decode(kind, color, state)


def _description(text: str) -> Any:
    from minigrid.envs.babyai.core.verifier import ObjDesc

    match = _DESCRIPTION.fullmatch(text)
    assert match, text
    color, kind, side, ahead = match.groups()
    return ObjDesc(None if kind == "object" else kind, color, side or ahead)


def _put_task(game: Any, state: Any) -> None:
    """What a level of MiniGrid knows besides the grid, under the names of each class."""
    from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT

    kinds, colors = IDX_TO_OBJECT, IDX_TO_COLOR
    game.target_pos, game.success_pos, game.failure_pos = state.target_pos, state.success_pos, state.failure_pos
    game.targetType, game.targetColor = kinds[state.target_type], colors[state.target_color]
    game.target_type, game.target_color = game.targetType, game.targetColor
    game.move_type, game.moveColor = kinds[state.move_type], colors[state.move_color]
    cells = [cell for cell in game.grid.grid if cell is not None]
    doors = [cell for cell in cells if cell.type == "door"]
    if "RedBlue" in game.spec.id:
        game.red_door, game.blue_door = (
            next(door for door in doors if door.color == color) for color in ("red", "blue")
        )
    elif "Unlock-" in game.spec.id:
        game.door = next(door for door in doors if door.is_locked)
    words = state.mission.split()
    if words[:2] == ["pick", "up"]:
        wanted = [cell for cell in cells if [cell.color, cell.type] == words[-2:]]
        game.obj = wanted[0] if wanted else None


def _compare(where: str, expected: Any, found: Any) -> None:
    for name, value in expected[0].items():
        if not np.array_equal(value, found[0][name]):
            raise Mismatch(f"{where}: {name} {np.asarray(value).tolist()} and {found[0][name].tolist()}")
    for name, ours, theirs in zip(("reward", "terminated", "truncated"), expected[1:], found[1:], strict=True):
        # EnvPool keeps to itself whether an episode has also failed in the last step that it had.
        if name == "terminated" and found[3] and not found[1]:
            continue
        if abs(float(ours) - float(theirs)) > 1e-6:
            raise Mismatch(f"{where}: {name} {ours} and {theirs}")


if __name__ == "__main__":
    sys.exit(main())
