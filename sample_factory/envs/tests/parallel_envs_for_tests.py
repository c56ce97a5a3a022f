"""Tiny ParallelEnvs with known behaviour, and a `parallel_env` as a module of PettingZoo has it. Know no adapter."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from pettingzoo import ParallelEnv

VECTOR = gym.spaces.Box(-1000, 1000, (2,), np.float32)


class Leaving(ParallelEnv):
    """Agent i leaves at step `ends[i]`, with a termination or, if i is in `cut`, a truncation.

    Observes [number of the agent, step]; the reward of agent i is 10 * i + its action.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "leaving", "render_modes": ["rgb_array"]}

    def __init__(self, ends=(2, 4, 3), cut=(), late=None, absent=(), render_mode=None) -> None:
        self.possible_agents = [f"agent_{i}" for i in range(len(ends))]
        self.ends = dict(zip(self.possible_agents, ends, strict=True))
        self.cut = {f"agent_{i}" for i in cut}
        self.late, self.absent = late, {f"agent_{i}" for i in absent}
        self.render_mode = render_mode
        self.agents: list[str] = []
        self.seeds: list[int | None] = []
        self.asked: list[dict[str, Any]] = []

    def observation_space(self, agent):
        return VECTOR

    def action_space(self, agent):
        return gym.spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        self.seeds.append(seed)
        self.steps = 0
        self.agents = [agent for agent in self.possible_agents if agent not in self.absent]
        return {agent: self._observe(agent) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions):
        assert list(actions) == self.agents
        self.asked.append(actions)
        self.steps += 1
        agents = self.agents
        ends = {agent: self.steps >= self.ends[agent] for agent in agents}
        observations = {agent: self._observe(agent) for agent in agents}
        if self.late and self.steps == 2:
            observations[self.late] = self._observe("agent_0")
        self.agents = [agent for agent in agents if not ends[agent]]
        return (
            observations,
            {agent: 10.0 * int(agent[-1]) + actions[agent] for agent in agents},
            {agent: ends[agent] and agent not in self.cut for agent in agents},
            {agent: ends[agent] and agent in self.cut for agent in agents},
            {agent: {"true_objective": self.steps} for agent in agents},
        )

    def render(self):
        return np.full((8, 8, 3), self.steps, np.uint8)

    def close(self):
        self.agents = []

    def _observe(self, agent):
        return np.array([int(agent[-1]), self.steps], np.float32)


class Masked(Leaving):
    """Only one action is allowed at each step; any other is an error."""

    def observation_space(self, agent):
        return gym.spaces.Dict({"observation": VECTOR, "action_mask": gym.spaces.Box(0, 1, (3,), np.int8)})

    def step(self, actions):
        assert all(action == self.steps % 3 for action in actions.values()), "a forbidden action was chosen"
        return super().step(actions)

    def _observe(self, agent):
        return {"observation": super()._observe(agent), "action_mask": np.eye(3, dtype=np.int8)[self.steps % 3]}


class Unequal(Leaving):
    """The last agent has another space."""

    def observation_space(self, agent):
        return VECTOR if agent != "agent_2" else gym.spaces.Discrete(4)


def parallel_env(kind: str = "leaving", **kwargs: Any) -> Leaving:
    """What `pettingzoo_<this module>` makes."""
    return {"leaving": Leaving, "masked": Masked, "unequal": Unequal}[kind](**kwargs)
