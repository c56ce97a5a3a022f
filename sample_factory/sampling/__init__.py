"""Blocks, rollout workers and inference. Knows no loss."""
