"""A PettingZoo ParallelEnv (dicts by agent) as a multi-agent environment (lists). Knows no family and no batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gymnasium.vector import AutoresetMode
from pettingzoo import ParallelEnv

from sample_factory.envs.multi_agent import AgentsOutcome


class ParallelAgents:
    """The agents in the order of `possible_agents`, with next-step autoreset.

    An agent whose episode has ended, or that did not take part from the start, is inactive until all have ended; what
    it observes meanwhile is its last observation (or that of another agent), and its action is not asked for. The step
    after that resets.

    Raises:
        ValueError: the agents are not known beforehand, or do not share one observation space and one action space.
    """

    is_multiagent = True

    def __init__(self, name: str, env: ParallelEnv[Any, Any, Any]) -> None:
        self._name = name
        self._env = env
        if not getattr(env, "possible_agents", None):
            raise ValueError(f"environment {name!r} does not say in possible_agents which agents it can have")
        self._agents = list(env.possible_agents)
        self.num_agents = len(self._agents)
        self.observation_space = self._shared("observation", env.observation_space)
        self.action_space = self._shared("action", env.action_space)
        self.metadata = {**getattr(env, "metadata", {}), "autoreset_mode": AutoresetMode.NEXT_STEP}
        self._last: dict[Any, Any] = {}  # what each agent has last observed
        self._playing: list[Any] = []

    def reset(self, seed: int | None = None) -> tuple[list[Any], list[dict[str, Any]]]:
        """Start an episode of all agents."""
        observations, infos = self._env.reset(seed=seed)
        self._playing = self._known(self._env.agents)
        if not self._playing:
            raise ValueError(f"environment {self._name!r} has no agents after its reset")
        anybody = observations[self._playing[0]]
        self._last = {agent: observations.get(agent, anybody) for agent in self._agents}
        return self._observations(), [
            dict(infos.get(agent, {}), is_active=False, is_reset=True) for agent in self._agents
        ]

    def step(self, actions: Sequence[Any]) -> AgentsOutcome:
        """Do one action per agent; those of agents that do not take part are ignored."""
        if not self._playing:
            observations, infos = self.reset()
            none = [False] * self.num_agents
            return AgentsOutcome(observations, [0.0] * self.num_agents, none, none, infos)
        chosen = dict(zip(self._agents, actions, strict=True))
        played = self._playing
        observations, rewards, terminations, truncations, infos = self._env.step({a: chosen[a] for a in played})
        self._known(observations)
        self._last.update(observations)
        left = set(self._known(self._env.agents))
        ended = {a for a in played if a not in left or terminations.get(a) or truncations.get(a)}
        self._playing = [a for a in self._agents if a in left and a not in ended]
        return AgentsOutcome(
            self._observations(),
            [float(rewards.get(a, 0.0)) if a in played else 0.0 for a in self._agents],
            # One that leaves without a word has no future either.
            [a in ended and bool(terminations.get(a) or not truncations.get(a)) for a in self._agents],
            [a in ended and bool(truncations.get(a)) for a in self._agents],
            [dict(infos.get(a, {}), is_active=a in played) for a in self._agents],
        )

    def render(self) -> Any:
        """What the environment renders."""
        return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _observations(self) -> list[Any]:
        return [self._last[agent] for agent in self._agents]

    def _known(self, agents: Any) -> list[Any]:
        """The agents as a list, all of which must be possible ones."""
        for agent in agents:
            if agent not in self._agents:
                raise ValueError(
                    f"environment {self._name!r} has a new agent {agent!r}, not one of its possible_agents"
                )
        return list(agents)

    def _shared(self, what: str, space_of: Any) -> Any:
        first = self._agents[0]
        space = space_of(first)
        others = [str(agent) for agent in self._agents if space_of(agent) != space]
        if others:
            raise ValueError(
                f"environment {self._name!r}: all agents must share one {what} space, but {', '.join(others)} have "
                f"another one than {first}: {space_of(others[0])} instead of {space}"
            )
        return space
