"""Evaluating a trained experiment: watching one environment, or sampling many. Knows no training."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sample_factory.algorithms.appo.enjoy import Watcher, plan_show
from sample_factory.algorithms.appo.episodes import Episode
from sample_factory.algorithms.appo.evaluation_batch import num_envs_at_once, play_episodes, threads_for
from sample_factory.algorithms.appo.evaluation_report import describe_summary, summarize, write_report
from sample_factory.algorithms.appo.stage import Stage
from sample_factory.algorithms.appo.trained_policy import Checkpoint, load_checkpoint, make_trained_policy
from sample_factory.algorithms.status import Status
from sample_factory.config.config import Config
from sample_factory.config.experiment import experiment_dir
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.process import interrupt_flag

REPORT_FOLDER = "evaluation"
"""Where in the experiment folder results are written."""


class EvaluationResult(NamedTuple):
    """How an evaluation ended."""

    status: Status
    mean_reward: float
    """Mean reward of the episodes that ended, NaN if none did."""


class Sample(NamedTuple):
    """Episodes that many environments have played."""

    episodes: list[Episode]
    agents_per_env: int
    num_envs: int


def sample_episodes(
    config: Config, checkpoint: Checkpoint, seed: int, stopping: Callable[[], bool] = lambda: False
) -> Sample | None:
    """Play `--sample_env_episodes` episodes of every agent; None if stopped before.

    Raises:
        ValueError: the checkpoint does not fit the environment, or something else that the user can mend.
    """
    num_episodes = config.evaluation.sample_env_episodes
    num_envs = num_envs_at_once(config.sampling, num_episodes)
    env = registry.make_batched(config.run.env, namespace(config), num_envs, is_training=False)
    try:
        limit_threads(threads_for(env), with_torch=True)
        policy = make_trained_policy(config, checkpoint, env.keys, env.actions, env.num_rows, seed)
        episodes = play_episodes(env, policy, num_envs, num_episodes, seed, stopping)
        return None if episodes is None else Sample(episodes, env.num_rows // num_envs, num_envs)
    finally:
        env.close()


def evaluate(config: Config) -> EvaluationResult:
    """Let a trained policy play, in this process, as the evaluation options say.

    Raises:
        ValueError: there is no such experiment or checkpoint, or something else that the user can mend.
    """
    folder = experiment_dir(config.run)
    if not folder.is_dir():
        raise ValueError(f"there is no experiment {folder}")
    evaluation = config.evaluation
    checkpoint = load_checkpoint(folder, evaluation.policy_index, evaluation.load_checkpoint_kind)
    print(f"policy {evaluation.policy_index} of {checkpoint.path}, after {checkpoint.env_steps} frames", flush=True)
    seed = config.run.seed if config.run.seed is not None else secrets.randbits(31)
    signals: list[int] = []
    run = _sample if evaluation.sample_env_episodes else _watch
    with interrupt_flag(signals.append):
        reward = run(config, folder, checkpoint, seed, lambda: bool(signals))
    return EvaluationResult(Status.INTERRUPTED if signals else Status.SUCCESS, reward)


def _watch(config: Config, folder: Path, checkpoint: Checkpoint, seed: int, stopping: Callable[[], bool]) -> float:
    show = plan_show(config)
    keeps_demos = config.evaluation.record_to is not None
    stage = Stage(config.run.env, show.options, show.render_mode, keeps_demos)
    try:
        env = stage.env
        limit_threads(1, with_torch=True)
        policy = make_trained_policy(config, checkpoint, env.keys, env.actions, env.num_rows, seed)
        return Watcher(config, folder, stage, show, policy, stopping).run(seed)
    finally:
        stage.close()


def _sample(config: Config, folder: Path, checkpoint: Checkpoint, seed: int, stopping: Callable[[], bool]) -> float:
    sample = sample_episodes(config, checkpoint, seed, stopping)
    if sample is None:
        print("stopped: nothing is saved, because the episodes that end first are the short ones", flush=True)
        return float("nan")
    summary = summarize(sample.episodes, sample.agents_per_env)
    about = {
        "env": config.run.env,
        "experiment": config.run.experiment,
        "policy": config.evaluation.policy_index,
        "checkpoint": checkpoint.path.name,
        "train_step": checkpoint.train_step,
        "env_steps": checkpoint.env_steps,
        "deterministic": config.evaluation.eval_deterministic,
        "continuous_actions_sample": config.evaluation.continuous_actions_sample,
        "seed": seed,
        "num_envs": sample.num_envs,
    }
    name = f"{checkpoint.path.stem}_{datetime.datetime.now():%Y%m%d_%H%M%S_%f}"
    path = write_report(folder / REPORT_FOLDER, name, about | summary, sample.episodes, sample.agents_per_env)
    print(f"{describe_summary(summary)}\n{path}", flush=True)
    return float(summary["reward"]["mean"])
