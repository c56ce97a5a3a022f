"""Encoders, cores, heads and the actor-critic. Knows no loss and no process."""
