"""Tests of the benchmark harness; knows no real training system."""
