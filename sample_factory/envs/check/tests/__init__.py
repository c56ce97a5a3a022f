"""Tests of the environment check."""
