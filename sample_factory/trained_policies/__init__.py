"""The collection of trained policies: what is in it, how good it is, and how to get it. Knows no training."""
