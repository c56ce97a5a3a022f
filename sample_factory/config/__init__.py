"""Typed options, the command line and the experiment folder. Knows no environment and no algorithm."""
