"""How good a policy in a folder is, and whether that is what is claimed. Knows no collection's place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from sample_factory.algorithms.appo.evaluation import sample_episodes
from sample_factory.algorithms.appo.evaluation_report import summarize
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.trained_policy import load_checkpoint
from sample_factory.config.config import Config
from sample_factory.trained_policies.index import Score

_STANDARD_ERRORS = 3


def options_for(folder: Path, *more: str) -> Config:
    """Options of evaluating the exported policy in a folder."""
    return parse_evaluation_options([f"--train_dir={folder.parent}", f"--experiment={folder.name}", *more])


def measure(folder: Path, episodes: int, seed: int, deterministic: bool) -> Score:
    """Let the exported policy in a folder play.

    The score is the mean true objective where the environment reports one, else the mean reward.

    Raises:
        ValueError: one line: it cannot be loaded, or does not fit the environment.
    """
    config = options_for(folder, f"--sample_env_episodes={episodes}", f"--eval_deterministic={deterministic}")
    checkpoint = load_checkpoint(folder, config.evaluation.policy_index, "latest")
    sample = sample_episodes(config, checkpoint, seed)
    assert sample is not None, "nobody stops it"
    summary = summarize(sample.episodes, sample.agents_per_env)
    of = "reward" if summary["true_objective"] is None else "true_objective"
    mean, standard_error = summary[of]["mean"], summary[of]["standard_error"]
    return Score(of, mean, standard_error, episodes, deterministic)


def keeps_claim(claimed: Score, measured: Score) -> bool:
    """Whether the two means are within three standard errors of their difference.

    How much episodes differ is taken from the claim: it has more of them.
    """
    stddev = claimed.standard_error * math.sqrt(claimed.episodes)
    standard_error = stddev * math.sqrt(1 / claimed.episodes + 1 / measured.episodes)
    # Where all episodes are equal, only what float32 makes of them differs.
    tolerance = _STANDARD_ERRORS * standard_error + 1e-4 * max(1.0, abs(claimed.mean))
    return measured.of == claimed.of and abs(measured.mean - claimed.mean) <= tolerance


def verdict(name: str, claimed: Score, measured: Score) -> str:
    """One line."""
    holds = "as claimed" if keeps_claim(claimed, measured) else "NOT as claimed"
    return f"{name}: {measured} in {measured.episodes} episodes, {holds} ({claimed} in {claimed.episodes})"


def all_hold(pairs: Sequence[tuple[Score, Score]]) -> bool:
    """Whether every claim is kept."""
    return all(keeps_claim(claimed, measured) for claimed, measured in pairs)
