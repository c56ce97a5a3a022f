"""Human-normalised scores of DMLab-30, from the returns of a policy. Knows no environment and no file.

100 is what people reach and 0 what a random policy does. Returns of a level are averaged first, then normalised, then
cut off at 100: cutting off each episode would hide what varies. A score of all levels is the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sample_factory.envs.dmlab.levels import LEVELS, Level

RAW_SCORE = "dmlab_raw_score"
TARGET_OBJECTIVE = "dmlab_target_objective"
"""The capped score of all levels: what population-based training goes by."""
CAP = 100.0


def normalized(level: Level, mean_return: float) -> float:
    """Score of one level, without an upper limit."""
    return CAP * (mean_return - level.random) / (level.human - level.random)


def level_scores(returns: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Score of every level of DMLab-30, not capped, from the returns of its episodes, by name.

    Levels may have the name they have in training or in testing; other levels are left out.

    Raises:
        ValueError: a level has no episode.
    """
    scores = {}
    for level in LEVELS:
        found = [value for name in {level.name, level.test_name} for value in returns.get(name, ())]
        if not found:
            raise ValueError(f"there is no episode of {level.name}")
        scores[level.name] = normalized(level, sum(found) / len(found))
    return scores


def mean_score(scores: Mapping[str, float], *, capped: bool) -> float:
    """Mean of the scores of all levels."""
    values = [min(score, CAP) if capped else score for score in scores.values()]
    return sum(values) / len(values)


def statistics_names(task: int, name: str) -> tuple[str, str]:
    """Names under which an environment reports the raw score and the length of an episode of a level."""
    return f"z_{task:02d}_{name}_{RAW_SCORE}", f"z_{task:02d}_{name}_len"


class DmlabScores:
    """The scores of one policy in a run, from the statistics of its episodes.

    There are new ones whenever every level has had an episode since the last: then all levels begin anew, so that each
    counts once, however fast it is.
    """

    def __init__(self) -> None:
        self._keys = {statistics_names(task, level.name)[0]: level.name for task, level in enumerate(LEVELS)}
        self._returns: dict[str, list[float]] = {level.name: [] for level in LEVELS}

    def observe(self, statistics: Mapping[str, float]) -> dict[str, float]:
        """An episode ended; returns summaries by tag and the objective by name, or nothing yet."""
        for key, value in statistics.items():
            if key in self._keys:
                self._returns[self._keys[key]].append(float(value))
        if not all(self._returns.values()):
            return {}
        scores = level_scores(self._returns)
        self.clear()
        return _summaries(scores)

    def clear(self) -> None:
        """Forget all episodes."""
        for returns in self._returns.values():
            returns.clear()


def _summaries(scores: Mapping[str, float]) -> dict[str, float]:
    capped = mean_score(scores, capped=True)
    found = {
        "_dmlab/000_mean_human_norm_score": mean_score(scores, capped=False),
        "_dmlab/000_capped_mean_human_norm_score": capped,
        TARGET_OBJECTIVE: capped,
    }
    for task, (name, score) in enumerate(scores.items()):
        found[f"_dmlab/{task:02d}_{name}_human_norm_score"] = score
        found[f"_dmlab/capped_{task:02d}_{name}_human_norm_score"] = min(score, CAP)
    return found
