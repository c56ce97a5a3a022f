"""One run of the dummy sampler: rollout workers as in training, with random actions and nobody who learns.

What it measures bounds any training run from above: environments, shared memory and supervision are those of training,
and nothing else takes time. Knows neither environment nor worker.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sample_factory.algorithms.dummy_sampler.frame_counter import FrameCounter, final_line, progress_line
from sample_factory.algorithms.dummy_sampler.plan import SamplerPlan, make_plan
from sample_factory.algorithms.dummy_sampler.random_policy import describe_random_policy
from sample_factory.algorithms.status import Status
from sample_factory.algorithms.supervision import run_supervised
from sample_factory.config.dummy_sampler import DummyConfig, DummySamplerConfig
from sample_factory.config.experiment import create, experiment_dir
from sample_factory.config.values import namespace
from sample_factory.envs.validate import EnvDescription, describe
from sample_factory.sampling.environments import GroupEnvironments
from sample_factory.sampling.ledger import ledger_specs
from sample_factory.sampling.processes import PRELOAD, rollout_components, visible_gpus
from sample_factory.sampling.requests import request_specs
from sample_factory.sampling.rollout_worker import RolloutSetup
from sample_factory.sampling.weights import Weights, weights_specs
from sample_factory.system.arena import Arena
from sample_factory.system.board import Field, board_specs
from sample_factory.system.console import PlainConsole
from sample_factory.system.cores import available_cores
from sample_factory.system.doorbell import Doorbell
from sample_factory.system.every import Every
from sample_factory.system.logs import configure_supervisor_logging, reset_logging
from sample_factory.system.process import ProcessSettings, end_start_server, interrupt_flag, prepare_start_method
from sample_factory.system.registrations import Registrations, only, restore, snapshot
from sample_factory.system.reports import Report
from sample_factory.system.supervisor import Supervisor
from sample_factory.system.trial import TrialCancelledError, call_in_trial_process

log = logging.getLogger(__name__)

_REPORT_SEC = 5.0
# As in training by default.
_SILENT_SEC, _START_SEC, _MAX_RESTARTS = 120.0, 120.0, 5


def sample(config: DummyConfig) -> Status:
    """Sample until the end that the options ask for.

    Raises:
        ValueError: something is wrong that the user can mend; no worker has been started.
    """
    folder = create(experiment_dir(config.run))
    configure_supervisor_logging(folder, PlainConsole().handler)
    ending = _Ending(config.sampler)
    try:
        with interrupt_flag(ending.interrupt):
            return _run(config, folder, ending)
    finally:
        reset_logging()


def _run(config: DummyConfig, folder: Path, ending: _Ending) -> Status:
    registrations = only(snapshot(), "environment")
    context = prepare_start_method(PRELOAD)
    try:
        what = f"environment {config.run.env}"
        env = call_in_trial_process(context, what, _START_SEC, ending.is_interrupted, look, config, registrations)
        plan = make_plan(config.sampler, env, available_cores())
        log.info("%d workers x %d environments", config.sampler.num_workers, config.sampler.num_envs_per_worker)
        arena = _make_arena(plan)
        doorbells = [Doorbell() for _ in range(config.sampler.num_workers)]
        settings = _settings(config.sampler, plan, folder)
        parts = rollout_components(_make_setup(config, plan, arena, registrations), 0, doorbells, settings)
        supervisor = Supervisor(arena, parts, PRELOAD, _SILENT_SEC, _START_SEC, _MAX_RESTARTS, ending.is_interrupted)
        watch = _Watch(arena, doorbells, ending)
        return run_supervised(supervisor, watch.take, watch.tick, watch.close)
    except TrialCancelledError:
        return Status.INTERRUPTED
    finally:
        end_start_server()


def look(config: DummyConfig, registrations: Registrations) -> EnvDescription:
    """Make one environment and try it.

    Raises:
        ValueError: it is not what it claims to be.
    """
    restore(registrations)
    return describe(config.run.env, namespace(config))


class _Ending:
    """When the run ends, and with which status."""

    def __init__(self, options: DummySamplerConfig) -> None:
        self._options = options
        self._interrupted = False

    def interrupt(self, signal_number: int) -> None:
        """A signal asks the run to end."""
        log.warning("Signal %d: ending; a second Ctrl-C ends at once", signal_number)
        self._interrupted = True

    def is_interrupted(self) -> bool:
        """Whether a signal has asked the run to end."""
        return self._interrupted

    def status(self, counter: FrameCounter, frames_per_worker: Sequence[float]) -> Status | None:
        """The status if the run is over."""
        options = self._options
        if self._interrupted:
            return Status.INTERRUPTED
        is_over = (
            counter.frames >= options.sample_env_frames
            or counter.seconds >= options.timeout_seconds
            or all(frames >= options.sample_env_frames_per_worker for frames in frames_per_worker)
        )
        return Status.SUCCESS if is_over else None


class _Watch:
    """Lets the workers begin together, counts what they do, and says so."""

    def __init__(self, arena: Arena, doorbells: Sequence[Doorbell], ending: _Ending) -> None:
        self._board = arena["board"]
        self._samples = arena["policy_samples"][:, 0]
        self._weights = Weights(arena, 0)
        self._doorbells = doorbells
        self._ending = ending
        self._counter = FrameCounter()
        self._report_due = Every(_REPORT_SEC)

    def take(self, report: Report) -> None:
        """Handle one report; episodes are of no interest here."""
        if report.kind == "problem":
            log.error("%s: %s", report.component, report.data["text"])

    def tick(self, _: Mapping[str, int]) -> Status | None:
        """Measure; the status if the run is over."""
        if not self._weights.publication and self._board[:, Field.READY].all():
            self._begin()
        self._measure()
        if self._counter.is_counting and self._report_due.due():
            log.info("%s", progress_line(self._counter.frames, self._counter.fps(time.monotonic())))
        return self._ending.status(self._counter, self._board[:, Field.FRAMES].tolist())

    def close(self) -> None:
        """Say what was collected; what workers did while they ended is not counted."""
        log.info("%s", final_line(self._counter))

    def _begin(self) -> None:
        """Workers wait for the first weights, so that nobody steps while environments are still being made."""
        self._weights.slot_to_write()
        self._weights.publish(0)
        for doorbell in self._doorbells:
            doorbell.bell.ring()

    def _measure(self) -> None:
        was_counting = self._counter.is_counting
        self._counter.update(time.monotonic(), self._board[:, Field.FRAMES].tolist(), self._samples.tolist())
        if self._counter.is_counting and not was_counting:
            log.info("All environments have been reset, counting begins")
            self._report_due = Every(_REPORT_SEC)


def _make_arena(plan: SamplerPlan) -> Arena:
    schema = plan.schema
    specs = dict(schema.specs)
    specs |= ledger_specs(schema.num_blocks, 1)
    specs |= request_specs(schema.num_groups, 1)
    specs |= weights_specs(1, 0)
    specs |= board_specs(schema.num_workers)
    return Arena.create(specs)


def _make_setup(config: DummyConfig, plan: SamplerPlan, arena: Arena, registrations: Registrations) -> RolloutSetup:
    return RolloutSetup(
        arena=arena,
        schema=plan.schema,
        make_env=GroupEnvironments(
            config.run.env, namespace(config), registrations, config.sampler.num_envs_per_worker, 1
        ),
        env_name=config.run.env,
        consumers=(),
        inline=describe_random_policy(plan.schema.actions),
        seed=config.run.seed if config.run.seed is not None else secrets.randbits(31),
        max_frames=config.sampler.sample_env_frames_per_worker,
    )


def _settings(options: DummySamplerConfig, plan: SamplerPlan, folder: Path) -> list[ProcessSettings]:
    return [
        ProcessSettings(
            cores=cores,
            environment=visible_gpus(options.sampler_worker_gpus, worker),
            experiment_dir=str(folder),
        )
        for worker, cores in enumerate(plan.worker_cores)
    ]
