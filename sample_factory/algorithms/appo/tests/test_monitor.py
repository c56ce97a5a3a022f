"""What the notice board tells telemetry."""

from __future__ import annotations

from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.tests.pipeline import Pipeline
from sample_factory.algorithms.appo.wiring import ENV_STEPS
from sample_factory.system.board import Field
from sample_factory.system.limits import LEARNER
from sample_factory.system.telemetry import Telemetry


class SilentConsole:
    """Shows nothing."""

    refresh_sec = 1e9

    def show(self, status) -> None:
        pass

    def close(self) -> None:
        pass


def test_progress_is_told_without_a_report_of_a_learner_as_soon_as_all_are_ready(tmp_path):
    wiring = Pipeline(tmp_path, env="case_discrete", num_policies=2).wiring
    telemetry = Telemetry(tmp_path, 2, 100, 20.0, 10_000, SilentConsole())
    monitor = Monitor(wiring, telemetry, {LEARNER: [0, 1]})
    wiring.arena["learner/progress"][:, ENV_STEPS] = 500, 700
    wiring.arena["board"][0, Field.READY] = 1
    monitor.tick(0.0)
    assert [policy.env_steps for policy in telemetry.status(0.0).policies] == [0, 0]
    wiring.arena["board"][1, Field.READY] = 1
    monitor.tick(1.0)
    assert [policy.env_steps for policy in telemetry.status(1.0).policies] == [500, 700]
