"""What the player sees: walls by a ray for each column, floor by row, things as flat shapes that shrink with distance.

Knows nothing about rewards, or which thing is which. A frame of 96x72 takes a fraction of a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

import numpy as np

from deepmind_lab.colours import NUMBER, PALETTE, SHADES, WALLS
from deepmind_lab.layout import WALL, Layout
from deepmind_lab.trials import Thing
from deepmind_lab.world import Pose

_FAR = 64.0
_NEAR = 0.15
_EYE = 0.5  # walls are 1 high, so the horizon halves them
_FOG = 0.8  # brightness levels lost in a cell
_DARKEST = 3
_THING_SIZE = 0.7
_TEXELS = 24
_WALL_REGION = 4
_DEPTH_RANGE = 16.0


class Scene(NamedTuple):
    """A map as arrays of its cells, [rows, columns]."""

    walls: np.ndarray  # bool
    wall_colours: np.ndarray  # intp
    floor_colours: np.ndarray  # intp


class Picture(NamedTuple):
    """A frame, [height, width]."""

    codes: np.ndarray  # intp, indices of the palette
    depth: np.ndarray  # float64, cells

    def rgb(self) -> np.ndarray:
        """[height, width, 3] uint8, a new array."""
        return np.take(PALETTE, self.codes, axis=0)

    def depth_byte(self) -> np.ndarray:
        """[height, width, 1] uint8: 0 is here and 255 is far away."""
        return (np.minimum(self.depth / _DEPTH_RANGE, 1.0) * 255).astype(np.uint8)[..., None]


def make_scene(layout: Layout, floors: Mapping[str, str]) -> Scene:
    """The arrays of a map whose areas have floors of these colours."""
    walls = np.array([[cell == WALL for cell in row] for row in layout.entities])
    colours = {area: NUMBER[colour] for area, colour in floors.items()}
    plain = NUMBER["floor"]
    floor = np.array([[colours.get(area, plain) for area in row] for row in layout.variations])
    return Scene(walls, _wall_colours(walls.shape, layout.theme), floor)


def render(scene: Scene, pose: Pose, things: Sequence[Thing], width: int, height: int) -> Picture:
    """The view from a pose: 90 degrees wide, square pixels. # hot path"""
    focal = width / 2
    # Looking up or down shifts the picture instead of tilting it: walls stay upright.
    horizon = height / 2 - focal * np.tan(pose.pitch)
    ahead = np.array((np.sin(pose.heading), -np.cos(pose.heading)))
    right = np.array((-ahead[1], ahead[0]))
    across = (np.arange(width) + 0.5 - focal) / focal
    rays_x, rays_y = ahead[0] + right[0] * across, ahead[1] + right[1] * across
    below = np.arange(height) + 0.5 - horizon
    plane = np.minimum(focal * _EYE / np.maximum(np.abs(below), 1e-6), _FAR)  # distance of floor or ceiling, [rows]
    wall, wall_codes, panels = _walls(scene, pose, rays_x, rays_y)

    codes = _floor_and_ceiling(scene, pose, rays_x, rays_y, plane, below)
    tiles = (below[:, None] * (wall * (4 / focal))[None, :] + (4 * _EYE)).astype(np.int16)
    is_wall = wall[None, :] < plane[:, None]
    np.copyto(codes, wall_codes[None, :] - 2 * ((tiles + panels[None, :]) & 1), where=is_wall)
    depth = np.minimum(plane[:, None], wall[None, :])

    relative = [(thing, (thing.x - pose.x, thing.y - pose.y)) for thing in things]
    placed = [(d[0] * ahead[0] + d[1] * ahead[1], d[0] * right[0] + d[1] * right[1], thing) for thing, d in relative]
    for distance, side, thing in sorted(placed, key=lambda entry: -entry[0]):
        if distance > _NEAR:
            middle = focal + focal * side / distance
            _draw(codes, depth, wall, thing, distance, middle, horizon, focal)
    return Picture(codes, depth)


def _floor_and_ceiling(
    scene: Scene, pose: Pose, rays_x: np.ndarray, rays_y: np.ndarray, plane: np.ndarray, below: np.ndarray
) -> np.ndarray:
    shade = np.clip(SHADES - 1 - plane * _FOG, _DARKEST, SHADES - 1).astype(np.intp)
    codes = np.empty((len(plane), len(rays_x)), dtype=np.intp)
    first = int(np.searchsorted(below, 0.0))
    codes[:first] = (NUMBER["sky"] * SHADES + shade[:first])[:, None]
    # Twice the place, so that one cell has four tiles.
    x = (2 * (pose.x + plane[first:, None] * rays_x)).astype(np.intp)
    y = (2 * (pose.y + plane[first:, None] * rays_y)).astype(np.intp)
    rows, columns = scene.floor_colours.shape
    cells = scene.floor_colours[np.clip(y >> 1, 0, rows - 1), np.clip(x >> 1, 0, columns - 1)]
    codes[first:] = cells * SHADES + shade[first:, None] - 2 * ((x + y) & 1)
    return codes


def _walls(
    scene: Scene, pose: Pose, rays_x: np.ndarray, rays_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each column of the picture: distance in cells, code of the wall, and number of the panel, [columns]."""
    walls = scene.walls
    to_x, row_x, column_x = _first_wall(walls, pose.x, pose.y, rays_x, rays_y)
    to_y, column_y, row_y = _first_wall(walls.T, pose.y, pose.x, rays_y, rays_x)
    is_x = to_x < to_y
    distance = np.where(is_x, to_x, to_y)
    colour = scene.wall_colours[np.where(is_x, row_x, row_y), np.where(is_x, column_x, column_y)]
    along = np.where(is_x, pose.y + to_x * rays_y, pose.x + to_y * rays_x)
    shade = np.clip(SHADES - 1 - distance * _FOG - 2 * is_x, _DARKEST, SHADES - 1).astype(np.intp)
    return distance, colour * SHADES + shade, (along * 4).astype(np.int16)


def _first_wall(
    walls: np.ndarray, start: float, start_across: float, rays: np.ndarray, rays_across: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance and cell (across, along) of the first wall that a ray enters across lines of the grid's second axis."""
    lines = np.arange(1, walls.shape[1])
    rays = np.where(np.abs(rays) < 1e-9, 1e-9, rays)[:, None]
    distance = (lines - start) / rays
    np.copyto(distance, _FAR, where=(distance <= 0) | (distance > _FAR))
    across = (start_across + distance * rays_across[:, None]).astype(np.intp)
    np.clip(across, 0, walls.shape[0] - 1, out=across)
    along = lines - (rays < 0)
    np.copyto(distance, _FAR, where=~walls[across, along])
    nearest = distance.argmin(axis=1)
    every = np.arange(len(nearest))
    return distance[every, nearest], across[every, nearest], along[every, nearest]


def _draw(
    codes: np.ndarray,
    depth: np.ndarray,
    wall: np.ndarray,
    thing: Thing,
    distance: float,
    middle: float,
    horizon: float,
    focal: float,
) -> None:
    """Draw a thing that stands on the floor over what is there, except where a wall is nearer."""
    height, width = codes.shape
    size = focal * _THING_SIZE / distance
    left, bottom = middle - size / 2, horizon + focal * _EYE / distance
    top = bottom - size
    columns = np.arange(max(int(left), 0), min(int(left + size) + 1, width))
    rows = np.arange(max(int(top), 0), min(int(bottom) + 1, height))
    if not len(columns) or not len(rows):
        return
    u = np.clip((columns + 0.5 - left) * (_TEXELS / size), 0, _TEXELS - 1).astype(np.intp)
    v = np.clip((rows + 0.5 - top) * (_TEXELS / size), 0, _TEXELS - 1).astype(np.intp)
    texels = _texture(thing.shape)[v[:, None], u]
    shown = (texels >= 0) & (wall[columns] > distance)
    area = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    np.copyto(codes[area], NUMBER[thing.colour] * SHADES + texels, where=shown)
    np.copyto(depth[area], distance, where=shown)


@lru_cache
def _texture(shape: str) -> np.ndarray:
    """Brightness of a shape's texels, [rows, columns] intp; -1 where there is nothing."""
    x, y = np.meshgrid(np.linspace(-1, 1, _TEXELS), np.linspace(-1, 1, _TEXELS))
    if shape == "ball":
        inside, light = x**2 + y**2 <= 1, 1 - 0.5 * np.hypot(x + 0.35, y + 0.35)
    elif shape == "box":
        inside, light = np.ones_like(x, dtype=bool), np.where(y < -0.6, 1.0, np.where(x > 0.3, 0.6, 0.8))
    elif shape == "cone":
        inside, light = np.abs(x) <= (y + 1) / 2, 0.85 - 0.35 * x
    else:  # a pillar
        inside, light = np.abs(x) <= 0.5, 0.9 - 0.6 * np.abs(x)
    return np.where(inside, np.clip(light * (SHADES - 1), 0, SHADES - 1), -1).astype(np.intp)


@lru_cache
def _wall_colours(shape: tuple[int, int], theme: int) -> np.ndarray:
    """A colour for every few cells, so that places can be told apart."""
    random = Random(theme)
    rows, columns = (length // _WALL_REGION + 1 for length in shape)
    regions = np.array([[NUMBER[random.choice(WALLS)] for _ in range(columns)] for _ in range(rows)])
    return regions.repeat(_WALL_REGION, axis=0).repeat(_WALL_REGION, axis=1)[: shape[0], : shape[1]]
