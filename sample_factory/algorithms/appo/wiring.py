"""Putting a run together: what is in the arena, and which component gets what. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sample_factory.algorithms.appo.describe import RunFacts
from sample_factory.algorithms.appo.exchange import exchange_specs
from sample_factory.algorithms.appo.mutation import HYPER_PARAMETERS, tuned_values
from sample_factory.algorithms.appo.plan import Plan
from sample_factory.config.config import Config
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.reward_shaping import flatten
from sample_factory.sampling.blocks import BlockSchema
from sample_factory.sampling.environments import GroupEnvironments
from sample_factory.sampling.ledger import ledger_specs
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.requests import request_specs
from sample_factory.sampling.rollout_worker import REWARD_SHAPING, RolloutSetup
from sample_factory.sampling.shared_values import SharedValues, shared_values_specs
from sample_factory.sampling.weights import weights_specs
from sample_factory.system.arena import Arena, ArraySpec
from sample_factory.system.board import board_specs
from sample_factory.system.registrations import Registrations, only

_WARM_UP_ROLLOUTS = 4
"""Environments begin up to so many rollouts into random episodes."""
ENV_STEPS = 1
"""Column of `learner/progress` with the frames of each policy."""


PAST_ENV_STEPS = "past_env_steps"
"""Name of the array that says, for each past version, after how many frames it was kept; 0 for none."""


@dataclass(frozen=True)
class Wiring:
    """Everything that components share."""

    config: Config
    folder: Path
    plan: Plan
    facts: RunFacts
    schema: BlockSchema
    policy: PolicyDescription
    arena: Arena
    seed: int
    registrations: Registrations
    """What the user's script registered."""

    @property
    def num_policies(self) -> int:
        """Policies, each with its learner."""
        return self.config.sampling.num_policies

    @property
    def num_policy_workers(self) -> int:
        """Policy worker processes of the whole run."""
        return 0 if self.plan.inline else self.num_policies * self.config.sampling.policy_workers_per_policy

    def groups_of_policy_worker(self, index: int) -> np.ndarray:
        """Groups that policy worker `index` of its policy serves: every K-th one."""
        return np.arange(index, self.schema.num_groups, self.config.sampling.policy_workers_per_policy)

    def rollout_setup(self, seed: int) -> RolloutSetup:
        """The setup of every rollout worker."""
        plan, config = self.plan, self.config
        environments = GroupEnvironments(
            config.run.env,
            namespace(config),
            only(self.registrations, "environment"),
            plan.envs_per_group,
            plan.groups_per_worker,
        )
        return RolloutSetup(
            arena=self.arena,
            schema=self.schema,
            make_env=environments,
            env_name=config.run.env,
            consumers=() if config.sampling.sampler_only else tuple(range(self.num_policies)),
            inline=self.policy if plan.inline else None,
            seed=seed,
            agents_per_env=self.facts.agents_per_env,
            mixes_policies=config.pbt.pbt_mix_policies_in_one_env,
            are_tasks=registry.resolve(config.run.env).many_tasks,
            past_share=config.self_play.self_play_past_share if config.self_play.self_play_pool_size else 0.0,
            episodes_kept=config.telemetry.stats_avg,
            warm_up_steps=_WARM_UP_ROLLOUTS * config.sampling.rollout if self._decorrelates_envs else 0,
            stagger_sec=self._stagger_sec,
            envs_single_thread=config.sampling.force_envs_single_thread,
            reward_shaping=tuple(flatten(self.facts.reward_shaping or {})),
        )

    @property
    def hyper_parameters(self) -> SharedValues:
        """Where the main process changes them for each policy."""
        config = self.config
        return SharedValues(self.arena, HYPER_PARAMETERS, tuple(flatten(tuned_values(config.learning, config.pbt))))

    @property
    def reward_shaping(self) -> SharedValues | None:
        """Where the main process changes it for each policy; None if the environment has nothing to shape."""
        shaping = self.facts.reward_shaping
        return None if shaping is None else SharedValues(self.arena, REWARD_SHAPING, tuple(flatten(shaping)))

    @property
    def _decorrelates_envs(self) -> bool:
        return self.config.sampling.decorrelate_envs_on_one_worker and not self.config.run.benchmark

    @property
    def _stagger_sec(self) -> float:
        # Workers that take turns with the learner all wait for the slowest: a pause would only cost time.
        overlaps = not self.plan.alternate and not self.config.run.benchmark
        return float(self.config.sampling.decorrelate_experience_max_seconds) if overlaps else 0.0


def checkpoint_folder(folder: Path, policy: int) -> Path:
    """Where the checkpoints of a policy are."""
    return folder / f"checkpoint_p{policy}"


def wire(
    config: Config,
    folder: Path,
    plan: Plan,
    facts: RunFacts,
    policy: PolicyDescription,
    seed: int,
    registrations: Registrations,
) -> Wiring:
    """Allocate the arena of a run."""
    schema = BlockSchema(
        num_workers=plan.num_workers,
        groups_per_worker=plan.groups_per_worker,
        blocks_per_group=plan.blocks_per_group,
        rows=plan.rows,
        rollout=config.sampling.rollout,
        state_interval=_state_interval(config),
        state_size=policy.state_size,
        keys=facts.keys,
        actions=facts.actions,
        recorded=policy.recorded,
        num_policies=config.sampling.num_policies,
        past_versions=config.self_play.self_play_pool_size,
    )
    num_policies, num_players = schema.num_policies, schema.num_players
    num_components = plan.num_workers + num_policies * (1 + config.sampling.policy_workers_per_policy)
    specs: dict[str, ArraySpec] = dict(schema.specs)
    specs |= ledger_specs(schema.num_blocks, num_policies)
    specs |= request_specs(schema.num_groups, num_players)
    specs |= weights_specs(num_players, policy.num_weights)
    specs |= {
        "learner/progress": ArraySpec((num_policies, 8), np.int64),
        "learner/objective": ArraySpec((num_policies,), np.float64),
        PAST_ENV_STEPS: ArraySpec((num_policies, schema.past_versions), np.int64),
    }
    tuned = tuned_values(config.learning, config.pbt)
    specs |= shared_values_specs(HYPER_PARAMETERS, num_policies, len(tuned))
    shaping = flatten(facts.reward_shaping or {})
    specs |= shared_values_specs(REWARD_SHAPING, num_policies, len(shaping))
    specs |= exchange_specs(num_policies)
    specs |= board_specs(num_components)
    arena = Arena.create(specs)
    arena["reward_shaping/values"][:] = list(shaping.values())
    arena[f"{HYPER_PARAMETERS}/values"][:] = list(tuned.values())
    arena["learner/objective"][:] = np.nan  # nothing measured yet
    return Wiring(config, folder, plan, facts, schema, policy, arena, seed, registrations)


def _state_interval(config: Config) -> int:
    """Recurrent state is needed where backpropagation starts.

    Once a rollout with V-trace, else every `recurrence` steps.
    """
    rollout, recurrence = config.sampling.rollout, config.learning.recurrence
    return rollout if config.learning.with_vtrace or rollout % recurrence else recurrence
