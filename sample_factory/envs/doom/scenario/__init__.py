"""Doom scenarios of our own, written as bytes from a seed without any compiler."""

from sample_factory.envs.doom.scenario.catalogue import OWN_SCENARIOS, scenario_wad

__all__ = ["OWN_SCENARIOS", "scenario_wad"]
