"""Environments of VizDoom's configuration files."""

from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

import vizdoom

from sample_factory.envs.doom.actions import ButtonChoice, Component, DiscretizedDelta, flat
from sample_factory.envs.doom.cfg_spec import doom_spec_from_cfg
from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.scenario import scenario_wad
from sample_factory.envs.doom.specs import DoomSpec

_SHIPPED = Path(vizdoom.__file__).parent / "scenarios"
_MINIMAL = "doom_scenario_path = basic.wad\navailable_buttons = { ATTACK }\n"


def _spec(folder: Path, text: str, **changes) -> DoomSpec:
    path = folder / "own.cfg"
    path.write_text(text)
    return doom_spec_from_cfg("doom_own", path, **changes)


def test_a_file_says_everything_that_makes_an_environment(tmp_path):
    spec = _spec(
        tmp_path,
        """
        # Comments, capitals and underscores do not matter.
        doomScenarioPath = basic.wad   # of VizDoom
        DOOM_MAP = MAP02
        doom_skill = 4
        episode_start_time = 14
        episodetimeout = 300
        living_reward = -1
        death_penalty = 2.5
        kill_reward = 10
        render_hud = true
        render_corpses = false
        game_args = +sv_noautoaim 1
        game_args += +sv_cheats 1
        screen_resolution = RES_640X480
        mode = SPECTATOR
        available_buttons =
            {
                TURN_LEFT
                ATTACK
                TURN_RIGHT
                SELECT_WEAPON1 SELECT_NEXT_WEAPON
                LOOK_UP_DOWN_DELTA
            }
        available_game_variables = { AMMO2 health }
        """,
        reward_scale=0.01,
    )
    actions: tuple[Component, ...] = (
        ButtonChoice(("TURN_LEFT", "TURN_RIGHT")),
        ButtonChoice(("ATTACK",)),
        ButtonChoice(("SELECT_WEAPON1", "SELECT_NEXT_WEAPON")),
        DiscretizedDelta("LOOK_UP_DOWN_DELTA", 5, -10.0, 10.0),
    )
    assert spec == DoomSpec(
        "doom_own",
        "basic",
        actions,
        map="MAP02",
        timeout_tics=300,
        start_tic=14,
        skill=4,
        living_reward=-1.0,
        death_penalty=2.5,
        reward_scale=0.01,
        hud=True,
        game_args="+sv_noautoaim 1 +sv_cheats 1",
        engine_settings=(("kill_reward", 10.0), ("render_corpses", False)),
        variables=("AMMO2", "HEALTH"),
        statistics=("AMMO2", "HEALTH"),
    )


def test_what_the_file_says_is_played(tmp_path):
    spec = _spec(
        tmp_path,
        _MINIMAL + "episode_timeout = 60\nepisode_start_time = 14\nliving_reward = 2\n"
        "available_game_variables = { AMMO2 HEALTH }",
        actions=flat("MOVE_LEFT", "ATTACK"),
    )
    with closing(DoomEnv(spec)) as env:
        env.reset(seed=1)
        assert env.overlay()["ammo2"] == "50"
        rewards, ended = [], False
        while not ended:
            _, reward, _, ended, info = env.step(1)
            rewards.append(reward)
    assert len(rewards) == 15 and set(rewards) == {8.0}
    assert info == {"episode_extra_stats": {"ammo2": 50.0, "health": 100.0}}


def test_rewards_of_the_engine_are_paid(tmp_path):
    spec = _spec(
        tmp_path,
        "doom_scenario_path = defend_the_center.wad\navailable_buttons = { TURN_LEFT ATTACK }\nhit_taken_reward = -7",
    )
    with closing(DoomEnv(spec)) as env:
        env.reset(seed=1)
        rewards = [env.step((0, 0))[1] for _ in range(60)]
    assert sum(rewards) < -6.9 and sum(rewards) % 7 == 0


def test_a_wad_beside_the_file_and_its_map_are_found(tmp_path):
    (tmp_path / "mine.wad").write_bytes(scenario_wad("battle", 0, 2))
    text = "doom_scenario_path = mine.wad\navailable_buttons = { ATTACK }\n"
    first, second = (_spec(tmp_path, f"{text}doom_map = map0{number}") for number in (1, 2))
    assert first.scenario == str(tmp_path / "mine.wad")
    pictures = []
    for spec in (first, second):
        with closing(DoomEnv(spec)) as env:
            pictures.append(env.reset(seed=1)[0])
    assert (pictures[0] != pictures[1]).any()
    with pytest.raises(ValueError, match=r"mine\.wad has no map 'map03': it has MAP01, MAP02"):
        DoomEnv(_spec(tmp_path, f"{text}doom_map = map03"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("living_rewrd = 1", "line 3: unknown key living_rewrd; did you mean living_reward?"),
        ("doom_skill = hard", "line 3: doom_skill: 'hard' is not a whole number"),
        ("render_hud = maybe", "line 3: render_hud: 'maybe' is not true or false"),
        ("kill_reward = one", "line 3: kill_reward: 'one' is not a number"),
        ("available_buttons = { ATACK }", "line 3: available_buttons: there is no ATACK; did you mean ATTACK?"),
        ("available_game_variables = { HEALT }", "there is no HEALT; did you mean HEALTH?"),
        ("doom_game_path = doom2.wad", "doom_game_path: doom2.wad cannot be played"),
        ("available_buttons = { ATTACK", "line 3: available_buttons has no end"),
        ("nonsense", "line 3: 'nonsense' is not of the form key = value"),
        ("doom_scenario_path = no.wad", "there is no doom_scenario_path .*no.wad, and VizDoom ships no no.wad"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(line, message, tmp_path):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as raised:
        _spec(tmp_path, _MINIMAL + line)
    assert str(tmp_path / "own.cfg") in str(raised.value) and "\n" not in str(raised.value)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"there is no configuration file .*no\.cfg"):
        doom_spec_from_cfg("doom_own", tmp_path / "no.cfg")
    with pytest.raises(ValueError, match="has no doom_scenario_path"):
        _spec(tmp_path, "available_buttons = { ATTACK }")
    with pytest.raises(ValueError, match="has no available_buttons"):
        _spec(tmp_path, "doom_scenario_path = basic.wad")
    with pytest.raises(ValueError, match="243,000 combinations"):
        doom_spec_from_cfg("doom_own", _SHIPPED / "deathmatch.cfg")


def test_every_shipped_file_with_a_scenario_can_be_read():
    found = [
        doom_spec_from_cfg("doom_own", path, flat("ATTACK"))
        for path in sorted(_SHIPPED.glob("*.cfg"))
        if "doom_scenario_path" in path.read_text()
    ]
    assert len(found) >= 15
