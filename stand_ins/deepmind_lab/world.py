"""One episode: a player on a plan, things to find, and what they pay. Knows nothing about pictures or files.

Places are in cells, angles in radians clockwise from the top of the map, and time passes in frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from deepmind_lab.layout import START, WALL, Layout
from deepmind_lab.levels import Item, Level, MapSpec
from deepmind_lab.trials import TRIALS, Thing

FRAMES_PER_SECOND = 60
"""What a second of an episode's length means; a frame moves the player by 16 ms."""
_FRAME_SEC = 0.016
_RADIANS_PER_PIXEL = math.radians(0.0066 * 16)
_STEEPEST = math.radians(80)
_WALK = 3.2 * _FRAME_SEC
_OPPONENT_WALK = 1.2 * _FRAME_SEC
_RADIUS = 0.2
_REACH = 0.55
_HALF_WIDTH_OF_OPPONENT = 0.25
_GAZE = math.radians(4)
_FRAMES_BETWEEN_SHOTS = 30
_FREE_AROUND_START = 1.5


class Pose(NamedTuple):
    """Where the player is and looks: `pitch` is positive when looking down."""

    x: float
    y: float
    heading: float
    pitch: float


class World:
    """One episode of a level, a pure function of the random generator, the maps and the actions."""

    def __init__(
        self,
        level: Level,
        random: Random,
        load_map: Callable[[MapSpec], Layout],
        last_frame: int,
        end_probability: float,
    ) -> None:
        self._level = level
        self._random = random
        self._load_map = load_map
        self._last_frame = last_frame
        self._end_probability = end_probability
        rewards = [item.reward for item in level.items]
        if level.shuffled_rewards:
            random.shuffle(rewards)
        self._items = [item._replace(reward=reward) for item, reward in zip(level.items, rewards, strict=True)]
        self.frame = 0
        self.score = 0
        self.has_ended = False
        self.instruction = ""
        self.floors: Mapping[str, str] = {}
        self.things: list[Thing] = []
        self.velocity = (0.0, 0.0)
        """Cells a second to the right and ahead."""
        self.turn_rate = 0.0
        """Degrees a second, positive to the right."""
        self._begin()

    @property
    def frames_left(self) -> int:
        """Frames until the time is up."""
        return max(0, self._last_frame - self.frame)

    def advance(self, action: Sequence[int]) -> int:
        """Let one frame pass under this raw action and return its reward."""
        look_right, look_down, strafe, ahead, fire = action[:5]
        self._turn(look_right, look_down)
        if self._level.rule != "look":
            self._walk(strafe, ahead)
        if self._level.rule == "fire":
            for opponent in self.things:
                self._roam(opponent)
        self.frame += 1
        thing = self._chosen(fire)
        reward = 0 if thing is None else self._take(thing)
        self.score += reward
        if self.frame >= self._last_frame or (self._end_probability and self._random.random() < self._end_probability):
            self.has_ended = True
        return reward

    def _begin(self) -> None:
        """Take the first map, or the next one of a level that asks one question after the other."""
        spec = self._random.choice(self._level.maps)
        self.layout = self._load_map(spec)
        self._next_shot = 0
        starts = self.layout.places(START)
        if spec.trial:
            trial = TRIALS[spec.trial](self._random, self.layout)
            self.instruction, self.things, self.floors = trial
            self.pose = Pose(*starts[0], 0.0, 0.0)
        else:
            self.pose = self._random_pose()
            self.things = []
            self._add(restarts=True)
            self._scatter()

    def _random_pose(self) -> Pose:
        return Pose(*self._random.choice(self.layout.floor_cells()), self._random.uniform(0, 2 * math.pi), 0.0)

    def _scattered(self, item: Item) -> Thing:
        place = self._free_place()
        heading = self._random.uniform(0, 2 * math.pi)
        return Thing(*place, item.shape, item.colour, item.reward, restarts=item.restarts, heading=heading)

    def _free_place(self) -> tuple[float, float]:
        """The middle of a cell with nothing in it that is not where the player is."""
        here = (self.pose.x, self.pose.y)
        taken = {(thing.x, thing.y) for thing in self.things}
        cells = [cell for cell in self.layout.floor_cells() if cell not in taken]
        return self._random.choice([cell for cell in cells if math.dist(cell, here) > _FREE_AROUND_START])

    def _turn(self, look_right: int, look_down: int) -> None:
        x, y, heading, pitch = self.pose
        turn = look_right * _RADIANS_PER_PIXEL
        pitch = min(max(pitch + look_down * _RADIANS_PER_PIXEL, -_STEEPEST), _STEEPEST)
        self.pose = Pose(x, y, (heading + turn) % (2 * math.pi), pitch)
        self.turn_rate = math.degrees(turn) / _FRAME_SEC

    def _walk(self, strafe: int, ahead: int) -> None:
        length = _WALK / (math.hypot(strafe, ahead) or 1.0)
        x, y, heading, pitch = self.pose
        sin, cos = math.sin(heading), math.cos(heading)
        dx, dy = (ahead * sin + strafe * cos) * length, (strafe * sin - ahead * cos) * length
        # One axis after the other, so that players slide along walls.
        new_x = x if self._is_blocked(x + dx, y) else x + dx
        new_y = y if self._is_blocked(new_x, y + dy) else y + dy
        self.pose = Pose(new_x, new_y, heading, pitch)
        moved_x, moved_y = (new_x - x) / _FRAME_SEC, (new_y - y) / _FRAME_SEC
        self.velocity = (moved_x * cos + moved_y * sin, moved_x * sin - moved_y * cos)

    def _is_blocked(self, x: float, y: float) -> bool:
        rows = self.layout.entities
        upper, lower = rows[int(y - _RADIUS)], rows[int(y + _RADIUS)]
        left, right = int(x - _RADIUS), int(x + _RADIUS)
        return WALL in (upper[left], upper[right], lower[left], lower[right])

    def _roam(self, opponent: Thing) -> None:
        x = opponent.x + math.sin(opponent.heading) * _OPPONENT_WALK
        y = opponent.y - math.cos(opponent.heading) * _OPPONENT_WALK
        if self._is_blocked(x, y):
            opponent.heading = self._random.uniform(0, 2 * math.pi)
        else:
            opponent.x, opponent.y = x, y

    def _chosen(self, fire: int) -> Thing | None:
        """The thing that this frame's touch, gaze or shot has chosen."""
        if self._level.rule == "touch":
            return next((thing for thing in self.things if thing.can_be_chosen and self._is_touched(thing)), None)
        if self._level.rule == "look":
            return next((thing for thing in self.things if abs(self._bearing(thing)) < _GAZE), None)
        if not fire or self.frame < self._next_shot:
            return None
        self._next_shot = self.frame + _FRAMES_BETWEEN_SHOTS
        return next((opponent for opponent in self.things if self._is_in_sight(opponent)), None)

    def _is_touched(self, thing: Thing) -> bool:
        return abs(thing.x - self.pose.x) < _REACH and abs(thing.y - self.pose.y) < _REACH

    def _bearing(self, thing: Thing) -> float:
        """Angle from the middle of the view to a thing, positive to the right."""
        angle = math.atan2(thing.x - self.pose.x, self.pose.y - thing.y) - self.pose.heading
        return (angle + math.pi) % (2 * math.pi) - math.pi

    def _is_in_sight(self, opponent: Thing) -> bool:
        """Whether the crosshair is on an opponent and no wall is between."""
        distance = math.dist((opponent.x, opponent.y), (self.pose.x, self.pose.y))
        if abs(self._bearing(opponent)) > math.atan2(_HALF_WIDTH_OF_OPPONENT, distance):
            return False
        points = int(distance * 8) + 1
        dx, dy = (opponent.x - self.pose.x) / points, (opponent.y - self.pose.y) / points
        rows = self.layout.entities
        return all(rows[int(self.pose.y + dy * i)][int(self.pose.x + dx * i)] != WALL for i in range(points))

    def _take(self, thing: Thing) -> int:
        """Give the reward of a thing and let happen what follows from choosing it."""
        if not self._items:
            self._begin()
        elif self._level.rule == "fire":
            thing.x, thing.y = self._free_place()
        elif thing.restarts:
            self.has_ended = self._level.ends_at_goal
            self.pose = self._random_pose()
            self._scatter()
        else:
            self.things.remove(thing)
            if not any(other.reward > 0 for other in self.things):
                self._scatter()
        return thing.reward

    def _scatter(self) -> None:
        """Bring back all that can be collected; goals stay where they are for the whole episode."""
        self.things = [thing for thing in self.things if thing.restarts]
        self._add(restarts=False)

    def _add(self, restarts: bool) -> None:
        for item in self._items:
            if item.restarts == restarts:
                for _ in range(item.number):
                    self.things.append(self._scattered(item))
