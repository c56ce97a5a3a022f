"""Does it learn? Trains each case from scratch for every seed, plays the result, and compares with what was promised.

    python -m benchmarks.learning --cases cartpole pendulum --seeds 1 2 3 --out learning.json

The commands are the ones of `train_appo` and `enjoy_appo`; this only runs them and reads the evaluation they write.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TRAIN, _ENJOY = (f"sample_factory.algorithms.appo.{name}" for name in ("train_appo", "enjoy_appo"))
_MACHINE = "--device=cpu --num_workers=2 --restart_behavior=overwrite"
_COMMON = f"{_MACHINE} --with_vtrace=False --ppo_clip_ratio=0.2"
_SMALL = "--encoder_extra_fc_layers=0 --hidden_size=64 --nonlinearity=tanh --ppo_clip_value=10 --max_grad_norm=1"
_CARTPOLE = (
    f"--env=gym_CartPole-v1 {_COMMON} {_SMALL} --num_envs_per_worker=8 --rollout=32 --recurrence=32 --batch_size=256 "
    "--num_batches_per_iteration=2 --reward_scale=0.1 --learning_rate=0.001"
)
_ATARI = (
    f"{_COMMON} --atari_preset=standard --use_rnn=False --nonlinearity=relu --encoder_subtype=convnet_impala "
    "--hidden_size=256 --ppo_clip_ratio=0.1 --max_grad_norm=0.5 --learning_rate=0.0005 --num_envs_per_worker=16 "
    "--rollout=32 --recurrence=1 --batch_size=256 --num_batches_per_iteration=4 --ppo_epochs=4 "
    "--exploration_loss_coeff=0.01 --train_for_env_steps=20000000"
)
_MEMORY = (
    f"{_COMMON} {_SMALL} --num_envs_per_worker=16 --rollout=32 --recurrence=32 --batch_size=512 --ppo_epochs=2 "
    "--learning_rate=0.001"
)
_DOOM = (
    f"{_COMMON} --num_envs_per_worker=16 --rollout=32 --recurrence=32 --batch_size=1024 --num_batches_per_iteration=1 "
    "--ppo_epochs=2 --learning_rate=0.0003 --adam_eps=0.00001 --max_grad_norm=1 --train_for_env_steps=20000000"
)
_TMAZE = f"--env=tmaze_10 {_MEMORY} --exploration_loss_coeff=0.01 --train_for_env_steps=1000000"


@dataclass(frozen=True)
class LearningCase:
    """One environment with settings, and the mean return that must be reached by each seed."""

    train: str
    """Arguments of train_appo, without experiment and seed."""
    at_least: float
    at_most: float = float("inf")
    episodes: int = 100
    """How many are played afterwards."""
    seeds: tuple[int, ...] = (1, 2, 3)
    by_median: bool = False
    """It is enough if the median of the seeds reaches it."""
    by_objective: bool = False
    """It is the true objective that must reach it: the reward has extras that help learning."""
    against_random: bool = False
    """It is the share of matches won against a random policy that must reach it."""

    def keeps_promise(self, means: Sequence[float]) -> bool:
        """Whether these mean returns, one for each seed, are what was promised."""
        judged = [statistics.median(means)] if self.by_median else means
        return all(self.at_least <= mean <= self.at_most for mean in judged)


CASES = {
    "cartpole": LearningCase(
        f"{_CARTPOLE} --use_rnn=False --ppo_epochs=4 --train_for_env_steps=300000 --inference=inline "
        "--num_workers=1 --num_envs_per_worker=16 --batch_size=512 --num_batches_per_iteration=1",
        475,
    ),
    "cartpole_policy_workers": LearningCase(
        f"{_CARTPOLE} --use_rnn=False --ppo_epochs=4 --train_for_env_steps=300000 --inference=policy_workers", 475
    ),
    "cartpole_rnn": LearningCase(
        f"{_CARTPOLE} --use_rnn=True --ppo_epochs=4 --train_for_env_steps=500000 --inference=inline", 475
    ),
    "cartpole_rnn_policy_workers": LearningCase(
        f"{_CARTPOLE} --use_rnn=True --ppo_epochs=4 --train_for_env_steps=500000 --inference=policy_workers", 475
    ),
    "pendulum": LearningCase(
        f"--env=gym_Pendulum-v1 {_COMMON} {_SMALL} --use_rnn=False --num_envs_per_worker=8 --rollout=128 "
        "--recurrence=128 --batch_size=256 --num_batches_per_iteration=8 --ppo_epochs=10 --gamma=0.95 "
        "--learning_rate=0.0005 --max_grad_norm=0.5 --reward_scale=0.1 --normalize_input=True "
        "--normalize_returns=True --exploration_loss_coeff=0 --adaptive_stddev=False --train_for_env_steps=600000",
        -200,
    ),
    "tmaze": LearningCase(f"{_TMAZE} --use_rnn=True", 3.9, episodes=1000),
    # Both arms look alike without a memory: half of 4 - 0.1. A mean of 1000 episodes is within 0.2 of it (three sigma).
    "tmaze_without_memory": LearningCase(f"{_TMAZE} --use_rnn=False", 1.95 - 0.2, at_most=1.95 + 0.2, episodes=1000),
    # No answer changes what comes later, so nothing but noise is lost with a small gamma.
    "recall": LearningCase(
        f"--env=recall_5 {_MEMORY} --use_rnn=True --gamma=0.1 --exploration_loss_coeff=0.0005 --adam_eps=0.00001 "
        "--num_envs_per_worker=32 --batch_size=1024 --ppo_epochs=4 --ppo_clip_ratio=0.1 --train_for_env_steps=3000000",
        0.98,
        episodes=1000,
    ),
    "pong": LearningCase(f"--env=atari_pong {_ATARI}", 18, episodes=32, seeds=(1,)),
    "breakout": LearningCase(f"--env=atari_breakout {_ATARI}", 50, episodes=32, seeds=(1,)),
    "half_cheetah": LearningCase(
        f"--env=mujoco_half_cheetah {_MACHINE} --train_for_env_steps=1500000", 3000, by_median=True
    ),
    # The same agent on both simulators of one task: their curves should lie within those of each other's seeds.
    **{
        f"half_cheetah_{backend}": LearningCase(
            f"--env=mujoco_half_cheetah --env_backend={backend} {_MACHINE} --train_for_env_steps=600000",
            1000,
            by_median=True,
        )
        for backend in ("gymnasium", "envpool")
    },
    "hopper": LearningCase(f"--env=mujoco_hopper {_MACHINE} --train_for_env_steps=2000000", 1500, by_median=True),
    "dmc_cartpole_swingup": LearningCase(
        f"--env=dmc_cartpole_swingup {_MACHINE} --env_frameskip=4 --adam_eps=0.00001 --train_for_env_steps=3000000",
        700,
        by_median=True,
    ),
    "minigrid_doorkey": LearningCase(
        f"--env=MiniGrid-DoorKey-6x6-v0 {_COMMON} --use_rnn=False --num_envs_per_worker=16 --rollout=128 "
        "--recurrence=128 --batch_size=512 --num_batches_per_iteration=8 --ppo_epochs=4 --learning_rate=0.0003 "
        "--adam_eps=0.00001 --max_grad_norm=0.5 --exploration_loss_coeff=0.01 --train_for_env_steps=600000",
        0.9,
        by_median=True,
    ),
    # A level's coin is worth 10; a random policy finds it in about a fifth of them.
    "coinrun": LearningCase(
        f"--env=procgen_coinrun --procgen_num_levels=200 {_COMMON} --use_rnn=False --encoder_type=conv "
        "--encoder_subtype=convnet_simple --hidden_size=256 --nonlinearity=relu --num_envs_per_worker=32 --rollout=64 "
        "--recurrence=1 --batch_size=2048 --num_batches_per_iteration=2 --ppo_epochs=3 --max_grad_norm=0.5 "
        "--gamma=0.999 --learning_rate=0.0005 --exploration_loss_coeff=0.01 --train_for_env_steps=10000000",
        6,
        seeds=(1,),
    ),
    "doom_basic": LearningCase(
        f"--env=doom_basic {_COMMON} --num_envs_per_worker=8 --batch_size=512 --learning_rate=0.0005 --ppo_epochs=2 "
        "--max_grad_norm=1 --train_for_env_steps=600000",
        0.65,
    ),
    # Who shoots past a monster early lacks the shot for a later one, 300 steps on.
    "doom_defend_the_center": LearningCase(
        f"--env=doom_defend_the_center {_DOOM} --gamma=0.997 --exploration_loss=entropy --exploration_loss_coeff=0.003",
        20,
        seeds=(1,),
    ),
    "doom_health_gathering": LearningCase(f"--env=doom_health_gathering {_DOOM}", 30, seeds=(1,)),
    # Only the way's end pays, and at first hardly anybody gets there: in batches this large somebody does.
    "doom_my_way_home": LearningCase(
        f"--env=doom_my_way_home {_DOOM} --num_envs_per_worker=64 --rollout=64 --recurrence=64 --batch_size=8192 "
        "--ppo_epochs=4 --gamma=0.995 --exploration_loss=entropy --exploration_loss_coeff=0.01",
        0.9,
        seeds=(1,),
    ),
    # Two agents that learn from playing each other. Engines of a match wait for each other: more workers than cores.
    # The environment's own extra rewards pay as much for a walk past all items as for six frags; here hits pay.
    "doom_duel": LearningCase(
        f"--env=doom_duel {_DOOM} --num_workers=4 --num_envs_per_worker=4 --exploration_loss=entropy "
        "--exploration_loss_coeff=0.01 "
        """--reward_shaping='{"delta": {"HITCOUNT": {"gain": 0.3}, "DAMAGECOUNT": {"gain": 0.02, "loss": 0}, """
        """"HEALTH": {"gain": 0.002}, "ARMOR": {"gain": 0.001}}}'""",
        0.75,
        episodes=32,
        seeds=(1,),
        against_random=True,
    ),
    # Kills; a random policy makes 1.9.
    "doom_battle": LearningCase(f"--env=doom_battle {_DOOM}", 5, seeds=(1,), by_objective=True),
}


def main() -> int:
    """Run the chosen cases; 0 if every one reached what was promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, help="instead of those of each case")
    parser.add_argument("--train_dir", default=tempfile.gettempdir() + "/sample_factory_learning")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    all_kept = True
    for name in arguments.cases:
        case = CASES[name]
        means = []
        for seed in arguments.seeds or case.seeds:
            rows.append(_run(name, seed, arguments.train_dir))
            means.append(float(str(rows[-1]["mean"])))
            print(_line(rows[-1]), flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(rows, indent=2))
        is_kept = case.keeps_promise(means)
        all_kept &= is_kept
        print(f"{'ok  ' if is_kept else 'FAIL'} {name}: median {statistics.median(means):.2f}", flush=True)
    return 0 if all_kept else 1


def _run(name: str, seed: int, train_dir: str) -> dict[str, object]:
    case = CASES[name]
    place = f"--experiment={name}_{seed} --train_dir={train_dir}"
    start = time.monotonic()
    _call(_TRAIN, f"{case.train} {place} --seed={seed}")
    seconds = time.monotonic() - start
    score = _play(case, place, Path(train_dir) / f"{name}_{seed}", seed + 1000)
    return {
        "case": name,
        "seed": seed,
        "mean": float(score["mean"]),
        "standard_error": float(score["standard_error"]),
        "train_seconds": round(seconds, 1),
    }


def _play(case: LearningCase, place: str, folder: Path, seed: int) -> dict[str, float]:
    """Mean and standard error of what the case is judged by."""
    if case.against_random:
        env, out = shlex.split(case.train)[0], folder / "against_random.json"
        _call(
            "benchmarks.random_play", f"{env} {place} --episodes={case.episodes} --num_envs=8 --seed={seed} --out={out}"
        )
        found: dict[str, float] = json.loads(out.read_text())
        return found
    _call(_ENJOY, f"{place} --sample_env_episodes={case.episodes} --seed={seed}")
    newest = max((folder / "evaluation").glob("*.json"), key=lambda path: path.stat().st_mtime)
    found = json.loads(newest.read_text())["true_objective" if case.by_objective else "reward"]
    return found


def _call(module: str, arguments: str) -> None:
    command = [sys.executable, "-m", module, *shlex.split(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def _line(row: Mapping[str, Any]) -> str:
    return "     {case:28} seed {seed}: {mean:8.2f} +- {standard_error:.2f}, trained in {train_seconds} s".format(**row)


if __name__ == "__main__":
    sys.exit(main())
