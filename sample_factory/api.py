"""Training and evaluation from Python: keyword arguments are the flags of the command line. Knows no option by name.

Worker processes import the script that calls this, so the call stands under `if __name__ == "__main__":`.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

from sample_factory.algorithms.status import Status
from sample_factory.config.keywords import command_line

if TYPE_CHECKING:
    from sample_factory.algorithms.appo.evaluation import EvaluationResult


def train(*arguments: str, **options: Any) -> Status:
    """Train as `train_appo` does, and resume if the experiment exists: `train(env="my_env", experiment="x")`.

    Interrupts are handled as on the command line, so this is for the main thread.

    Args:
        arguments: flags of a command line, such as `*sys.argv[1:]`; they win over `options`.
        options: values by the name of the flag.

    Raises:
        ValueError: one line that says what is wrong; nothing has been started.
    """
    from sample_factory.algorithms.appo import training
    from sample_factory.algorithms.appo.options import parse_training_options

    _refuse_import_by_worker()
    argv = [*command_line(options), *arguments]
    return training.train(parse_training_options(argv), argv)


def evaluate(*arguments: str, **options: Any) -> EvaluationResult:
    """Let a trained policy play as `enjoy_appo` does; arguments are like those of `train`.

    Returns:
        How it ended (`status`) and what came of it (`mean_reward`).

    Raises:
        ValueError: one line that says what is wrong.
    """
    from sample_factory.algorithms.appo import evaluation
    from sample_factory.algorithms.appo.options import parse_evaluation_options

    return evaluation.evaluate(parse_evaluation_options([*command_line(options), *arguments]))


def _refuse_import_by_worker() -> None:
    """A script that trains whenever it is imported would do so again in each of its workers."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "worker processes import the script that calls train(): put the call under `if __name__ == '__main__':`"
        )
