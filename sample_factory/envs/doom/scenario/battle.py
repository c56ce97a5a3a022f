"""The scenario `battle`: shoot imps in a maze and stay alive. Knows no engine and no reward shaping.

Rules, for 15 imps: the player starts at a random place with a random angle and has a pistol and its 20 bullets, nothing
else. 15 imps, 30 medikits (+20 health, up to 100) and 15 clips lie at random places. Every 70 tics another medikit
appears, every 280 tics another clip. An imp that is born has 5 health at first, and 1 more for every 420 tics of the
episode; imps do not hurt each other. A killed imp gives reward 1, vanishes, and is replaced 70 tics later. USER1 grows
by 100 with each medikit that is picked up, USER2 by 1 with each imp that the player kills; the reward is the change of
USER2. (Dosovitskiy and Koltun 2017, https://arxiv.org/abs/1611.01779, where scenarios of this kind were introduced.)
"""

from __future__ import annotations

from sample_factory.envs.doom.scenario.acs import (
    FIXED_POINT,
    HEALTH_PROPERTY,
    REWARD,
    USER1,
    USER2,
    Instruction,
    Kind,
    Label,
    Op,
    Script,
    Special,
    Text,
    behavior,
    call,
    every,
    push,
    repeat,
)
from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.levels import Level
from sample_factory.envs.doom.scenario.maze import borders, carve_maze, maze_grid, rooms
from sample_factory.envs.doom.scenario.spawning import PLAYER_START, Area, appear, move_activator
from sample_factory.envs.doom.scenario.udmf import Sector, Thing, text_map

# A fireball belongs to nobody once its imp has been removed, and would then hurt other imps.
DECORATE = """
actor BattleImp : DoomImp
{
  DamageFactor "ImpFire", 0.0
  States
  {
  Melee:
  Missile:
    TROO EF 8 A_FaceTarget
    TROO G 6 A_CustomComboAttack("BattleImpBall", 32, 3 * random(1, 8), "imp/melee")
    Goto See
  }
}

actor BattleImpBall : DoomImpBall
{
  DamageType "ImpFire"
}

actor BattleMedikit : Health
{
  +INVENTORY.ALWAYSPICKUP
  Inventory.Amount 20
  Inventory.MaxAmount 100
  Inventory.PickupMessage ""
  States
  {
  Spawn:
    MEDI A -1
    Stop
  }
}
"""

_NUM_MEDIKITS = 30
_NUM_CLIPS = 15

# Scripts.
_OPEN, _ENTER, _NEW_IMP, _IMP_DIED, _NEW_MEDIKIT, _MEDIKIT_TAKEN, _NEW_CLIP = range(1, 8)
_MORE_MEDIKITS, _MORE_CLIPS, _HEALTHIER_IMPS = range(8, 11)

# Variables of the level. Things that have a special are told apart by their tid.
_IMP_HEALTH, _NEXT_TID = 0, 1


def battle_level(dice: Dice) -> Level:
    """A maze of one height."""
    sector = Sector(0, 128, *dice.choice(_LOOKS))
    open_cells = carve_maze(_NUM_ROOMS, _LOOPS, dice)
    grid = maze_grid(borders(_NUM_ROOMS, _ROOM_SIZE, _WALL_SIZE), dict.fromkeys(open_cells, 0))
    start = Thing(PLAYER_START, *grid.center(*dice.choice(rooms(_NUM_ROOMS))))
    return Level(text_map(grid, [sector], [start]), behavior(battle_scripts(Area(grid.xs[-1]), num_imps=15)))


# 8 rooms of 205 and 9 walls of 24 are 1856 units. The walls are thinner than whatever appears at random (32 at least),
# so nothing finds room inside of one. Fewer or more detours change how soon imps see the player: with these, players
# who act at random live about as long, and kill about as many, as in the scenario of the paper.
_NUM_ROOMS = 8
_ROOM_SIZE = 205
_WALL_SIZE = 24
_LOOPS = 0.1

_LOOKS = (
    ("STONE2", "FLOOR0_1", "CEIL1_1"),
    ("STARG3", "FLOOR0_1", "CEIL5_2"),
    ("GSTONE1", "GRASS1", "CEIL3_5"),
    ("ICKWALL1", "FLAT19", "CEIL3_6"),
)
"""Textures of wall, floor and ceiling that go together and on which imps are easily seen."""


def battle_scripts(area: Area, num_imps: int) -> list[Script]:
    """The rules above."""
    open_code = [
        *[*push(5), (Op.SET_MAP, _IMP_HEALTH)],
        *[*push(1), (Op.SET_MAP, _NEXT_TID)],
        *repeat(_NUM_MEDIKITS, [call(_NEW_MEDIKIT)], counter=0),
        *repeat(_NUM_CLIPS, [call(_NEW_CLIP)], counter=0),
        *repeat(num_imps, [call(_NEW_IMP)], counter=0),
        (Op.TERMINATE,),
    ]
    return [
        Script(_OPEN, open_code, Kind.OPEN),
        Script(_MORE_MEDIKITS, every(70, [call(_NEW_MEDIKIT)]), Kind.OPEN),
        Script(_MORE_CLIPS, every(280, [call(_NEW_CLIP)]), Kind.OPEN),
        Script(_HEALTHIER_IMPS, every(420, [(Op.INCREMENT_MAP, _IMP_HEALTH)]), Kind.OPEN),
        Script(_ENTER, _enter_code(area), Kind.ENTER),
        Script(_NEW_IMP, _new_imp_code(area)),
        Script(_IMP_DIED, _imp_died_code(), num_arguments=1),
        Script(_NEW_MEDIKIT, _new_medikit_code(area)),
        Script(_MEDIKIT_TAKEN, [*push(100), (Op.ADD_GLOBAL, USER1), (Op.TERMINATE,)]),
        Script(_NEW_CLIP, [*appear("Clip", area), (Op.TERMINATE,)]),
    ]


def _enter_code(area: Area) -> list[Instruction]:
    return [
        *move_activator(area),
        (Op.CLEAR_INVENTORY,),
        (Op.GIVE_INVENTORY_DIRECT, Text("Pistol"), 1),
        (Op.TERMINATE,),
    ]


def _new_imp_code(area: Area) -> list[Instruction]:
    tid = 0
    return [
        *_take_tid(tid),
        *appear("BattleImp", area, tid),
        *[(Op.PUSH_LOCAL, tid), *push(HEALTH_PROPERTY), (Op.PUSH_MAP, _IMP_HEALTH), (Op.SET_ACTOR_PROPERTY,)],
        *_on_end(tid, _IMP_DIED),
        (Op.TERMINATE,),
    ]


def _imp_died_code() -> list[Instruction]:
    tid = 0
    remove = Label()
    return [
        *[(Op.PLAYER_NUMBER,), *push(0), (Op.LESS,), (Op.GO_TO_IF, remove)],
        *[*push(FIXED_POINT), (Op.ADD_GLOBAL, REWARD)],
        (Op.INCREMENT_GLOBAL, USER2),
        remove,
        *[(Op.PUSH_LOCAL, tid), (Op.SPECIAL_1, Special.REMOVE_THING)],
        (Op.DELAY_DIRECT, 70),
        call(_NEW_IMP),
        (Op.TERMINATE,),
    ]


def _new_medikit_code(area: Area) -> list[Instruction]:
    tid = 0
    return [
        *_take_tid(tid),
        *appear("BattleMedikit", area, tid),
        *_on_end(tid, _MEDIKIT_TAKEN),
        (Op.TERMINATE,),
    ]


def _take_tid(tid: int) -> list[Instruction]:
    """Puts a number that no thing has yet into this local variable."""
    return [(Op.PUSH_MAP, _NEXT_TID), (Op.SET_LOCAL, tid), (Op.INCREMENT_MAP, _NEXT_TID)]


def _on_end(tid: int, script: int) -> list[Instruction]:
    """Lets the thing whose tid is in this local variable run a script when it dies or is picked up, with its tid."""
    special = [*push(Special.EXECUTE_SCRIPT, script, 0), (Op.PUSH_LOCAL, tid), *push(0, 0)]
    return [(Op.PUSH_LOCAL, tid), *special, (Op.SET_THING_SPECIAL,)]
