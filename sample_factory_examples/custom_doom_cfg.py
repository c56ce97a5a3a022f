"""A Doom scenario that a VizDoom configuration file describes, in ten lines. Knows nothing about training.

python -m sample_factory_examples.custom_doom_cfg
python -m sample_factory_examples.custom_doom_cfg enjoy --save_video --max_num_episodes=3
"""

import sys
from pathlib import Path

from sample_factory import doom_spec_from_cfg, evaluate, register_doom_env, train

if __name__ == "__main__":
    spec = doom_spec_from_cfg("doom_my_cfg", Path(__file__).with_name("custom_doom_rockets.cfg"), reward_scale=0.01)
    register_doom_env(spec, defaults={"use_rnn": False})
    names = {"env": spec.name, "experiment": "custom_doom_cfg"}
    if sys.argv[1:2] == ["enjoy"]:
        sys.exit(evaluate(*sys.argv[2:], **names).status)
    sys.exit(train(*sys.argv[1:], **names, train_for_seconds=60))
