"""A process does not wait for ever for an engine that is gone."""

import subprocess
import sys

import pytest

from sample_factory.envs.doom.watch import EngineWatch


class _Game:
    engine_pid = 1

    def __init__(self, calls: int, runs: bool) -> None:
        self.calls, self.runs = calls, runs

    def engine_is_running(self) -> bool:
        return self.runs


def _looks(game: _Game, number: int = 3) -> int:
    """How often it would have given up."""
    gave_up: list[None] = []
    watch = EngineWatch(lambda: gave_up.append(None))
    watch._games[id(game)] = (game, -1)
    for _ in range(number):
        watch.look()
    return len(gave_up)


def test_a_call_without_an_engine_is_given_up_at_the_second_look():
    assert _looks(_Game(calls=7, runs=False), 1) == 0
    assert _looks(_Game(calls=7, runs=False), 2) == 1


def test_a_long_call_of_a_living_engine_is_left_alone():
    assert _looks(_Game(calls=7, runs=True)) == 0


def test_an_engine_that_is_gone_between_calls_will_be_noticed_by_the_next():
    assert _looks(_Game(calls=8, runs=False)) == 0


def test_a_call_that_returned_in_between_is_no_hang():
    gave_up: list[None] = []
    watch, game = EngineWatch(lambda: gave_up.append(None)), _Game(calls=7, runs=False)
    watch._games[id(game)] = (game, -1)
    watch.look()
    game.calls = 9
    watch.look()
    assert gave_up == []
    watch.remove(game)
    watch.look()
    watch.look()
    assert gave_up == []


@pytest.mark.skipif(sys.platform != "linux", reason="engines are looked for in /proc")
def test_killing_engines_in_the_middle_of_steps_never_hangs():
    pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    # Some engines die where the library notices, some where it waits for ever: either way the process goes on or ends.
    code = (
        "import os, signal, threading\n"
        "from sample_factory.envs.doom.env import DoomEnv\n"
        "from sample_factory.envs.doom.specs import SPECS\n"
        "env = DoomEnv(SPECS['doom_health_gathering'])\n"
        "for i in range(6):\n"
        "    env.reset(seed=i)\n"
        "    pid = env._game.engine_pid\n"
        "    threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()\n"
        "    try:\n"
        "        while True:\n"
        "            if any(env.step(0)[2:4]): env.reset()\n"
        "    except Exception: print('raised', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        assert done.stdout.count("raised") == 6
    else:
        assert done.returncode == 1 and "this process ends" in done.stderr
