"""Steps EnvPool with random actions and nothing else. Runs in its own virtualenv and knows none of our code."""

from __future__ import annotations

import argparse
import time

import envpool
import numpy as np
from atari_rules import atari_settings

_PRINT_SEC = 2.0
_NUM_ACTIONS = 64  # batches of them, drawn beforehand


def main() -> None:
    """Print a counter until killed; synchronous if the batch is all environments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", required=True)
    parser.add_argument("--num_envs", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    settings = atari_settings()
    pool = envpool.make_gymnasium(
        args.task, num_envs=args.num_envs, batch_size=args.batch, num_threads=args.threads, **settings
    )
    random = np.random.default_rng(0)
    actions = random.integers(pool.action_space.n, size=(_NUM_ACTIONS, args.batch)).astype(np.int32)
    frames_per_call = args.batch * settings["frame_skip"]
    frames, calls, next_sec = 0, 0, 0.0
    pool.async_reset()
    while True:
        *_, info = pool.recv()
        pool.send(actions[calls % _NUM_ACTIONS], info["env_id"])
        calls += 1
        frames += frames_per_call
        if calls % 16 == 0 and time.monotonic() >= next_sec:
            print(f"Total num frames: {frames}", flush=True)
            next_sec = time.monotonic() + _PRINT_SEC


if __name__ == "__main__":
    main()
