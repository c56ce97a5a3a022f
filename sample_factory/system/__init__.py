"""Shared memory, doorbells, processes, supervision, reports and checkpoints. Knows no reinforcement learning."""
