"""Tests of telemetry with a clock that the test turns: what is written where, when, and what the console is shown."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sample_factory.system.limits import ComponentShare
from sample_factory.system.status import Status, plain_lines
from sample_factory.system.telemetry import Telemetry, train_summary_sec
from sample_factory.system.tests.test_summaries import read
from sample_factory.system.wandb_session import WandbSession


class FakeConsole:
    refresh_sec = 5.0
    owns_terminal = False
    handler: logging.Handler = logging.NullHandler()

    def __init__(self) -> None:
        self.shown: list[Status] = []
        self.is_closed = False

    def show(self, status: Status) -> None:
        self.shown.append(status)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def console() -> FakeConsole:
    return FakeConsole()


def make(tmp_path: Path, console: FakeConsole, num_policies: int = 1, wandb: WandbSession | None = None) -> Telemetry:
    return Telemetry(
        tmp_path,
        num_policies,
        stats_avg=3,
        summaries_interval_sec=20.0,
        target_frames=1_000_000,
        console=console,
        wandb=wandb,
    )


def run(telemetry: Telemetry, seconds: range, frames_per_sec: int = 400) -> None:
    for second in seconds:
        telemetry.sampled(second * frames_per_sec, [second * frames_per_sec // 4], float(second))
        telemetry.tick(float(second))


def test_summaries_have_the_documented_names_over_environment_steps(tmp_path, console):
    telemetry = make(tmp_path, console)
    telemetry.progressed([8000])
    telemetry.train(0, 10, {"loss": 0.5, "train/lr": 1e-4, "zz_pbt/cfg_gamma": 0.99})
    for reward in (100.0, 1.0, 2.0, 3.0):  # the window is 3 episodes
        extra = {"kills": 4, "doom/ammo": 7.0, "level": "map01", "won": np.bool_(True)}
        telemetry.episode(0, reward, 10, reward * 2, extra)
    telemetry.components(
        {
            "rollout worker": ComponentShare("rollout worker", {"environments": 0.75}, {"learner": 0.25}),
            "learner": ComponentShare("learner", {"training": 1.0}),
        }
    )
    telemetry.system_stats({"memory_learner": 512.0})
    run(telemetry, range(21))
    telemetry.scalar(0, "_dmlab/000_mean_human_norm_score", 58.5)
    telemetry.close(20.0)
    events = read(tmp_path / ".summary" / "0")
    latest = {tag: values[-1] for tag, values in events.items()}
    memory = latest.pop("0_aux/master_process_memory_mb")
    assert memory[1] > 1
    assert latest == {
        "train/loss": (8000, 0.5),
        "train/lr": (8000, pytest.approx(1e-4)),
        "zz_pbt/cfg_gamma": (8000, pytest.approx(0.99)),
        "0_aux/_fps": (8000, 400.0),
        "0_aux/_sample_throughput": (8000, 100.0),
        "0_aux/avg_reward": (8000, 2.0),
        "0_aux/avg_reward_min": (8000, 1.0),
        "0_aux/avg_reward_max": (8000, 3.0),
        "0_aux/avg_true_reward": (8000, 4.0),
        "0_aux/avg_true_reward_min": (8000, 2.0),
        "0_aux/avg_true_reward_max": (8000, 6.0),
        "0_aux/avg_len": (8000, 10.0),
        "0_aux/avg_len_min": (8000, 10.0),
        "0_aux/avg_len_max": (8000, 10.0),
        "0_aux/avg_kills": (8000, 4.0),
        "0_aux/avg_won": (8000, 1.0),
        "doom/ammo": (8000, 7.0),
        "stats/memory_learner": (8000, 512.0),
        "stats/rollout_worker_environments": (8000, 0.75),
        "stats/rollout_worker_wait_learner": (8000, 0.25),
        "stats/learner_training": (8000, 1.0),
        "_dmlab/000_mean_human_norm_score": (8000, 58.5),
    }


def test_one_episode_is_enough_for_a_summary(tmp_path, console):
    telemetry = make(tmp_path, console)
    telemetry.episode(0, 5.0, 10, None, {})
    run(telemetry, range(21))
    events = read(tmp_path / ".summary" / "0")
    assert events["0_aux/avg_reward"] == [(0, 5.0)]
    assert "0_aux/avg_true_reward" not in events


class Pairs:
    """Has something to say after every second episode."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def observe(self, statistics: Mapping[str, float]) -> dict[str, float]:
        self.seen.append(statistics["level_score"])
        return {} if len(self.seen) % 2 else {"pairs/sum": sum(self.seen[-2:]), "pair_score": self.seen[-1]}

    def clear(self) -> None:
        self.seen.clear()


def test_what_is_derived_from_episodes_is_written_and_can_be_gone_by(tmp_path, console):
    telemetry = Telemetry(tmp_path, 2, 3, 20.0, 1000, console, derive=Pairs)
    for score in (1.0, 2.0, 10.0):
        telemetry.episode(1, 0.0, 1, None, {"level_score": score})
    telemetry.episode(0, 0.0, 1, None, {"level_score": 5.0})
    assert telemetry.average(1, "pair_score") == 2.0 and telemetry.average(0, "pair_score") is None
    telemetry.close(1.0)
    found = read(tmp_path / ".summary" / "1")
    assert [value for _, value in found["pairs/sum"]] == [3.0]
    assert [value for _, value in found["0_aux/avg_pair_score"]] == [2.0]
    assert "pairs/sum" not in read(tmp_path / ".summary" / "0")


def test_a_policy_that_was_replaced_starts_what_is_derived_anew(tmp_path, console):
    telemetry = Telemetry(tmp_path, 1, 3, 20.0, 1000, console, derive=Pairs)
    for score in (1.0, 2.0, 3.0):
        telemetry.episode(0, 0.0, 1, None, {"level_score": score})
    telemetry.forget_episodes(0)
    assert telemetry.average(0, "pair_score") is None
    telemetry.episode(0, 0.0, 1, None, {"level_score": 4.0})
    assert telemetry.average(0, "pair_score") is None
    telemetry.episode(0, 0.0, 1, None, {"level_score": 6.0})
    assert telemetry.average(0, "pair_score") == 6.0
    telemetry.close(1.0)


def test_summaries_come_at_their_interval_and_the_console_at_its_own(tmp_path, console):
    telemetry = make(tmp_path, console)
    run(telemetry, range(61))
    assert len(read(tmp_path / ".summary" / "0")["0_aux/_fps"]) == 3
    assert [status.elapsed_sec for status in console.shown] == [float(second) for second in range(0, 61, 5)]


def test_training_statistics_are_thinned_and_the_last_ones_are_never_lost(tmp_path, console):
    telemetry = make(tmp_path, console)
    for second in range(12):
        stats = {"loss": float(second)} | ({"kl_divergence": 0.1} if second == 0 else {})
        telemetry.progressed([second * 100])
        telemetry.train(0, 1, stats)
        telemetry.tick(float(second))
    telemetry.close(12.0)
    events = read(tmp_path / ".summary" / "0")
    assert events["train/loss"] == [(0, 0.0), (600, 6.0), (1100, 11.0)]
    assert len(events["train/kl_divergence"]) == 1


@pytest.mark.parametrize(
    ("step", "seconds"),
    [(0, 5.0), (50_000, 62.5), (100_000, 120.0), (550_000, 180.0), (1_000_000, 240.0), (10**9, 240.0)],
)
def test_training_summaries_become_rarer_as_the_run_grows(step, seconds):
    assert train_summary_sec(step) == pytest.approx(seconds)


def test_policies_have_their_own_folders_windows_and_throughput(tmp_path, console):
    telemetry = make(tmp_path, console, num_policies=2)
    telemetry.progressed([0, 700])
    telemetry.train(1, 3, {"loss": 1.0})
    telemetry.episode(0, 1.0, 5, None, {})
    telemetry.episode(1, 2.0, 6, None, {})
    for second in range(21):
        telemetry.sampled(second * 40, [second * 4, second * 6], float(second))
        telemetry.tick(float(second))
    first, second_policy = read(tmp_path / ".summary" / "0"), read(tmp_path / ".summary" / "1")
    assert first["0_aux/avg_reward"] == [(0, 1.0)]
    assert second_policy["0_aux/avg_reward"] == [(700, 2.0)]
    assert first["0_aux/_sample_throughput"] == [(0, 4.0)]
    assert second_policy["0_aux/_sample_throughput"] == [(700, 6.0)]
    assert "0_aux/_fps" in first
    assert "0_aux/_fps" not in second_policy
    assert telemetry.average(1, "len") == 6.0
    assert telemetry.average(1, "kills") is None


def test_summaries_are_drawn_where_policies_are_and_not_where_learners_last_reported(tmp_path, console):
    telemetry = make(tmp_path, console, num_policies=2)
    for policy in (0, 1):
        telemetry.train(policy, 3, {"loss": 1.0})
        telemetry.episode(policy, 2.0, 6, None, {})
    for second in range(21):
        telemetry.sampled(second * 400, [second * 50, second * 50], float(second))
        telemetry.progressed([second * 100, second * 300])
        telemetry.tick(float(second))
    assert read(tmp_path / ".summary" / "0")["0_aux/avg_reward"] == [(2000, 2.0)]
    assert read(tmp_path / ".summary" / "1")["0_aux/avg_reward"] == [(6000, 2.0)]


def test_console_is_shown_the_state_of_the_run(tmp_path, console):
    telemetry = make(tmp_path, console)
    telemetry.progressed([8000])
    telemetry.train(0, 10, {"loss": 0.5, "version_diff_min": 1, "version_diff_avg": 2.5, "version_diff_max": 7})
    telemetry.episode(0, 21.25, 10, None, {})
    run(telemetry, range(101))
    assert plain_lines(console.shown[-1]) == [
        "Fps is (10 sec: 400.0, 60 sec: 400.0, 300 sec: 400.0). Total num frames: 40000. Throughput: 0: 100.0. "
        "Samples: 10000. Policy #0 lag: (min: 1.0, avg: 2.5, max: 7.0)",
        "Avg episode reward: [(0, '21.250')]",
    ]
    assert console.shown[-1].eta_sec == pytest.approx(960_000 / 400)


def test_what_limits_the_run_is_logged_with_the_summaries(tmp_path, console, caplog):
    telemetry = make(tmp_path, console)
    with caplog.at_level(logging.INFO):
        run(telemetry, range(25))
        assert "Limit:" not in caplog.text  # nothing was measured yet
        telemetry.components({"rollout worker": ComponentShare("rollout worker", {"environments": 0.9})})
        run(telemetry, range(25, 61))
    assert [record.getMessage()[:20] for record in caplog.records] == ["Limit: environments:"] * 2
    assert console.shown[-1].limit.startswith("environments: rollout workers spend 90 %")


def test_end_of_the_run_is_summed_up_and_the_terminal_released(tmp_path, console, caplog):
    telemetry = make(tmp_path, console)
    for second, frames in ((0, 1_000_000), (10, 1_005_000)):  # resumed: what was collected before does not count
        telemetry.sampled(frames, [frames // 4], float(second))
        telemetry.tick(float(second))
    telemetry.progressed([1_005_000])
    with caplog.at_level(logging.INFO):
        telemetry.close(10.0)
    assert console.is_closed
    assert console.shown[-1].policies[0].env_steps == 1_005_000
    assert "Collected {0: 1005000}, FPS: 500.0" in caplog.text


def test_summaries_are_mirrored_to_wandb(tmp_path, console):
    recorded = []

    class Recorder(WandbSession):
        def log(self, scalars, step, policy=0):
            recorded.append((dict(scalars), step, policy))

    telemetry = make(tmp_path, console, wandb=Recorder("id", project="p"))
    telemetry.progressed([300])
    telemetry.train(0, 1, {"loss": 0.5})
    telemetry.episode(0, 1.0, 5, None, {})
    run(telemetry, range(21))
    assert recorded[0] == ({"train/loss": 0.5}, 300, 0)
    assert recorded[1][0]["0_aux/avg_reward"] == 1.0
