"""A Doom scenario with buttons, rewards and an option of one's own. Knows nothing about training.

python -m sample_factory_examples.custom_doom --my_custom_doom_arg=200
python -m sample_factory_examples.custom_doom enjoy --save_video --max_num_episodes=3
"""

import dataclasses
import sys

import gymnasium as gym

from sample_factory import evaluate, register_doom_env, train
from sample_factory.envs.doom.actions import ButtonChoice
from sample_factory.envs.doom.family import make_doom_env
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.specs import DoomSpec

ROCKETS = DoomSpec(
    "doom_my_rockets",
    "rocket_basic",  # of VizDoom; the path of a .wad file works as well
    # Two decisions in each step: walk to a side or not, and attack or not.
    (ButtonChoice(("MOVE_LEFT", "MOVE_RIGHT")), ButtonChoice(("ATTACK",))),
    start_tic=14,
    living_reward=-1.0,
    reward_scale=0.01,
)


@dataclasses.dataclass(frozen=True)
class Options(DoomOptions):
    """Options that the environment adds to the command line."""

    my_custom_doom_arg: int = 300
    """Tics (1/35 s) until an episode is cut."""
    attack_cost: float = 0.01
    """Subtracted from the reward of every step with the attack button."""


class AttackCost(gym.Wrapper):
    """Makes rockets expensive."""

    def __init__(self, env, cost):
        super().__init__(env)
        self.cost = cost

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward - self.cost * (action[1] == 1), terminated, truncated, info


def make_rockets(spec, cfg, render_mode=None):
    spec = dataclasses.replace(spec, timeout_tics=cfg.my_custom_doom_arg)
    return AttackCost(make_doom_env(spec, cfg, render_mode), cfg.attack_cost)


if __name__ == "__main__":
    register_doom_env(ROCKETS, Options, {"use_rnn": False}, make_rockets)
    names = {"env": ROCKETS.name, "experiment": "custom_doom"}
    if sys.argv[1:2] == ["enjoy"]:
        sys.exit(evaluate(*sys.argv[2:], **names).status)
    sys.exit(train(*sys.argv[1:], **names, train_for_seconds=60))
