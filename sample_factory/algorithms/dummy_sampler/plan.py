"""How a run of the dummy sampler is laid out over the machine. Knows no process."""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.config.dummy_sampler import DummySamplerConfig
from sample_factory.envs.validate import EnvDescription
from sample_factory.sampling.blocks import BlockSchema
from sample_factory.system.cores import pin

_ROLLOUT = 32  # steps of a block, as in training by default


@dataclass(frozen=True)
class SamplerPlan:
    """The layout of a run."""

    schema: BlockSchema
    worker_cores: tuple[tuple[int, ...], ...]
    """Cores of each worker; all empty without pinning."""


def make_plan(options: DummySamplerConfig, env: EnvDescription, cores: tuple[int, ...]) -> SamplerPlan:
    """One group and one block a worker: nobody keeps blocks, so the one that was just filled is free again."""
    schema = BlockSchema(
        num_workers=options.num_workers,
        groups_per_worker=1,
        blocks_per_group=1,
        rows=options.num_envs_per_worker * env.num_agents,
        rollout=_ROLLOUT,
        state_interval=_ROLLOUT,
        state_size=0,
        keys=env.keys,
        actions=env.actions,
        recorded={},
    )
    pinned = pin(cores, options.num_workers) if options.set_workers_cpu_affinity else [()] * options.num_workers
    return SamplerPlan(schema, tuple(pinned))
