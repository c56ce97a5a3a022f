"""Makes the broken environments known when it is imported, as a user's module does. Knows none of them."""

from sample_factory.envs.check.tests.broken_envs import make_by_name
from sample_factory.envs.registry import register_env

register_env("broken_", make_by_name)
