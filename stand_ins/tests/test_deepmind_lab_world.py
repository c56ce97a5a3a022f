"""What can be seen and earned in the worlds of `deepmind_lab`."""

from __future__ import annotations

import math
from collections import deque
from random import Random

import numpy as np
import pytest
from labs_for_tests import AHEAD, DESCRIBED, STAND, MakeLab, wander

from deepmind_lab.colours import NAMED, NUMBER, PALETTE, SHADES
from deepmind_lab.layout import Layout, make_layout
from deepmind_lab.levels import DMLAB30, LEVELS, Level
from deepmind_lab.plans import PLANS
from deepmind_lab.render import make_scene, render
from deepmind_lab.trials import TRIALS, Thing
from deepmind_lab.world import Pose, World

SECONDS = {
    "rooms": (60, 60, 12, 120, 60),
    "language": (60, 120, 120, 60),
    "lasertag": (240,) * 4,
    "natlab": (120,) * 3,
    "skymaze": (60,) * 2,
    "psychlab": (300, 300, 300, 150),
    "explore": (90, 120) * 4,
}


def new_world(level: Level, seed: int, frames: int = 10_000) -> World:
    return World(level, Random(seed), lambda spec: make_layout(spec.name, spec.plan, seed), frames, 0.0)


def pixels_of(rgb: np.ndarray, colour: str) -> np.ndarray:
    """[height, width] bool: where a picture has this colour in any brightness that things have."""
    shades = PALETTE[NUMBER[colour] * SHADES : (NUMBER[colour] + 1) * SHADES]
    return (rgb[:, :, None, :] == shades).all(axis=-1).any(axis=-1)


# -- levels


def test_levels_are_the_thirty_in_their_order_with_their_lengths() -> None:
    expected = [length for lengths in SECONDS.values() for length in lengths]
    assert [level.seconds for level in DMLAB30.values()] == expected
    assert list(DMLAB30)[5] == "language_select_described_object"
    assert list(DMLAB30)[29] == "explore_object_rewards_many"
    assert len(LEVELS) == 30 + 2 + 3


def test_an_episode_lasts_sixty_frames_a_second(make_lab: MakeLab) -> None:
    lab = make_lab("contributed/dmlab30/rooms_select_nonmatching_object", [])
    lab.reset(seed=1)
    while lab.is_running():
        lab.step(STAND, num_steps=4)
    assert lab.num_steps() == 720


@pytest.mark.parametrize("name", LEVELS)
def test_every_level_pays_for_what_it_asks_for(name: str) -> None:
    level = LEVELS[name]
    world = new_world(level, 1)
    good = next(thing for thing in world.things if thing.reward > 0)
    reward = 0
    for _ in range(200):  # opponents may walk away at first
        side = next(
            (dx, dy)
            for dx, dy in ((0.0, 0.4), (0.0, -0.4), (0.4, 0.0), (-0.4, 0.0))
            if world.layout.entities[int(good.y + dy)][int(good.x + dx)] != "*"
        )
        heading = math.atan2(-side[0], side[1])
        if level.rule == "look":
            heading = math.atan2(good.x - world.pose.x, world.pose.y - good.y)
            world.pose = world.pose._replace(heading=heading)
        else:
            world.pose = Pose(good.x + side[0], good.y + side[1], heading, 0.0)
        reward = world.advance([0, 0, 0, 0, 1, 0, 0])
        if reward:
            break
    assert reward == good.reward > 0
    assert world.score == reward


@pytest.mark.parametrize("name", DMLAB30)
def test_only_language_levels_give_instructions(name: str) -> None:
    assert bool(new_world(DMLAB30[name], 1).instruction) is name.startswith("language")


@pytest.mark.parametrize("plan", PLANS)
def test_every_place_of_a_plan_can_be_reached(plan: str) -> None:
    for seed in range(20):
        layout = make_layout("map", plan, seed)
        assert {len(row) for row in (*layout.entities, *layout.variations)} == {len(layout.entities[0])}
        assert len(layout.entities) == len(layout.variations)
        cells = {(int(x), int(y)) for x, y in layout.floor_cells()}
        start = next(iter(cells))
        seen, queue = {start}, deque([start])
        while queue:
            x, y = queue.popleft()
            for cell in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if cell in cells and cell not in seen:
                    seen.add(cell)
                    queue.append(cell)
        assert seen == cells
        assert all(0 < x < len(layout.entities[0]) - 1 and 0 < y < len(layout.entities) - 1 for x, y in cells)


@pytest.mark.parametrize("plan", PLANS)
def test_a_layout_survives_its_text(plan: str) -> None:
    layout = make_layout("some_map", plan, 7)
    assert Layout.from_text(layout.to_text()) == layout


# -- moving


def test_twenty_pixels_turn_by_two_degrees_and_positive_is_right(make_lab: MakeLab) -> None:
    lab = make_lab(observations=["DEBUG.POS.ROT", "VEL.ROT"])
    lab.reset(seed=1)
    look = STAND.copy()
    look[:2] = 20, 10
    lab.step(look, num_steps=4)
    rotation = lab.observations()["DEBUG.POS.ROT"]
    assert rotation[1] == pytest.approx(4 * 20 * 0.0066 * 16)
    assert rotation[0] == pytest.approx(4 * 10 * 0.0066 * 16), "positive looks down"
    assert lab.observations()["VEL.ROT"][1] == pytest.approx(20 * 6.6)


def test_walking_crosses_a_room_in_about_a_second(make_lab: MakeLab) -> None:
    lab = make_lab("contributed/dmlab30/rooms_watermaze", ["DEBUG.POS.TRANS", "VEL.TRANS"])
    lab.reset(seed=1)
    before = lab.observations()["DEBUG.POS.TRANS"]
    lab.step(AHEAD, num_steps=10)
    after = lab.observations()
    assert np.linalg.norm(after["DEBUG.POS.TRANS"] - before) == pytest.approx(10 * 0.016 * 3.2)
    np.testing.assert_allclose(after["VEL.TRANS"], [0, 3.2, 0], atol=1e-9)


def test_strafing_moves_right_and_back_moves_back() -> None:
    world = new_world(LEVELS["contributed/dmlab30/rooms_watermaze"], 1)
    world.pose = Pose(7.5, 7.5, 0.0, 0.0)  # looks to the top of the map
    world.advance([0, 0, 1, 0, 0, 0, 0])
    assert world.pose.x > 7.5 and world.pose.y == pytest.approx(7.5)
    world.advance([0, 0, 0, -1, 0, 0, 0])
    assert world.pose.y > 7.5


def test_nobody_walks_through_walls() -> None:
    world = new_world(DMLAB30["explore_object_locations_small"], 3)
    random = Random(0)
    for _ in range(3000):
        world.advance([random.randrange(-60, 61), 0, random.randrange(-1, 2), 1, 0, 0, 0])
        assert world.layout.entities[int(world.pose.y)][int(world.pose.x)] != "*"


# -- pictures


def test_turning_left_moves_things_right() -> None:
    layout = make_layout("fourPositions", "four positions", 1)
    scene = make_scene(layout, {})
    thing = Thing(3.5, 1.5, "ball", "red")
    middles = []
    for heading in (-0.2, 0.0, 0.2):
        picture = render(scene, Pose(3.5, 4.5, heading, 0.0), [thing], 96, 72)
        middles.append(np.nonzero(pixels_of(picture.rgb(), "red"))[1].mean())
    assert middles[0] > middles[1] > middles[2]
    assert middles[1] == pytest.approx(47.5, abs=0.5)


def test_looking_down_moves_things_up_and_going_nearer_makes_them_larger() -> None:
    scene = make_scene(make_layout("fourPositions", "four positions", 1), {})
    thing = Thing(3.5, 1.5, "box", "blue")

    def seen(y: float, pitch: float) -> np.ndarray:
        return pixels_of(render(scene, Pose(3.5, y, 0.0, pitch), [thing], 96, 72).rgb(), "blue")

    rows = [np.nonzero(seen(4.5, pitch))[0].mean() for pitch in (-0.2, 0.0, 0.2)]
    assert rows[0] > rows[1] > rows[2]
    assert seen(3.5, 0.0).sum() > 1.5 * seen(4.5, 0.0).sum()


def test_walls_hide_what_is_behind_them() -> None:
    layout = Layout("map", 1, ("*****", "*   *", "*****", "*   *", "*****"), (".....",) * 5)
    thing = Thing(2.5, 1.5, "box", "red")
    picture = render(make_scene(layout, {}), Pose(2.5, 3.6, 0.0, 0.0), [thing], 96, 72)
    assert not pixels_of(picture.rgb(), "red").any()
    through = layout._replace(entities=("*****", "*   *", "*   *", "*   *", "*****"))
    picture = render(make_scene(through, {}), Pose(2.5, 3.6, 0.0, 0.0), [thing], 96, 72)
    assert pixels_of(picture.rgb(), "red").any()


@pytest.mark.parametrize("heading", np.linspace(0, 2 * np.pi, 17))
def test_rays_agree_with_walking_along_them(heading: float) -> None:
    layout = make_layout("map", "large maze", 5)
    x, y = layout.floor_cells()[20]
    x, y = x + 0.13, y - 0.07  # from the middle of a cell, rays would pass exactly through corners
    picture = render(make_scene(layout, {}), Pose(x, y, heading, 0.0), [], 33, 24)
    distance = 0.0
    while layout.entities[int(y - math.cos(heading) * distance)][int(x + math.sin(heading) * distance)] != "*":
        distance += 0.001
    assert picture.depth[12, 16] == pytest.approx(distance, abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(4, 4), (96, 72), (320, 240), (72, 96)])
def test_any_size_and_any_direction_can_be_drawn(width: int, height: int) -> None:
    layout = make_layout("map", "small arena", 1)
    scene = make_scene(layout, {})
    things = [Thing(x, y, "pillar", "red") for x, y in layout.floor_cells()]
    for pitch in (-1.4, 0.0, 1.4):
        for heading in np.linspace(0, 2 * np.pi, 9):
            picture = render(scene, Pose(1.5, 1.5, heading, pitch), things, width, height)
            assert picture.rgb().shape == (height, width, 3)
            assert picture.codes.min() >= 0


def test_rooms_have_the_floor_that_the_instruction_names() -> None:
    level = DMLAB30["language_select_located_object"]
    for seed in range(8):
        world = new_world(level, seed)
        floor = world.instruction.split()[6]
        right = next(thing for thing in world.things if thing.reward > 0)
        below = Pose(right.x, right.y, 0.0, 1.0)
        picture = render(make_scene(world.layout, world.floors), below, [], 96, 72)
        assert pixels_of(picture.rgb(), floor)[-1].any()


# -- instructions


@pytest.mark.parametrize("name", [name for name in DMLAB30 if name.startswith("language")])
def test_instructions_are_short_sentences_of_few_words(name: str) -> None:
    words = set()
    for seed in range(200):
        instruction = new_world(DMLAB30[name], seed).instruction.split()
        assert 4 <= len(instruction) <= 8
        words.update(instruction)
    assert len(words) < 40


def test_the_picture_alone_does_not_tell_what_is_right() -> None:
    layout = make_layout("fourPositions", "four positions", 1)
    trials = [TRIALS["described"](Random(seed), layout) for seed in range(4000)]
    right = [next(thing for thing in trial.things if thing.reward == 10) for trial in trials]
    wrong = [next(thing for thing in trial.things if thing.reward == -10) for trial in trials]
    assert all(a.shape == b.shape and a.colour != b.colour for a, b in zip(right, wrong, strict=True))
    assert all(
        trial.instruction == f"Pick the {thing.colour} object" for trial, thing in zip(trials, right, strict=True)
    )
    assert all((a.x < 3.5) != (b.x < 3.5) for a, b in zip(right, wrong, strict=True))
    # With 4000 fair draws a share leaves 0.5 by more than 0.04 once in a million.
    assert np.mean([thing.x < 3.5 for thing in right]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([thing.y < 2 for thing in right]) == pytest.approx(0.5, abs=0.04)
    assert {thing.colour for thing in right} == {"red", "blue"}
    assert np.mean([thing.colour == "red" for thing in right]) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("plan", ["two areas", "two rooms", "four rooms", "six rooms"])
def test_located_object_is_one_of_its_colour_in_the_room(plan: str) -> None:
    layout = make_layout("map", plan, 1)
    for seed in range(100):
        trial = TRIALS["located"](Random(seed), layout)
        right = [thing for thing in trial.things if thing.reward == 10]
        assert len(right) == 1
        floor = trial.floors[layout.area_of((right[0].x, right[0].y))]
        assert trial.instruction == f"Pick the {right[0].colour} object in the {floor} room"
        assert len(set(trial.floors.values())) == len(trial.floors)
        same = [thing for thing in trial.things if thing.colour == right[0].colour]
        assert len(same) == len(trial.floors), "the room matters"


def test_questions_are_answered_truly_and_equally_often_yes() -> None:
    layout = make_layout("map", "question", 1)
    answers = []
    for seed in range(4000):
        trial = TRIALS["quantitative"](Random(seed), layout)
        shown = [thing.colour for thing in trial.things if not thing.can_be_chosen]
        asked = trial.instruction.split()[-1].removesuffix("?")
        truth = (all if trial.instruction.startswith("Are all") else any)(colour == asked for colour in shown)
        right = next(thing for thing in trial.things if thing.reward == 10)
        assert (right.colour == "white") is truth
        answers.append(truth)
    assert np.mean(answers) == pytest.approx(0.5, abs=0.04)


def play_described(make_lab: MakeLab, follow: bool) -> float:
    """For 15 seconds, steer towards a colour: the one of the instruction, or another one that is seen."""
    lab = make_lab(DESCRIBED, ["RGB_INTERLEAVED", "INSTR"], {"episodeLengthSeconds": "15"})
    lab.reset(seed=1)
    score = 0.0
    while lab.is_running():
        seen = lab.observations()
        named = seen["INSTR"].split()[2]
        spots = (pixels_of(seen["RGB_INTERLEAVED"], colour) for colour in NAMED if (colour == named) is follow)
        columns = next((np.nonzero(spot)[1] for spot in spots if spot.any()), np.array([31]))
        error = columns.mean() - 15.5
        action = AHEAD.copy()
        action[0] = 20 * np.sign(error) * (abs(error) > 2)
        score += lab.step(action, num_steps=4)
    return score


def test_whoever_reads_the_instruction_and_the_picture_is_paid(make_lab: MakeLab) -> None:
    assert play_described(make_lab, follow=True) >= 80
    assert play_described(make_lab, follow=False) <= -80


def test_instruction_changes_within_an_episode(make_lab: MakeLab) -> None:
    lab = make_lab(DESCRIBED, ["INSTR"])
    lab.reset(seed=1)
    random = Random(0)
    said = set()
    while lab.is_running():
        said.add(lab.observations()["INSTR"])
        wander(lab, random)
    assert said == {"Pick the red object", "Pick the blue object"}


# -- the other rules


def test_what_is_collected_is_gone_until_all_of_it_is() -> None:
    world = new_world(DMLAB30["explore_object_locations_small"], 1)
    number = len(world.things)
    for left in range(number - 1, 0, -1):
        world.pose = world.pose._replace(x=world.things[0].x, y=world.things[0].y)
        world.advance([0] * 7)
        assert len(world.things) == left
    world.pose = world.pose._replace(x=world.things[0].x, y=world.things[0].y)
    world.advance([0] * 7)
    assert len(world.things) == number


def test_goal_stays_and_the_player_is_put_elsewhere() -> None:
    world = new_world(DMLAB30["explore_goal_locations_small"], 1)
    goal = world.things[0]
    place = (goal.x, goal.y)
    for _ in range(3):
        world.pose = world.pose._replace(x=goal.x, y=goal.y)
        assert world.advance([0] * 7) == 10
        assert (world.things[0].x, world.things[0].y) == place
        assert not world.has_ended


@pytest.mark.parametrize("name", ["rooms_keys_doors_puzzle", "skymaze_irreversible_path_varied"])
def test_some_levels_end_at_the_goal(name: str) -> None:
    world = new_world(DMLAB30[name], 1)
    goal = next(thing for thing in world.things if thing.restarts)
    world.pose = world.pose._replace(x=goal.x, y=goal.y)
    assert world.advance([0] * 7) > 0
    assert world.has_ended


def test_shot_needs_aim_and_a_pause() -> None:
    world = new_world(DMLAB30["lasertag_one_opponent_small"], 1)
    opponent = world.things[0]

    def shoot(offset: float, wait: int = 30) -> int:
        for _ in range(wait):
            world.advance([0] * 7)
        x, y = next(
            place for place in world.layout.floor_cells() if 0.9 < math.dist(place, (opponent.x, opponent.y)) < 1.6
        )
        heading = math.atan2(opponent.x - x, y - opponent.y)
        world.pose = Pose(x, y, heading + offset, 0.0)
        return world.advance([0, 0, 0, 0, 1, 0, 0])

    assert shoot(1.0) == 0
    assert shoot(0.0, wait=0) == 0, "too soon"
    assert shoot(0.0) == 1
