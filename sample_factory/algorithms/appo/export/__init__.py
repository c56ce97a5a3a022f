"""Trained policies as files that other programs can use. Knows no training."""
