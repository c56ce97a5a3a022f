"""One training run, from options to exit status. Knows the order of things, and no details."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sample_factory.algorithms.appo.describe import RunFacts, describe_env, describe_model
from sample_factory.algorithms.appo.exported_folder import is_exported
from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.parallel import run_parallel
from sample_factory.algorithms.appo.plan import Plan, acts_inline, make_plan, uses_bfloat16
from sample_factory.algorithms.appo.population import make_population
from sample_factory.algorithms.appo.self_play import make_self_play
from sample_factory.algorithms.appo.serial import run_serial
from sample_factory.algorithms.appo.tuning import choose_workers
from sample_factory.algorithms.appo.wiring import ENV_STEPS, Wiring, checkpoint_folder, wire
from sample_factory.algorithms.status import Status
from sample_factory.config.config import Config
from sample_factory.config.experiment import CFG, GIT_DIFF, experiment_dir, is_done, mark_done, prepare, save_cfg
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.processes import PRELOAD
from sample_factory.system.console import Console
from sample_factory.system.episode_stats import DerivedStatistics
from sample_factory.system.folder_lock import FolderLock
from sample_factory.system.logs import LOG_FILE_NAME, configure_supervisor_logging, reset_logging
from sample_factory.system.process import end_start_server, interrupt_flag, prepare_start_method
from sample_factory.system.registrations import Registrations, restore, snapshot
from sample_factory.system.summary_hooks import SummaryHooks
from sample_factory.system.telemetry import Telemetry
from sample_factory.system.terminal import open_console
from sample_factory.system.trial import TrialCancelledError, call_in_trial_process
from sample_factory.system.wandb_process import WandbProcess

log = logging.getLogger(__name__)

_BENCHMARK_FRAMES, _BENCHMARK_SAMPLES = 2_000_000, 1_000_000
_MODEL_PRELOAD = (*PRELOAD, "torch", "sample_factory.algorithms.appo.learner_worker")


def train(config: Config, argv: Sequence[str]) -> Status:
    """Train until the end that the options ask for.

    Raises:
        ValueError: something is wrong that the user can mend; nothing has been started.
    """
    folder = experiment_dir(config.run)
    with contextlib.ExitStack() as exits:
        exits.callback(reset_logging)
        # Before the folder is renamed or deleted: not under the feet of another run.
        lock = exits.enter_context(FolderLock(folder)) if folder.is_dir() else None
        if config.run.restart_behavior == "resume" and is_done(folder, config.run):
            print(f"{folder} is done; raise --train_for_env_steps to train on")
            return Status.SUCCESS
        if config.run.restart_behavior == "resume" and is_exported(folder):
            raise ValueError(
                f"{folder} holds an exported policy, which can be played and not be trained on: choose another "
                "--experiment"
            )
        ending = _Ending(config)
        exits.enter_context(interrupt_flag(ending.interrupt))
        if not config.run.serial_mode:
            prepare_start_method(_preload(config))
            exits.callback(end_start_server)
        registrations = snapshot()
        try:
            facts, plan, policy = _look_safely(config, folder, registrations, ending)
        except TrialCancelledError:
            return Status.INTERRUPTED
        # Only now, when everything has been seen to work, is anything written or deleted.
        prepare(config)
        if lock is None or not lock.is_on(folder):
            exits.enter_context(FolderLock(folder))
        console = open_console()
        configure_supervisor_logging(folder, console.handler)
        wandb = _wandb(config, folder, save_cfg(folder, config, argv))
        if wandb is not None:
            wandb.start()
            exits.callback(wandb.finish)
        telemetry = _telemetry(config, folder, console, wandb)
        seed = config.run.seed if config.run.seed is not None else secrets.randbits(31)
        wiring = wire(config, folder, plan, facts, policy, seed, registrations)
        exits.callback(wiring.arena.close)
        _log_plan(plan, facts)
        return _run(wiring, telemetry, ending)


def _run(wiring: Wiring, telemetry: Telemetry, ending: _Ending) -> Status:
    config = wiring.config
    found = make_population(wiring, telemetry), make_self_play(wiring, telemetry)
    directors = [director for director in found if director is not None]
    if config.run.serial_mode:
        status = run_serial(wiring, telemetry, ending.status, directors)
    else:
        status = run_parallel(wiring, telemetry, _preload(config), ending.status, ending.is_interrupted, directors)
    if status == Status.SUCCESS:
        frames = int(wiring.arena["learner/progress"][:, ENV_STEPS].sum())
        mark_done(wiring.folder, frames, config.run)
    return status


def _look_safely(
    config: Config, folder: Path, registrations: Registrations, ending: _Ending
) -> tuple[RunFacts, Plan, PolicyDescription]:
    """`look`, in a process that may crash; in this one for serial mode, where it can be debugged."""
    resumes = config.run.restart_behavior == "resume"
    checkpoints = [checkpoint_folder(folder, policy) for policy in range(config.sampling.num_policies) if resumes]
    arguments = (config, registrations, checkpoints)
    if config.run.serial_mode:
        return look(*arguments)
    return call_in_trial_process(
        prepare_start_method(_preload(config)),
        f"environment {config.run.env}",
        config.sampling.reset_timeout_seconds,
        ending.is_interrupted,
        look,
        *arguments,
    )


def look(
    config: Config, registrations: Registrations, checkpoints: Sequence[Path]
) -> tuple[RunFacts, Plan, PolicyDescription]:
    """Everything that must be known before components start.

    Raises:
        ValueError: environment, model or checkpoint are not as they should be.
    """
    restore(registrations)
    sampling, learning = config.sampling, config.learning
    facts = describe_env(config)
    if config.self_play.self_play_pool_size and facts.agents_per_env == 1:
        raise ValueError(
            f"--self_play_pool_size={config.self_play.self_play_pool_size} needs an environment with several agents; "
            f"{config.run.env} has one"
        )
    inline = acts_inline(sampling, facts.machine)
    # Rollout workers see no GPU, or one for their environments.
    acting_device = "cpu" if inline else facts.machine.device
    bfloat16 = uses_bfloat16(learning, facts.machine, facts.worth_bfloat16)
    policy = describe_model(config, facts, acting_device, bfloat16, checkpoints, registrations)
    workers = choose_workers(
        sampling,
        learning,
        facts.agents_per_env,
        facts.keys,
        lambda num_envs: registry.make_batched(config.run.env, namespace(config), num_envs),
        policy if inline else None,
    )
    plan = make_plan(
        sampling,
        workers,
        learning,
        facts.machine,
        facts.agents_per_env,
        facts.worth_bfloat16,
        policy.num_weights,
        config.run.serial_mode,
    )
    return facts, plan, policy


class _Ending:
    """When the run ends, and with which status."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._started = time.monotonic()
        self._interrupted = False

    def interrupt(self, signal_number: int) -> None:
        """A signal asks the run to end."""
        log.warning("Signal %d: saving and ending; a second Ctrl-C ends at once", signal_number)
        self._interrupted = True

    def is_interrupted(self) -> bool:
        """Whether a signal has asked the run to end."""
        return self._interrupted

    def status(self, monitor: Monitor) -> Status | None:
        """The status if the run is over."""
        run = self._config.run
        if self._interrupted:
            return Status.INTERRUPTED
        if monitor.has_frames(run.train_for_env_steps):
            return Status.SUCCESS
        if time.monotonic() - self._started >= run.train_for_seconds:
            return Status.SUCCESS
        if run.benchmark and (monitor.frames >= _BENCHMARK_FRAMES or monitor.samples >= _BENCHMARK_SAMPLES):
            return Status.SUCCESS
        return None


def _preload(config: Config) -> Sequence[str]:
    return _MODEL_PRELOAD if _likely_inline(config) else PRELOAD


def _likely_inline(config: Config) -> bool:
    """Whether rollout workers will act themselves; only a guess, which costs time when it is wrong."""
    inference = config.sampling.inference
    no_gpu = config.run.device == "cpu" or not Path("/dev/nvidiactl").exists()
    return inference == "inline" or (inference == "auto" and no_gpu)


def _log_plan(plan: Plan, facts: RunFacts) -> None:
    place = "inside the rollout workers" if plan.inline else "in policy workers"
    order = "overlap" if plan.release_early else "alternate"
    log.info(
        "%d rollout workers x %d groups x %d rows, inference %s, sampling and learning %s, %d blocks a group, %s on %s",
        plan.num_workers,
        plan.groups_per_worker,
        plan.rows,
        place,
        order,
        plan.blocks_per_group,
        "bfloat16" if plan.bfloat16 else "float32",
        facts.machine.device,
    )
    if plan.workers_reason is not None:
        num_envs = plan.groups_per_worker * plan.envs_per_group
        chosen = f"--num_workers={plan.num_workers} --num_envs_per_worker={num_envs}"
        log.info("Chosen: %s (%s)", chosen, plan.workers_reason)


def _wandb(config: Config, folder: Path, saved: dict[str, Any]) -> WandbProcess | None:
    options = config.telemetry
    if not options.with_wandb:
        return None
    return WandbProcess(
        saved["wandb_unique_id"],
        folder,
        project=options.wandb_project,
        user=options.wandb_user,
        group=options.wandb_group or config.run.env,
        job_type=options.wandb_job_type,
        tags=options.wandb_tags,
        config=saved,
        files=[folder / name for name in (CFG, GIT_DIFF, LOG_FILE_NAME)],
        num_policies=config.sampling.num_policies,
    )


def _telemetry(config: Config, folder: Path, console: Console, wandb: WandbProcess | None) -> Telemetry:
    return Telemetry(
        folder,
        config.sampling.num_policies,
        config.telemetry.stats_avg,
        config.telemetry.experiment_summaries_interval,
        config.run.train_for_env_steps,
        console,
        wandb,
        SummaryHooks(namespace(config)),
        partial(_derived_statistics, config.run.env),
    )


def _derived_statistics(full_env_name: str) -> DerivedStatistics | None:
    derive = registry.resolve(full_env_name).derived_statistics
    return None if derive is None else derive(full_env_name)
