"""Tests of the dummy sampler."""
