"""EnvPool's MuJoCo tasks beside Gymnasium's and dm_control's: speed, dynamics, beginnings. Knows no policy.

    taskset -c 0 python -m benchmarks.backends_physics speed mujoco_hopper dmc_cartpole_swingup
    python -m benchmarks.backends_physics dynamics mujoco_hopper
    python -m benchmarks.backends_physics suite dmc_ball_in_cup_catch
    python -m benchmarks.backends_physics starts

Speed is environment steps per second of CPU time (all threads of the process), so another load on the machine matters
little. For the dynamics of a `mujoco_` task the state of one environment of EnvPool is read from its first observation
and put into Gymnasium's; then both take the same random actions. The `dmc_` tasks show less, so states on the way of
EnvPool are found by least squares: dm_control says what the reward was there and what comes next. First observations
are compared in distribution.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from benchmarks.restored_states import RestoredState
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.dmc.tasks import TASKS as DMC_TASKS
from sample_factory.envs.envpool_vector import EnvPoolVector
from sample_factory.envs.mujoco_family import TASKS as MUJOCO_TASKS
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import make_batched

BACKENDS = ("gymnasium", "envpool")
_NUM_ENVS = 32
_RARE = 0.05
_RESTORED = 1e-6  # largest difference between the observation of a state and that which it was found from


def make(name: str, backend: str, num_envs: int, repeat: int = 1) -> BatchedEnv:
    """A group of environments, as a rollout worker makes it."""
    options = SimpleNamespace(env_backend=backend, env_frameskip=repeat, env_kwargs="{}")
    return make_batched(name, options, num_envs)


def compare_speed(name: str, seconds: float, repeat: int = 1) -> dict[str, float]:
    """Steps per CPU second of each backend with random actions, 32 environments and one thread."""
    return {backend: _steps_per_second(make(name, backend, _NUM_ENVS, repeat), seconds) for backend in BACKENDS}


def _steps_per_second(env: BatchedEnv, seconds: float) -> float:
    out, result, rng = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows), np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (64, env.num_rows, env.actions.num_actions)).astype(env.actions.dtype)
    env.reset(0, out)
    for action in actions:
        env.step(action, out, result)
    start, num_steps = time.process_time(), 0
    while time.process_time() < start + seconds:
        env.step(actions[num_steps % len(actions)], out, result)
        num_steps += 1
    speed = num_steps * env.num_rows / (time.process_time() - start)
    env.close()
    return speed


class Difference(NamedTuple):
    """How far two simulators are apart after some steps from the same state with the same actions."""

    step: int
    observation: float  # largest absolute difference
    reward: float
    same_end: bool


def compare_dynamics(name: str, num_steps: int = 1000, seed: int = 0, scale: float = 1.0) -> list[Difference]:
    """One entry per step, the first for the restored state; it ends with the episode in either simulator.

    Args:
        scale: of the random actions, which are uniform within the bounds.
    """
    ours = make(name, "envpool", 1)
    theirs: Any = make(name, "gymnasium", 1)
    theirs.shows_last = True  # as EnvPool's do
    outs = [zero_rows(env.keys, 1) for env in (ours, theirs)]
    results = [new_step_arrays(1) for _ in range(2)]
    ours.reset(seed, outs[0])
    theirs.reset(seed, outs[1])
    outs[1]["obs"][0] = _RESTORE[name](_member(theirs), outs[0]["obs"][0].astype(np.float64))
    differences = [_difference(0, outs, results)]
    rng, space = np.random.default_rng(seed), theirs.actions.space
    assert isinstance(space, gym.spaces.Box)
    for step in range(1, num_steps + 1):
        action = (scale * rng.uniform(space.low, space.high))[None].astype(theirs.actions.dtype)
        for env, out, result in zip((ours, theirs), outs, results, strict=True):
            env.step(action, out, result)
        differences.append(_difference(step, outs, results))
        if any(result.terminated[0] or result.truncated[0] for result in results):
            break
    ours.close()
    theirs.close()
    return differences


def _difference(step: int, outs: Any, results: Any) -> Difference:
    observation = float(np.abs(outs[0]["obs"] - outs[1]["obs"]).max())
    ends = [(bool(result.terminated[0]), bool(result.truncated[0])) for result in results]
    return Difference(step, observation, float(abs(results[0].rewards[0] - results[1].rewards[0])), ends[0] == ends[1])


def _member(env: Any) -> Any:
    return env.envs[0].unwrapped


def _restore_mujoco(env: Any, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    import mujoco

    mujoco.mj_resetData(env.model, env.data)
    env.set_state(qpos, qvel)
    observation: np.ndarray = env._get_obs()
    return observation


def _restore_shown(env: Any, observation: np.ndarray) -> np.ndarray:
    """Tasks that show all positions but those along the ground, and then all velocities."""
    num_hidden, num_shown = env.model.nq - env.observation_structure["qpos"], env.observation_structure["qpos"]
    qpos = np.concatenate((np.zeros(num_hidden), observation[:num_shown]))
    return _restore_mujoco(env, qpos, observation[num_shown : num_shown + env.model.nv])


def _restore_double_pendulum(env: Any, observation: np.ndarray) -> np.ndarray:
    angles = np.arctan2(observation[1:3], observation[3:5])
    return _restore_mujoco(env, np.concatenate((observation[:1], angles)), observation[5:8])


def _restore_reacher(env: Any, observation: np.ndarray) -> np.ndarray:
    angles = np.arctan2(observation[2:4], observation[:2])
    qpos, qvel = np.concatenate((angles, observation[4:6])), np.concatenate((observation[6:8], np.zeros(2)))
    return _restore_mujoco(env, qpos, qvel)


def _restore_pusher(env: Any, observation: np.ndarray) -> np.ndarray:
    _restore_mujoco(env, np.zeros(env.model.nq), np.zeros(env.model.nv))
    moved = observation[17:20] - env.get_body_com("object")  # its joints are y and x
    qpos = np.concatenate((observation[:7], moved[[1, 0]], np.zeros(2)))
    return _restore_mujoco(env, qpos, np.concatenate((observation[7:14], np.zeros(4))))


_RESTORE: Mapping[str, Callable[[Any, np.ndarray], np.ndarray]] = {
    "mujoco_ant": _restore_shown,
    "mujoco_half_cheetah": _restore_shown,
    "mujoco_hopper": _restore_shown,
    "mujoco_humanoid": _restore_shown,
    "mujoco_humanoid_standup": _restore_shown,
    "mujoco_inverted_double_pendulum": _restore_double_pendulum,
    "mujoco_inverted_pendulum": lambda env, obs: _restore_mujoco(env, obs[:2], obs[2:]),
    "mujoco_pusher": _restore_pusher,
    "mujoco_reacher": _restore_reacher,
    "mujoco_swimmer": _restore_shown,
    "mujoco_walker2d": _restore_shown,
}
"""Puts the state that an observation shows into an environment; returns its observation then."""


class SuiteComparison(NamedTuple):
    """What dm_control says about states that EnvPool went through."""

    num_states: int
    num_restored: int
    rewards: np.ndarray  # [num_restored] EnvPool's
    reward_differences: np.ndarray  # [num_restored]
    next_differences: np.ndarray  # [num_restored] of the next observation, relative where it is large


def compare_suite(name: str, num_envs: int = 24, num_steps: int = 300, seed: int = 0) -> SuiteComparison:
    """Compare rewards and next observations at about 20 states, those with the best rewards among them."""
    task = DMC_TASKS[name]
    state = RestoredState(task)
    history = _wander(EnvPoolVector(task.envpool_id, num_envs), state.action_space, num_steps, seed)
    places = _choose(np.stack([moment.rewards for moment in history[:-1]]), np.random.default_rng(seed))
    rewards, reward_differences, next_differences = [], [], []
    for step, row in places:
        here, there = history[step], history[step + 1]
        if state.restore({part: values[row] for part, values in here.observations.items()}) > _RESTORED:
            continue
        rewards.append(here.rewards[row])
        reward_differences.append(abs(state.reward(here.actions[row]) - here.rewards[row]))
        expected = state.flat({part: values[row] for part, values in there.observations.items()})
        difference = np.abs(state.step(there.actions[row]) - expected) / (1 + np.abs(expected))
        next_differences.append(difference.max())
    state.close()
    outcome = np.array(rewards), np.array(reward_differences), np.array(next_differences)
    return SuiteComparison(len(places), len(rewards), *outcome)


class _Moment(NamedTuple):
    actions: np.ndarray  # that led here
    observations: dict[str, np.ndarray]
    rewards: np.ndarray


def _wander(pool: EnvPoolVector, space: Any, num_steps: int, seed: int) -> list[_Moment]:
    """Waves of random strength and frequency swing up what has to be, more often than noise does."""
    rng = np.random.default_rng(seed)
    low, high = np.maximum(space.low, -1), np.minimum(space.high, 1)
    shape = (pool.num_envs, len(low))
    strength, frequency = rng.uniform(0, 1.5, (pool.num_envs, 1)), rng.uniform(0.01, 1, shape)
    phase = rng.uniform(0, 2 * np.pi, shape)
    pool.reset(seed=seed)
    history = []
    for step in range(num_steps):
        wave = strength * np.sin(frequency * step + phase) + 0.1 * rng.standard_normal(shape)
        actions = np.clip(wave, low, high)
        observations, rewards, *_ = pool.step(actions)
        copies = {part: values.copy() for part, values in observations.items()}
        history.append(_Moment(actions, copies, rewards.copy()))
    pool.close()
    return history


def _choose(rewards: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Steps and rows to look at: the best rewards, where there begins to be one or ceases to, and any."""
    num_steps, num_rows = rewards.shape
    best = np.argsort(-rewards.ravel())[:400:50]
    places = [divmod(int(index), num_rows) for index in best]
    changes = np.argwhere(np.diff(np.sign(rewards), axis=0))
    if len(changes):
        places += [(int(step + rng.integers(2)), int(row)) for step, row in rng.choice(changes, 8)]
    return places + [(int(rng.integers(num_steps)), int(rng.integers(num_rows))) for _ in range(6)]


class Starts(NamedTuple):
    """First observations of both backends; every array is [size], row 0 Gymnasium's or dm_control's."""

    means: np.ndarray  # [2, size]
    medians: np.ndarray  # [2, size]
    deviations: np.ndarray  # [2, size]
    varies: np.ndarray  # [size] bool: not the median in some share of the resets of either
    num_resets: int

    @property
    def worst_mean(self) -> float:
        """The largest difference of means, in standard errors; of parts that vary."""
        error = np.sqrt((self.deviations**2).sum(axis=0) / self.num_resets)
        return float((np.abs(self.means[0] - self.means[1])[self.varies] / error[self.varies]).max(initial=0))

    @property
    def worst_deviation(self) -> float:
        """The largest ratio of standard deviations, 1 or more; of parts that vary."""
        low, high = np.sort(self.deviations, axis=0)
        return float((high[self.varies] / np.maximum(low[self.varies], 1e-12)).max(initial=1))

    @property
    def worst_constant(self) -> float:
        """The largest difference of medians in parts that do not vary."""
        return float(np.abs(self.medians[0] - self.medians[1])[~self.varies].max(initial=0))


def compare_starts(name: str, num_resets: int = 256) -> Starts:
    """Means and standard deviations of first observations."""
    samples = []
    for backend in BACKENDS:
        env = make(name, backend, 8 if backend == "gymnasium" else num_resets)
        out, rows = zero_rows(env.keys, env.num_rows), []
        for number in range(num_resets // env.num_rows):
            env.reset(1000 + number * env.num_rows, out)
            rows.append(out["obs"].astype(np.float64))
        env.close()
        samples.append(np.concatenate(rows))
    both = np.stack(samples)
    medians = np.median(both, axis=1)
    # A rare event, such as a foot that touches the ground, says nothing about the spread.
    varies = ((np.abs(both - medians[:, None]) > 1e-6).mean(axis=1) > _RARE).any(axis=0)
    return Starts(both.mean(axis=1), medians, both.std(axis=1), varies, num_resets)


_MUJOCO_NAMES = tuple(f"mujoco_{task}" for task in MUJOCO_TASKS)
_NAMES = {
    "speed": ("mujoco_half_cheetah", "mujoco_hopper", "mujoco_humanoid", "dmc_cartpole_swingup"),
    "dynamics": _MUJOCO_NAMES,
    "suite": tuple(DMC_TASKS),
    "starts": (*_MUJOCO_NAMES, *DMC_TASKS),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one of the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "dynamics", "suite", "starts"))
    parser.add_argument("names", nargs="*", help="full environment names; all that can be compared if there are none")
    parser.add_argument("--seconds", type=float, default=5.0, help="of CPU time per measurement of speed")
    parser.add_argument("--repeat", type=int, default=1, help="control steps per action, for speed")
    given = parser.parse_args(arguments)
    names = given.names or _NAMES[given.what]
    for name in names:
        if given.what == "speed":
            _print_speed(name, compare_speed(name, given.seconds, given.repeat))
        elif given.what == "dynamics":
            _print_dynamics(name, compare_dynamics(name))
        elif given.what == "suite":
            _print_suite(name, compare_suite(name))
        else:
            _print_starts(name, compare_starts(name))


def _print_speed(name: str, speeds: Mapping[str, float]) -> None:
    print(f"{name:34}" + "".join(f"{backend:>12} {speed:8.0f}/s" for backend, speed in speeds.items()), flush=True)


def _print_dynamics(name: str, differences: Sequence[Difference]) -> None:
    shown = [difference for difference in differences if difference.step in (0, 1, 10, 100, len(differences) - 1)]
    for step, observation, reward, same_end in shown:
        end = "" if same_end else ", ends in one only"
        print(f"{name:34} step {step:5}: observation {observation:.1e}, reward {reward:.1e}{end}", flush=True)


def _print_suite(name: str, found: SuiteComparison) -> None:
    if not found.num_restored:
        print(f"{name:34} none of {found.num_states} states found", flush=True)
        return
    print(
        f"{name:34} {found.num_restored}/{found.num_states} states, rewards {found.rewards.min():.3f} to "
        f"{found.rewards.max():.3f}, {np.count_nonzero(found.rewards)} not 0, apart by up to "
        f"{found.reward_differences.max():.1e}; next observation by {np.median(found.next_differences):.1e} "
        f"(median), {found.next_differences.max():.1e} (most)",
        flush=True,
    )


def _print_starts(name: str, starts: Starts) -> None:
    print(
        f"{name:34} means apart by {starts.worst_mean:5.1f} standard errors, deviations by a factor "
        f"{starts.worst_deviation:5.2f}, constants by {starts.worst_constant:.1e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
