"""Several agents in one match, on the real engine."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.lockstep import MatchFrozenError, Together
from sample_factory.envs.doom.match import DoomMatch
from sample_factory.envs.doom.network import lineup
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.shared_memory import engine_processes, shared_objects
from sample_factory.envs.doom.specs import SPECS
from sample_factory.envs.multi_agent import MultiAgentList
from sample_factory.envs.observations import zero_rows

_SHORT = DoomOptions(num_agents=2, timelimit=0.05)  # 105 tics


@contextmanager
def _match(options: DoomOptions = _SHORT, name: str = "doom_dm", **arguments: Any) -> Iterator[DoomMatch]:
    with closing(DoomMatch(SPECS[name], options, **arguments)) as match:
        yield match


def _random_actions(match: DoomMatch) -> list[Any]:
    return [match.action_space.sample() for _ in range(match.num_agents)]


def test_agents_begin_and_end_together_and_a_new_match_follows():
    with _match() as match:
        match.action_space.seed(0)
        observations, _ = match.reset(seed=1)
        assert len(observations) == 2
        num_resets = 0
        for _ in range(100):
            observations, rewards, terminated, truncated, infos = match.step(_random_actions(match))
            assert all(match.observation_space.contains(observation) for observation in observations)
            assert not any(terminated) and len(set(truncated)) == 1
            assert np.isfinite(rewards).all()
            assert all(("episode_extra_stats" in info) == truncated[0] for info in infos)
            num_resets += infos[0].get("is_reset", False)
        assert num_resets >= 2


def test_agents_see_different_pictures_and_act_on_their_own():
    with _match(DoomOptions(num_agents=2, timelimit=1)) as match:
        first, _ = match.reset(seed=1)
        idle, turn = (0, 0, 0, 0, 0, np.zeros(1, np.float32)), (0, 0, 0, 0, 0, np.ones(1, np.float32))
        for _ in range(5):
            last, *_ = match.step([idle, turn])
        assert not np.array_equal(first[0]["obs"], first[1]["obs"])
        changed = [float(np.mean(after["obs"] != before["obs"])) for before, after in zip(first, last, strict=True)]
        assert changed[1] > 0.5 > changed[0]


def test_engines_that_join_leave_the_core_to_their_host():
    with _match() as match:
        match.reset(seed=1)
        host, *joined = [os.getpriority(os.PRIO_PROCESS, game.engine_pid or 0) for game in match._games]
        assert joined and all(niceness > host for niceness in joined)


def test_frags_and_deaths_count_from_the_start_of_each_match():
    with _match(DoomOptions(num_agents=2, timelimit=0.2)) as match:
        match.reset(seed=3)
        shoot = (1, 0, 0, 1, 0, np.zeros(1, np.float32))
        for _ in range(3):
            infos: list[dict[str, Any]] = [{}]
            while "episode_extra_stats" not in infos[0]:
                _, _, _, _, infos = match.step([shoot, shoot])
            match.step([shoot, shoot])  # begins the next
            assert [player.variables.get("FRAGCOUNT") for player in match._players] == [0, 0]
            assert [player.variables.get("DEATHCOUNT") for player in match._players] == [0, 0]


def test_matches_go_through_the_batched_contract():
    batch = MultiAgentList("doom_dm", lambda _: DoomMatch(SPECS["doom_dm"], _SHORT), 1)
    try:
        assert batch.num_rows == 2
        out = zero_rows(batch.keys, 2)
        batch.reset(5, out)
        assert out["obs"].any() and out["measurements"].any()
    finally:
        batch.close()


def test_a_frozen_engine_is_noticed_and_the_match_rebuilt(monkeypatch):
    monkeypatch.setattr("sample_factory.envs.doom.match._TIC_SEC", 1.0)
    with _match() as match:
        match.reset(seed=1)
        frozen = match._games[1].engine_pid
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        with pytest.raises(MatchFrozenError, match="no answer"):
            for _ in range(3):
                match.step(_random_actions(match))
        ids = [game.instance_id for game in match._games]
        match.close()
        assert not set(ids) & set(engine_processes())
        assert not any(shared_objects(instance_id) for instance_id in ids)
        observations, _ = match.reset()
        assert observations[0]["obs"].any()


def test_games_that_never_answer_are_abandoned_without_a_crash(monkeypatch):
    monkeypatch.setattr("sample_factory.envs.doom.match._TIC_SEC", 0.2)
    monkeypatch.setattr("sample_factory.envs.doom.match._KILLED_SEC", 0.2)
    with _match() as match:
        for seed in range(4):  # what an engine was doing when it was killed decides whether its call returns
            match.reset(seed=seed)
            ids = [game.instance_id for game in match._games]
            pid = match._games[seed % 2].engine_pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(MatchFrozenError):
                for _ in range(3):
                    match.step(_random_actions(match))
            match.close()
            assert not set(ids) & set(engine_processes())
            assert not any(shared_objects(instance_id) for instance_id in ids)


def test_a_game_that_a_thread_is_stuck_in_is_not_touched(monkeypatch):
    with _match() as match:
        match.reset(seed=1)
        games = list(match._games)
        monkeypatch.setattr(Together, "unfinished", lambda *_: frozenset({1}))
        match.close()
        assert not {game.instance_id for game in games} & set(engine_processes())
        assert not any(shared_objects(game.instance_id) for game in games)
        monkeypatch.undo()
        match.reset(seed=1)
        match.step(_random_actions(match))


def test_players_whose_calls_have_not_returned_are_known():
    together, release = Together(2), threading.Event()
    with pytest.raises(MatchFrozenError):
        together.run([lambda: None, release.wait], 0.05)
    assert together.unfinished(0.05) == {1}
    release.set()
    assert together.unfinished(10) == set()
    assert together.run([lambda: 1, lambda: 2], 10) == [1, 2]
    together.close()


def test_closing_leaves_no_engine_and_no_thread():
    before = {thread.name for thread in threading.enumerate()}
    with _match() as match:
        match.reset(seed=1)
        ids = [game.instance_id for game in match._games]
    assert not set(ids) & set(engine_processes())
    deadline = time.monotonic() + 10
    while {thread.name for thread in threading.enumerate()} - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not {name for name in {thread.name for thread in threading.enumerate()} - before if "doom" in name}


def test_the_lineup_follows_the_options():
    spec = SPECS["doom_deathmatch_full"]
    assert spec.match is not None
    found = lineup(spec, spec.match, DoomOptions(num_agents=2, num_humans=1, num_bots=3))
    assert (found.num_agents, found.num_humans, found.num_bots, found.num_engines) == (2, 1, 3, 3)
    with pytest.raises(ValueError, match="12 players"):
        lineup(spec, spec.match, DoomOptions(num_bots=8))
    with pytest.raises(ValueError, match="2 to 8"):
        lineup(spec, spec.match, DoomOptions(num_agents=1, num_bots=0))


def test_one_agent_plays_against_bots_and_the_difficulty_follows():
    options = DoomOptions(num_agents=1, num_bots=3, timelimit=0.1, start_bot_difficulty=50)
    with closing(DoomEnv(replace(SPECS["doom_dm"], objective="frags"), options)) as env:
        for episode in range(2):
            observation, _ = env.reset(seed=1 if episode == 0 else None)
            ended, steps = False, 0
            while not ended:
                observation, _, terminated, ended, info = env.step(env.action_space.sample())
                assert not terminated
                steps += 1
            assert steps == pytest.approx(210 / 4, abs=2)
            assert observation["measurements"][6] == pytest.approx(4 / 5)  # the agent and three bots
            assert info["episode_extra_stats"]["bot_difficulty"] in (40, 50, 60, 70)
            assert info["true_objective"] == info["episode_extra_stats"]["frags"]


def test_calls_run_together_and_the_first_error_is_raised():
    together = Together(2)
    barrier = threading.Barrier(2, timeout=10)
    assert sorted(together.run([barrier.wait, barrier.wait], 10)) == [0, 1]
    with pytest.raises(ZeroDivisionError):
        together.run([lambda: 1 / 0, lambda: 2], 10)
    assert together.run([lambda: 1, lambda: 2], 10) == [1, 2]
    with pytest.raises(MatchFrozenError):
        together.run([lambda: None, threading.Event().wait], 0.05)
    together.close()
