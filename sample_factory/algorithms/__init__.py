"""What runs on top of the sampler."""
