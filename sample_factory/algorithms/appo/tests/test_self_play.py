"""Past versions play and do not learn; ratings tell the strong from the weak, and survive the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo.components import learner_arguments
from sample_factory.algorithms.appo.learner_worker import LearnerSetup, LearnerWorker
from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.parallel import run_parallel
from sample_factory.algorithms.appo.past_versions import FOLDER, PastVersions
from sample_factory.algorithms.appo.self_play import FILE_NAME, SelfPlay, expected_score, make_self_play, score
from sample_factory.algorithms.appo.serial import run_serial
from sample_factory.algorithms.appo.tests.pipeline import NoReports, config_of
from sample_factory.algorithms.appo.training import look
from sample_factory.algorithms.appo.wiring import PAST_ENV_STEPS, Wiring, checkpoint_folder, wire
from sample_factory.algorithms.status import Status
from sample_factory.sampling.blocks import block_view
from sample_factory.sampling.weights import Weights
from sample_factory.system.board import Slot
from sample_factory.system.console import PlainConsole
from sample_factory.system.process import end_start_server
from sample_factory.system.reports import Report
from sample_factory.system.telemetry import Telemetry


def matches(*played: tuple[list[int], list[float]]) -> Report:
    return Report("rollout 0", "matches", {"matches": list(played)})


class Ladder:
    """Two policies with three past versions each."""

    def __init__(self, folder: Path) -> None:
        self.past = np.zeros((2, 3), np.int64)
        self.table = np.zeros((2, 8))
        self.summaries: dict[tuple[int, str], float] = {}
        self.self_play = SelfPlay(
            folder, self.past, self.table, lambda policy, tag, value: self.summaries.__setitem__((policy, tag), value)
        )


def test_an_outcome_is_a_win_a_tie_or_a_loss():
    assert [score(*pair) for pair in ((2.0, 1.0), (-1.0, -1.0), (0.0, 1.0))] == [1.0, 0.5, 0.0]


def test_ratings_predict_the_share_of_matches_won(tmp_path):
    assert expected_score(1000, 1000) == 0.5 and expected_score(1400, 1000) == pytest.approx(10 / 11)
    ladder, rng = Ladder(tmp_path), np.random.default_rng(0)
    for won in rng.random(4000) < 0.75:
        ladder.self_play.take(matches(([0, 1], [1.0, 0.0] if won else [0.0, 1.0])))
    first, second = (ladder.self_play.ratings[policy, 0].elo for policy in range(2))
    assert expected_score(first, second) == pytest.approx(0.75, abs=0.07)
    assert first + second == pytest.approx(2000)


def test_only_versions_that_are_there_are_met_and_those_most_that_are_beaten_least(tmp_path):
    ladder = Ladder(tmp_path)
    ladder.self_play.tick()
    assert not ladder.table.any()
    ladder.past[0, 0], ladder.past[1, 2] = 500, 700  # players 2 and 7
    ladder.self_play.tick()
    assert np.flatnonzero(ladder.table[0]).tolist() == [2, 7] == np.flatnonzero(ladder.table[1]).tolist()
    assert ladder.table[0, 2] == ladder.table[0, 7]
    for _ in range(50):
        ladder.self_play.take(matches(([0, 2], [1.0, 0.0]), ([7, 0], [1.0, 0.0])))
    ladder.self_play.tick()
    assert ladder.table[0, 7] > 20 * ladder.table[0, 2] > 0
    assert ladder.table[1, 7] == ladder.table[1, 2]


def test_a_version_begins_as_strong_as_its_policy_and_its_successor_in_the_pool_unmet(tmp_path):
    ladder = Ladder(tmp_path)
    ladder.self_play.take(matches(*[([0, 1], [1.0, 0.0])] * 20))
    strong = ladder.self_play.ratings[0, 0].elo
    ladder.past[0, 1] = 500
    ladder.self_play.tick()
    assert ladder.self_play.ratings[0, 500].elo == strong > 1000
    ladder.self_play.take(matches(*[([1, 3], [1.0, 0.0])] * 30))
    ladder.self_play.tick()
    weak = ladder.table[1, 3]
    ladder.past[0, 1] = 900
    ladder.self_play.tick()
    assert ladder.table[1, 3] > 5 * weak
    assert set(ladder.self_play.ratings) == {(0, 0), (1, 0), (0, 500), (0, 900)}


def test_ratings_are_kept_in_the_folder_and_in_the_summaries(tmp_path):
    ladder = Ladder(tmp_path)
    ladder.past[1, 0] = 500
    ladder.self_play.tick()
    ladder.self_play.take(matches(([0, 5], [3.0, 2.0]), ([0, 1], [1.0, 1.0])))
    ladder.self_play.close()
    assert Ladder(tmp_path).self_play.ratings == ladder.self_play.ratings
    entries = json.loads((tmp_path / FILE_NAME).read_text())
    assert [(entry["policy"], entry["env_steps"]) for entry in entries] == [(0, None), (1, None), (1, 500)]
    assert ladder.summaries[0, "self_play/elo"] > 1000 > ladder.summaries[1, "self_play/elo_past_01"]
    assert ladder.summaries[0, "self_play/score_against_past"] == 1.0


def test_with_more_than_two_agents_every_pair_of_players_is_a_match(tmp_path):
    ladder = Ladder(tmp_path)
    ladder.self_play.take(matches(([0, 0, 1, 1], [1.0, 1.0, 0.0, 2.0])))
    assert ladder.self_play.ratings[0, 0].matches == 4
    assert ladder.self_play.ratings[0, 0].elo == pytest.approx(1000, abs=0.3)


# ---- in a run


def wired(folder: Path, **options: Any) -> Wiring:
    defaults = {
        "env": "meeting_3",
        "num_policies": 2,
        "batch_size": 256,
        "self_play_pool_size": 2,
        "self_play_save_every": 2000,
        "self_play_past_share": 0.5,
        "train_for_env_steps": 12000,
    }
    config = config_of(folder, **{**defaults, **options})
    facts, plan, policy = look(config, {}, [])
    return wire(config, folder, plan, facts, policy, 1, {})


def run(wiring: Wiring, folder: Path, is_serial: bool) -> Status:
    telemetry = Telemetry(folder, 2, 50, 20, 10**9, PlainConsole())
    self_play = make_self_play(wiring, telemetry)
    assert self_play is not None

    def ending(monitor: Monitor) -> Status | None:
        return Status.SUCCESS if monitor.has_frames(12000) else None

    if is_serial:
        return run_serial(wiring, telemetry, ending, [self_play])
    return run_parallel(wiring, telemetry, (), ending, lambda: False, [self_play])


@pytest.fixture
def _start_server() -> Any:
    yield
    end_start_server()


@pytest.mark.parametrize("inference", ["inline", "policy_workers"])
@pytest.mark.parametrize("is_serial", [True, False])
def test_past_versions_play_in_every_mode(tmp_path, inference, is_serial, _start_server):
    wiring = wired(tmp_path, inference=inference, serial_mode=is_serial)
    assert run(wiring, tmp_path, is_serial) == Status.SUCCESS
    samples = wiring.arena["policy_samples"].sum(axis=0)
    assert (samples > 0).all() and samples[2:].sum() > 0.1 * samples.sum()
    kept = np.sort(wiring.arena[PAST_ENV_STEPS], axis=1)
    assert (kept[:, 0] >= 8000).all() and (kept[:, 1] >= 10000).all()
    for policy in range(2):
        files = sorted((checkpoint_folder(tmp_path, policy) / FOLDER).glob("*.pth"))
        assert [int(file.stem.split("_")[2]) for file in files] == kept[policy].tolist()
    entries = json.loads((tmp_path / FILE_NAME).read_text())
    assert {entry["env_steps"] is None for entry in entries} == {True, False}
    assert all(entry["matches"] > 0 for entry in entries if entry["env_steps"] is None)


def test_what_past_versions_do_is_not_trained_on(tmp_path):
    """They act with weights of version 1,000,000, which no batch may contain."""
    wiring = wired(tmp_path, num_policies=1, self_play_past_share=1.0, self_play_save_every=10**9)
    past = Weights(wiring.arena, 1)
    past.slot_to_write()[:] = 0
    past.publish(1_000_000)
    wiring.arena["matchmaking"][0] = (0, 1, 0)
    reports = NoReports()
    learner = LearnerWorker(
        LearnerSetup(**learner_arguments(wiring, 0)), Slot(wiring.arena, 0), reports, lambda _: None
    )
    seen: list[torch.Tensor] = []
    train = learner._learner.train
    learner._learner.train = lambda batch, wanted: (  # type: ignore[method-assign]
        seen.append(batch.versions[batch.own & batch.valid]),
        train(batch, wanted),
    )[1]
    setup = wiring.rollout_setup(1)
    workers = [setup.build(index, Slot(wiring.arena, 1), reports) for index in range(wiring.plan.num_workers)]
    foreign = 0
    for _ in range(800):
        for worker in workers:
            worker.advance()
        learner.advance()
        foreign += int((block_view(wiring.arena, wiring.schema, 0).policy_ids == 1).sum())
    assert foreign > 0 and len(seen) > 5
    assert all(int(versions.max()) < 1_000_000 for versions in seen)
    for worker in workers:
        worker.report(np.inf)
        worker.close()
    assert {kind for kind, _ in reports.sent} >= {"matches", "episodes"}
    players = {player for kind, data in reports.sent if kind == "episodes" for player, *_ in data["episodes"]}
    assert players == {0}


def test_a_resumed_run_has_the_same_pool(tmp_path):
    wiring = wired(tmp_path, self_play_pool_size=3)
    model = LearnerSetup(**learner_arguments(wiring, 1)).model.build()
    first = PastVersions(wiring.arena, wiring.schema, 1, tmp_path)
    for env_steps in (100, 200, 300, 400):
        torch.nn.init.constant_(model.value_head.bias, env_steps)
        first.keep(model, env_steps // 100, env_steps)
    assert sorted(wiring.arena[PAST_ENV_STEPS][1].tolist()) == [200, 300, 400]
    again = wired(tmp_path, self_play_pool_size=3)
    resumed = PastVersions(again.arena, again.schema, 1, tmp_path)
    for _ in range(2):  # a successor finds them playing already
        resumed.restore(LearnerSetup(**learner_arguments(again, 1)).model.build)
    assert sorted(again.arena[PAST_ENV_STEPS][1].tolist()) == [200, 300, 400]
    for player, env_steps in zip(again.schema.past_players(1), again.arena[PAST_ENV_STEPS][1], strict=True):
        found: list[np.ndarray] = []
        _, version = Weights(again.arena, player).read(lambda newest, found=found: found.append(newest.copy()))
        assert version == env_steps // 100 and (found[-1] == env_steps).any()


def test_a_damaged_version_does_not_play(tmp_path, caplog):
    wiring = wired(tmp_path)
    model = LearnerSetup(**learner_arguments(wiring, 0)).model.build()
    PastVersions(wiring.arena, wiring.schema, 0, tmp_path).keep(model, 1, 100)
    next((tmp_path / FOLDER).glob("*.pth")).write_bytes(b"nonsense")
    again = wired(tmp_path)
    PastVersions(again.arena, again.schema, 0, tmp_path).restore(lambda: model)
    assert not again.arena[PAST_ENV_STEPS].any() and "does not play" in caplog.text


def test_past_versions_need_somebody_to_play_against(tmp_path):
    with pytest.raises(ValueError, match="--self_play_pool_size=2 needs an environment with several agents"):
        wired(tmp_path, env="recall_3")
