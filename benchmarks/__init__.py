"""Benchmarks against other systems. No part of the installed package."""
