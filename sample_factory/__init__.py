"""Sample Factory: asynchronous PPO at full machine speed. Knows nothing about processes until `train` is called."""

__version__ = "3.0.0"
