"""Tests of the sentence that names what limits a run: one situation per rule."""

import pytest

from sample_factory.system.limits import ComponentShare, bottleneck


def shares(*components: ComponentShare) -> dict[str, ComponentShare]:
    return {component.name: component for component in components}


def rollout(environments: float, inference: float = 0.0, **waiting: float) -> ComponentShare:
    return ComponentShare(
        "rollout worker",
        {"environments": environments, "inference": inference},
        {name.replace("_", " "): fraction for name, fraction in waiting.items()},
    )


def learner(busy: float, idle: float) -> ComponentShare:
    return ComponentShare("learner", {"batching": 0.1, "training": busy - 0.1}, {"rollout worker": idle})


def test_nothing_is_claimed_without_measurements():
    assert bottleneck({}) == ""
    assert bottleneck(shares(learner(0.5, 0.5))) == ""


def test_busy_learner_that_sampling_waits_for():
    sentence = bottleneck(shares(rollout(0.3, 0.1, learner=0.6), learner(0.92, 0.05)))
    assert sentence.startswith("learner (92 % busy): sampling waits for it 60 % of the time")
    assert "--batch_size" in sentence


def test_overloaded_policy_workers():
    sentence = bottleneck(
        shares(rollout(0.3, policy_worker=0.6), ComponentShare("policy worker", {"inference": 0.9}), learner(0.3, 0.7))
    )
    assert sentence.startswith("policy workers (90 % busy): rollout workers wait for actions 60 % of the time")
    assert "--policy_workers_per_policy" in sentence


def test_idle_policy_workers_mean_latency_not_load():
    sentence = bottleneck(
        shares(rollout(0.3, policy_worker=0.6), ComponentShare("policy worker", {"inference": 0.2}), learner(0.3, 0.7))
    )
    assert "--worker_num_splits=2" in sentence
    assert "--policy_workers_per_policy" not in sentence


@pytest.mark.parametrize(
    ("environments", "inference", "start"),
    [
        (0.8, 0.1, "environments: rollout workers spend 80 % of their time on it and the learner waits 70 %"),
        (0.2, 0.7, "inference: rollout workers spend 70 % of their time on it and the learner waits 70 %"),
    ],
)
def test_learner_that_waits_for_sampling(environments, inference, start):
    assert bottleneck(shares(rollout(environments, inference), learner(0.3, 0.7))).startswith(start)


@pytest.mark.parametrize(("wait", "idle", "longer"), [(0.55, 0.45, "learning"), (0.4, 0.6, "sampling")])
def test_alternating_sampling_and_learning_is_limited_by_the_cores(wait, idle, longer):
    sentence = bottleneck(shares(rollout(1 - wait, learner=wait), learner(1 - idle, idle)))
    assert sentence.startswith("sampling and learning take turns")
    assert f"{longer} is the longer part" in sentence


def test_sampling_alone_is_limited_by_what_it_does_most():
    assert bottleneck(shares(rollout(0.95))).startswith("environments: rollout workers spend 95 %")


def test_small_waits_are_not_blamed_on_anyone():
    sentence = bottleneck(shares(rollout(0.8, 0.05, learner=0.15), learner(0.9, 0.1)))
    assert sentence.startswith("balanced")
