"""When a policy counts as good, and how systems are compared."""

from __future__ import annotations

import time

from benchmarks.time_to_reward import Finish, Summaries, Watch, races, summary
from sample_factory.system.summaries import SummaryWriter


def _lines(frames: int, reward: float) -> str:
    return f"Fps is 1. Total num frames: {frames}. Samples: 1\nAvg episode reward: [(0, '{reward}')]\n"


def test_only_three_good_lines_in_a_row_count_and_the_first_of_them_ends_the_time():
    watch = Watch(475)
    for seconds, reward in enumerate((500.0, 20.5, 480.0, 476.0)):
        watch.read(_lines(100 * seconds, reward), seconds)
        assert watch.reached is None
    watch.read(_lines(400, 475.0), 4.0)
    assert watch.reached == (2, 200) and watch.reward == 475


def test_lines_may_come_in_pieces():
    watch = Watch(-1)
    text = "".join(_lines(7, -0.5) for _ in range(3))
    for letter in text:
        watch.read(letter, 3.0)
    assert watch.reached == (3.0, 7) and watch.reward == -0.5


def test_summaries_are_read_as_they_grow(tmp_path):
    folder = tmp_path / "0"
    summaries = Summaries(folder)
    assert summaries.new() == []
    folder.mkdir()
    writer = SummaryWriter(folder)
    for step, reward in ((100, 20.0), (200, 480.0)):
        writer.scalar("0_aux/avg_reward", reward, step)
    writer.flush()
    assert [(report.frames, report.reward) for report in summaries.new()] == [(100, 20.0), (200, 480.0)]
    assert summaries.new() == []
    writer.scalar("0_aux/avg_reward", 490.0, 300)
    writer.flush()
    (last,) = summaries.new()
    assert (last.frames, last.reward) == (300, 490.0) and abs(last.seconds - time.time()) < 60
    writer.close()


def test_a_run_that_never_gets_there_is_the_slowest():
    def finish(system: str, seed: int, seconds: float | None) -> Finish:
        return Finish("cartpole", system, seed, seconds, 1000, 480.0, [])

    runs = [finish("ours", seed, 10.0) for seed in (1, 2, 3)]
    runs += [finish("sb3", 1, 20.0), finish("sb3", 2, 30.0), finish("sb3", 3, None)]
    assert "3.00x ours" in summary(runs)[1] and "(20.0 to inf" in summary(runs)[1]


def test_our_command_has_no_end_of_its_own():
    for race in races("python").values():
        ours = race.systems[0]
        assert ours.name == "ours" and not any("train_for_env_steps" in part for part in ours.command)
