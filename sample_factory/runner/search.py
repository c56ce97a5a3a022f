"""Random search, and trials that are stopped early: what a run script says about them. Samples, and starts nothing.

`ParamSearch` is a generator of parameters like `ParamGrid`. `HalvingExperiment` is an `Experiment` whose worse half (or
three quarters) is not trained to the end, whether its parameters come from a search, a grid or a list.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from sample_factory.runner.run_description import Experiment, ParamList

_DIGITS = 4
"""Of a drawn number, or of the width of its range: enough to tell trials apart, and short in the name of a folder."""
_MOST_DRAWS = 100
"""For each trial that is wanted, until the space is said to be too small for them."""
SEED = "seed"
"""The parameter in which experiments of the same trial differ."""


class Range(NamedTuple):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False


def uniform(low: float, high: float) -> Range:
    """Every number between them is as likely."""
    return _checked(Range(float(low), float(high)))


def log_uniform(low: float, high: float) -> Range:
    """Every order of magnitude between them is as likely."""
    return _checked(Range(float(low), float(high), is_log=True))


def whole(low: int, high: int) -> Range:
    """Every whole number between them is as likely."""
    return _checked(Range(low, high, is_whole=True))


def log_whole(low: int, high: int) -> Range:
    """Whole numbers, of which every order of magnitude is as likely."""
    return _checked(Range(low, high, is_log=True, is_whole=True))


class ParamSearch(ParamList):
    """Combinations of parameters drawn at random, all of them different; always the same ones for the same `seed`."""

    def __init__(
        self,
        space: Iterable[tuple[str, Range | Sequence[Any]]],
        trials: int,
        seeds: Sequence[int] = (),
        seed: int = 0,
    ) -> None:
        """More `trials` are the same ones and then others.

        Args:
            space: of each parameter, a range or a list of values, which are as likely as each other.
            trials: combinations.
            seeds: each trial is run with each of these `--seed`, as neighbours in the order of experiments.
            seed: of the search itself.

        Raises:
            ValueError: a parameter has no values, or there are not so many combinations, or Optuna is not installed.
        """
        pairs = [(name, values if isinstance(values, Range) else list(values)) for name, values in space]
        for name, values in pairs:
            if not values:
                raise ValueError(f"ParamSearch: the parameter {name!r} has no values")
        if trials < 1:
            raise ValueError(f"ParamSearch: trials={trials} must be at least 1")
        drawn = _draw(dict(pairs), trials, seed)
        super().__init__(
            {**one, **of_seed} for one in drawn for of_seed in [{SEED: number} for number in seeds] or [{}]
        )

    def generate_params(self, randomize: bool = False) -> list[dict[str, Any]]:
        """All combinations, in the order in which they were drawn unless `randomize` shuffles them."""
        return super().generate_params(randomize)


@dataclass(frozen=True)
class Rungs:
    """When trials are compared, and how many go on: successive halving."""

    first_frames: int
    """Frames after which trials are compared for the first time; then after `reduction_factor` times as many."""
    num_rungs: int
    """How often they are compared; whoever goes on after the last time is trained to the end."""
    reduction_factor: int = 4
    """One in so many goes on."""
    metric: str | None = None
    """Summary by which they are compared; None is the true objective if there is one, else the reward."""

    def __post_init__(self) -> None:
        if self.first_frames < 1:
            raise ValueError(f"HalvingExperiment: first_frames={self.first_frames} must be at least 1")
        if self.num_rungs < 1:
            raise ValueError(f"HalvingExperiment: num_rungs={self.num_rungs} must be at least 1")
        if self.reduction_factor < 2:
            raise ValueError(f"HalvingExperiment: reduction_factor={self.reduction_factor} must be at least 2")

    def frames(self, rung: int) -> int:
        """Where a rung is; the first one has number 0."""
        return self.first_frames * int(self.reduction_factor**rung)

    def rung(self, frames: int) -> int | None:
        """The other way round; None if there is none."""
        return next((rung for rung in range(self.num_rungs) if self.frames(rung) == frames), None)


class HalvingExperiment(Experiment):
    """Combinations of parameters that differ in more than the seed are trials, of which the worse are stopped early."""

    def __init__(
        self,
        name: str,
        cmd: str,
        param_generator: Iterable[Mapping[str, Any]],
        env_vars: Mapping[str, str] | None = None,
        *,
        first_frames: int,
        num_rungs: int,
        reduction_factor: int = 4,
        metric: str | None = None,
    ) -> None:
        """As an Experiment; the rest is what `Rungs` has.

        Raises:
            ValueError: it is about several environments, or a number is too small, or Optuna is not installed.
        """
        super().__init__(name, cmd, param_generator, env_vars)
        self.rungs = Rungs(first_frames, num_rungs, reduction_factor, metric)
        if len({one.get("env") for one in self.params}) > 1:
            raise ValueError(
                f"HalvingExperiment {name!r} has several environments, whose rewards say nothing about each other: "
                "make one of each"
            )
        optuna()

    def trials(self) -> list[list[int]]:
        """Positions of the experiments of each trial."""
        found: dict[str, list[int]] = {}
        for position, combination in enumerate(self.params or [{}]):
            rest = sorted((name, repr(value)) for name, value in combination.items() if name != SEED)
            found.setdefault(repr(rest), []).append(position)
        return list(found.values())


def optuna() -> ModuleType:
    """The package.

    Raises:
        ValueError: it is not installed.
    """
    try:
        package = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        raise ValueError(f"a search needs the package {error.name!r}: pip install 'sample-factory[search]'") from None
    # It says whenever it makes a study, which here is often and means nothing.
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def _checked(values: Range) -> Range:
    if not values.low <= values.high or (values.is_log and values.low <= 0):
        rule = "0 < low <= high" if values.is_log else "low <= high"
        raise ValueError(f"ParamSearch: a range from {values.low} to {values.high} must have {rule}")
    return values


def _draw(space: Mapping[str, Range | list[Any]], trials: int, seed: int) -> list[dict[str, Any]]:
    package = optuna()
    distributions = {name: _distribution(package, values) for name, values in space.items()}
    study = package.create_study(sampler=package.samplers.RandomSampler(seed))
    found: dict[str, dict[str, Any]] = {}
    for _ in range(_MOST_DRAWS * trials):
        drawn = study.ask(distributions).params
        combination = {name: _value(values, drawn[name]) for name, values in space.items()}
        found.setdefault(repr(combination), combination)
        if len(found) == trials:
            return list(found.values())
    raise ValueError(
        f"ParamSearch: no more than {len(found)} combinations turn up, not trials={trials}: a ParamGrid has all of them"
    )


def _distribution(package: ModuleType, values: Range | list[Any]) -> Any:
    if not isinstance(values, Range):
        # By their positions, because values may be of any kind.
        return package.distributions.IntDistribution(0, len(values) - 1)
    of = package.distributions.IntDistribution if values.is_whole else package.distributions.FloatDistribution
    return of(values.low, values.high, log=values.is_log)


def _value(values: Range | list[Any], drawn: Any) -> Any:
    if not isinstance(values, Range):
        return values[drawn]
    if values.is_whole or values.low == values.high:
        return drawn
    width = drawn if values.is_log else values.high - values.low
    rounded = round(drawn, _DIGITS - 1 - math.floor(math.log10(width)))
    return min(max(rounded, values.low), values.high)
