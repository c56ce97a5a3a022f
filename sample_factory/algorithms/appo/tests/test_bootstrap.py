"""What the value function is taught where episodes end: nothing comes after an end, something after a cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo import learner as learner_module
from sample_factory.algorithms.appo.tests.pipeline import Pipeline

GAMMA, LENGTH = 0.9, 10
FOREVER = 1 / (1 - GAMMA)


class Estimator:
    """The real one, remembering what it returned."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.targets: list[torch.Tensor] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._real(*args, **kwargs)
        self.targets.append(result[0] if self._real.__name__ == "vtrace" else result[1])
        return result


def targets_of(tmp_path, monkeypatch, env: str, **options: Any):
    """Targets [T, B] with a value function that is 1 / (1 - gamma) everywhere, and the batch they belong to."""
    pipeline = Pipeline(tmp_path, env=env, gamma=GAMMA, gae_lambda=1.0, **options)
    with torch.no_grad():
        pipeline.learner.model.value_head.weight.zero_()
        pipeline.learner.model.value_head.bias.fill_(FOREVER)
    pipeline.publish()
    name = "vtrace" if pipeline.config.learning.with_vtrace else "gae"
    estimator = Estimator(getattr(learner_module, name))
    monkeypatch.setattr(learner_module, name, estimator)
    batch = pipeline.collect()
    pipeline.learner.train(batch, False)
    return estimator.targets[0], batch


@pytest.mark.parametrize("options", [{}, {"with_vtrace": False}, {"use_rnn": True, "inference": "policy_workers"}])
def test_a_cut_episode_is_worth_as_much_as_one_that_goes_on(tmp_path, monkeypatch, options):
    targets, batch = targets_of(tmp_path, monkeypatch, "case_constant_truncated", **options)
    assert int((~batch.valid).sum()) > 0 and not bool(batch.terminated.any())
    torch.testing.assert_close(targets[batch.valid], torch.full_like(targets[batch.valid], FOREVER))


@pytest.mark.parametrize("options", [{}, {"with_vtrace": False}, {"use_rnn": True, "inference": "policy_workers"}])
def test_nothing_comes_after_an_episode_that_ended(tmp_path, monkeypatch, options):
    targets, batch = targets_of(tmp_path, monkeypatch, "case_constant_terminated", **options)
    expected = torch.zeros_like(targets)
    for row in range(batch.num_rows):
        after = FOREVER  # beyond the rollout the value function is believed
        for step in reversed(range(len(targets))):
            after = 1.0 if batch.terminated[step, row] else 1 + GAMMA * after
            if not batch.valid[step, row]:
                after = 0.0  # the reset step; whatever is here, the step before it ended the episode
            expected[step, row] = after
    assert int(batch.terminated.sum()) > 0
    torch.testing.assert_close(targets[batch.valid], expected[batch.valid])
    first = batch.obs["obs"][:-1, :, 0]
    whole = (first == 0) & batch.valid & (torch.arange(len(targets))[:, None] + LENGTH <= len(targets))
    finite = (1 - GAMMA**LENGTH) / (1 - GAMMA)
    assert bool(whole.any())
    np.testing.assert_allclose(targets[whole].numpy(), finite, rtol=1e-5)
