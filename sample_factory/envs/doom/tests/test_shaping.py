"""Gathering pays for health gained, and for nothing else."""

from sample_factory.envs.doom.shaping import HealthGainReward


def test_pays_one_per_step_with_a_gain_however_large():
    shaping = HealthGainReward()
    shaping.start(100)
    assert [shaping.step(health) for health in (92, 84, 84, 100, 101, 93)] == [0, 0, 0, 1, 1, 0]


def test_a_new_episode_with_more_health_is_no_gain():
    shaping = HealthGainReward()
    shaping.start(100)
    shaping.step(-3)
    shaping.start(100)
    assert shaping.step(100) == 0
