"""Whose weights each policy of a population has had, computed from the lineage. Pure; knows no file and no picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sample_factory.algorithms.appo.lineage_file import Decision
from sample_factory.envs.reward_shaping import flatten


class Stretch(NamedTuple):
    """Frames of a policy in which nothing was decided."""

    begin: int
    end: int
    founder: int
    """The policy from whose beginning its weights descend."""
    values: dict[str, float]
    """Hyper-parameters and reward shaping."""
    objective: float | None
    """What the policy was judged by at the end; None where that is not the end by a decision."""


class Replacement(NamedTuple):
    """A policy took over the weights of another one."""

    env_steps: int
    """Frames of the policy."""
    policy: int
    source: int
    founder: int
    """Of the weights."""


class Mutation(NamedTuple):
    """A policy went on with values that are neither its own nor those of the policy it took over."""

    env_steps: int
    policy: int


@dataclass(frozen=True)
class FamilyTree:
    """A population so far."""

    stretches: dict[int, list[Stretch]]
    """Of each policy, in order; the last one ends where the lineage does."""
    replacements: list[Replacement]
    mutations: list[Mutation]
    end: int
    """Most frames that any policy had at a decision, at least 1."""

    @property
    def founders(self) -> list[int]:
        """Of each policy's weights at the end."""
        return [stretches[-1].founder for _, stretches in sorted(self.stretches.items())]


def family_tree(decisions: Sequence[Decision]) -> FamilyTree:
    """What the decisions, in the order in which they were made, say about who descends from whom."""
    end = max((1, *(decision.env_steps for decision in decisions)))
    stretches: dict[int, list[Stretch]] = {}
    replacements, mutations = [], []
    for decision in decisions:
        policy, frames, source = decision.policy, decision.env_steps, decision.source
        values = values_of(decision)
        own = stretches.setdefault(policy, [])
        founder = own[-1].founder if own else policy
        if own:
            objective = decision.objectives[policy] if decision.objectives else None
            own[-1] = own[-1]._replace(end=frames, objective=objective)
        if source is not None:
            founder = stretches[source][-1].founder
            replacements.append(Replacement(frames, policy, source, founder))
        known = [own[-1].values] if own else []
        known += [stretches[source][-1].values] if source is not None else []
        if known and values not in known:
            mutations.append(Mutation(frames, policy))
        own.append(Stretch(frames, end, founder, values, None))
    return FamilyTree(stretches, replacements, mutations, end)


def values_of(decision: Decision) -> dict[str, float]:
    """Hyper-parameters, and reward shaping with the path of each value joined by `_`."""
    shaping = {"_".join(map(str, path)): value for path, value in flatten(decision.reward_shaping or {}).items()}
    return {**shaping, **decision.hyper_parameters}
