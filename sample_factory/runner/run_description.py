"""What a study consists of: base commands, and lists or grids of parameters. Starts nothing and knows no environment.

A run script is a module with a variable RUN_DESCRIPTION. The same script always means the same experiments with the
same names, in the same order, shuffled or not: that is how a study that was cut short finds what it has done.
"""

from __future__ import annotations

import itertools
import logging
import random
import re
import shlex
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

_LONG_NAME = 100
_LONGEST_NAME_BYTES = 240
"""File systems allow 255; the name of a log is a little longer than its experiment's."""
_NOT_IN_A_FILE_NAME = re.compile(r"[/\s\x00]+")


class ParamList:
    """Combinations of parameters, given one by one."""

    def __init__(self, combinations: Iterable[Mapping[str, Any]]) -> None:
        """Each combination is parameter name -> value."""
        self.combinations = [dict(combination) for combination in combinations]

    def generate_params(self, randomize: bool = True) -> list[dict[str, Any]]:
        """All combinations; `randomize` shuffles them, in the same way every time."""
        combinations = [dict(combination) for combination in self.combinations]
        if randomize:
            random.Random(0).shuffle(combinations)
        return combinations


class ParamGrid(ParamList):
    """Every combination of the values of several parameters; those of the last parameter change fastest."""

    def __init__(self, grid: Iterable[tuple[str, Iterable[Any]]]) -> None:
        """
        Raises:
            ValueError: a parameter has no values, which would leave nothing to run.
        """
        pairs = [(name, list(values)) for name, values in grid]
        for name, values in pairs:
            if not values:
                raise ValueError(f"ParamGrid: the parameter {name!r} has no values")
        names = [name for name, _ in pairs]
        products = itertools.product(*(values for _, values in pairs))
        super().__init__(dict(zip(names, values, strict=True)) for values in products)


class Experiment:
    """One base command with all combinations of parameters it is run with; without any, it is run once."""

    def __init__(
        self,
        name: str,
        cmd: str,
        param_generator: Iterable[Mapping[str, Any]] = (),
        env_vars: Mapping[str, str] | None = None,
    ) -> None:
        """`cmd` is split into words as a shell would; `env_vars` are set for all of its runs."""
        self.base_name = name
        self.cmd = cmd
        self.params = [dict(combination) for combination in param_generator]
        self.env_vars = {name: str(value) for name, value in (env_vars or {}).items()}

    def generate_experiments(
        self,
        experiment_arg_name: str = "--experiment",
        customize_experiment_name: bool = True,
        param_prefix: str = "--",
    ) -> Iterator[tuple[str, str]]:
        """Command line and name of every run; parameters stand behind the base command, then the name."""
        for index, combination in enumerate(self.params or [{}]):
            name = _experiment_name(index, self.base_name, combination) if customize_experiment_name else self.base_name
            arguments = [f"{param_prefix}{parameter}={value}" for parameter, value in combination.items()]
            yield _extended(self.cmd, *arguments, f"{experiment_arg_name}={name}"), name


class Planned(NamedTuple):
    """One run of an experiment."""

    command: str
    """To be split with shlex."""
    name: str
    root_dir: str
    """Folder inside train_dir in which the experiment's own folder is."""
    env_vars: dict[str, str]


class RunDescription:
    """All experiments of a study."""

    def __init__(
        self,
        run_name: str,
        experiments: Sequence[Experiment],
        experiment_dirs_sf_format: bool = True,
        experiment_arg_name: str = "--experiment",
        experiment_dir_arg_name: str = "--train_dir",
        customize_experiment_name: bool = True,
        param_prefix: str = "--",
    ) -> None:
        """`run_name` is the folder of the study inside train_dir.

        With `experiment_dirs_sf_format` experiments are told --train_dir and --experiments_root; otherwise the one
        folder in which to put their own, by `experiment_dir_arg_name`. `customize_experiment_name` puts the parameters
        into names.
        """
        self.run_name = run_name
        self.experiments = list(experiments)
        self.experiment_suffix = ""
        self.experiment_dirs_sf_format = experiment_dirs_sf_format
        self.experiment_arg_name = experiment_arg_name
        self.experiment_dir_arg_name = experiment_dir_arg_name
        self.customize_experiment_name = customize_experiment_name
        self.param_prefix = param_prefix

    def generate_experiments(self, train_dir: str, makedirs: bool = True) -> Iterator[Planned]:
        """All runs, in the order of the description.

        `makedirs` creates the folders that experiments cannot be expected to create themselves: those given by
        `experiment_dir_arg_name`.

        Raises:
            ValueError: a name leads out of train_dir, is too long, or means two runs.
        """
        _check_inside(self.run_name)
        taken: set[tuple[str, str]] = set()
        for experiment in self.experiments:
            root_dir = f"{self.run_name}/{experiment.base_name}_{self.experiment_suffix}"
            _check_inside(root_dir)
            directories = self._directory_arguments(train_dir, root_dir, makedirs)
            generated = experiment.generate_experiments(
                self.experiment_arg_name, self.customize_experiment_name, self.param_prefix
            )
            for command, name in generated:
                _check_name(name, root_dir, taken)
                taken.add((root_dir, name))
                yield Planned(_extended(command, *directories), name, root_dir, dict(experiment.env_vars))

    def _directory_arguments(self, train_dir: str, root_dir: str, makedirs: bool) -> list[str]:
        if self.experiment_dirs_sf_format:
            return [f"--train_dir={train_dir}", f"--experiments_root={root_dir}"]
        folder = Path(train_dir) / root_dir
        if makedirs:
            folder.mkdir(parents=True, exist_ok=True)
        return [f"{self.experiment_dir_arg_name}={folder}"]


def _experiment_name(index: int, base_name: str, combination: Mapping[str, Any]) -> str:
    words = [f"{index:02d}", base_name]
    short_names: list[str] = []
    for parameter, value in combination.items():
        short_names.append(_short_name(parameter, short_names))
        words.append(f"{short_names[-1]}_{value}")
    name = _NOT_IN_A_FILE_NAME.sub("_", "_".join(words))
    if len(name) > _LONG_NAME:
        log.warning("The experiment name %s has %d characters: shorter ones are easier to handle", name, len(name))
    return name


def _short_name(parameter: str, taken: Container[str]) -> str:
    """Initials, and the last word's first three letters or as many as it takes to differ: use_rnn is u.rnn."""
    *first, last = [word for word in re.split("[._-]", parameter) if word] or [parameter]
    initials = [word[0] for word in first]
    candidates = [".".join([*initials, last[:length]]) for length in range(min(3, len(last)), len(last) + 1)]
    return next((candidate for candidate in candidates if candidate not in taken), candidates[-1])


def _extended(command: str, *arguments: str) -> str:
    return " ".join([command.strip(), *map(shlex.quote, arguments)])


def _check_inside(folder: str) -> None:
    path = PurePath(folder)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"RUN_DESCRIPTION: {folder!r} must be the name of a folder inside train_dir")


def _check_name(name: str, root_dir: str, taken: Container[tuple[str, str]]) -> None:
    if (root_dir, name) in taken:
        raise ValueError(
            f"RUN_DESCRIPTION: two runs are named {name} in {root_dir}, and would write to the same folder; "
            "give experiments different names, or leave customize_experiment_name on"
        )
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        raise ValueError(f"RUN_DESCRIPTION: the experiment name {name} is too long for a folder; use fewer parameters")
