"""Making the environments of a group in the process that steps them. Knows no policy."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

from sample_factory.envs import registry
from sample_factory.envs.contract import BatchedEnv
from sample_factory.system.registrations import Registrations, restore


@dataclass(frozen=True)
class GroupEnvironments:
    """Picklable: `(worker, group of the worker) -> BatchedEnv`."""

    name: str
    options: SimpleNamespace
    """All options by flag name."""
    registrations: Registrations
    """Environments that the user's script registered in the main process."""
    envs_per_group: int
    groups_per_worker: int

    def __call__(self, worker: int, group: int) -> BatchedEnv:
        """Make the environments of one group."""
        restore(self.registrations)
        first = (worker * self.groups_per_worker + group) * self.envs_per_group
        return registry.make_batched(self.name, self.options, self.envs_per_group, worker, first)
