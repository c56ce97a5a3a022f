"""The sampler alone with random actions: the ceiling of any training run."""
