"""Sample Factory: asynchronous PPO at full machine speed. Loads nothing before it is used.

from sample_factory import register_env, train, evaluate; docs/extending.md has the rest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sample_factory.api import evaluate, train
    from sample_factory.envs.doom.cfg_spec import doom_spec_from_cfg
    from sample_factory.envs.doom.family import register_doom_env
    from sample_factory.envs.registry import register_env
    from sample_factory.models.extensions import register_action_distribution, register_core, register_encoder
    from sample_factory.system.summary_hooks import register_summary_hook

__all__ = [
    "__version__",
    "doom_spec_from_cfg",
    "evaluate",
    "register_action_distribution",
    "register_core",
    "register_doom_env",
    "register_encoder",
    "register_env",
    "register_summary_hook",
    "train",
]
__version__ = "3.0.0"

# Every worker process imports this package: what it does not use must cost it nothing.
_LOCATIONS = {
    "train": "sample_factory.api",
    "evaluate": "sample_factory.api",
    "register_env": "sample_factory.envs.registry",
    "register_doom_env": "sample_factory.envs.doom.family",
    "doom_spec_from_cfg": "sample_factory.envs.doom.cfg_spec",
    "register_summary_hook": "sample_factory.system.summary_hooks",
    "register_encoder": "sample_factory.models.extensions",
    "register_core": "sample_factory.models.extensions",
    "register_action_distribution": "sample_factory.models.extensions",
}


def __getattr__(name: str) -> Any:
    if name not in _LOCATIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LOCATIONS[name]), name)
