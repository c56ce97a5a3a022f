"""The learner's options do what they say, and its statistics are complete."""

from __future__ import annotations

import copy
import dataclasses
import math
import subprocess
import sys

import pytest
import torch

from sample_factory.algorithms.appo.tests.pipeline import Pipeline
from sample_factory.system import liveness

STATISTICS = {
    *("loss", "policy_loss", "value_loss", "exploration_loss", "kl_loss", "valids_fraction", "value", "entropy"),
    *("adv_min", "adv_max", "adv_std", "max_abs_logprob", "kl_divergence", "kl_divergence_max", "value_delta"),
    *("value_delta_max", "fraction_clipped", "ratio_mean", "ratio_min", "ratio_max", "grad_norm", "lr"),
    *("same_policy_fraction", "adam_max_second_moment", "num_sgd_steps"),
}
ACTIONS = {"action_mean", "action_mean_min", "action_mean_max"}


def first_update(tmp_path, **options):
    """Statistics of the first iteration, and its pipeline."""
    pipeline = Pipeline(tmp_path, **{"env": "case_discrete", **options})
    return pipeline.learner.train(pipeline.collect(), True), pipeline


@pytest.mark.parametrize("env", ["case_discrete", "case_box1", "case_tuple", "case_masked"])
@pytest.mark.parametrize("with_vtrace", [True, False])
def test_statistics_are_complete_and_finite(tmp_path, env, with_vtrace):
    statistics, _ = first_update(tmp_path, env=env, with_vtrace=with_vtrace)
    expected = STATISTICS | (ACTIONS if env in ("case_box1", "case_tuple") else set())
    assert statistics.keys() == expected
    assert all(math.isfinite(value) for value in statistics.values())
    assert statistics["num_sgd_steps"] == 1 and 0 < statistics["valids_fraction"] < 1


def test_statistics_are_only_computed_when_asked_for(tmp_path):
    pipeline = Pipeline(tmp_path, env="case_discrete")
    assert pipeline.learner.train(pipeline.collect(), False) == {}


@pytest.mark.parametrize(("epochs", "batches"), [(1, 1), (3, 1), (2, 2)])
def test_every_minibatch_of_every_epoch_is_an_update(tmp_path, epochs, batches):
    _, pipeline = first_update(tmp_path, ppo_epochs=epochs, num_batches_per_iteration=batches, batch_size=64)
    assert pipeline.learner.train_step == epochs * batches


@pytest.mark.parametrize(("scale", "clip", "expected"), [(1, 10, 1.0), (0.5, 10, 0.5), (4, 3, 3.0)])
def test_rewards_are_scaled_then_clipped(tmp_path, scale, clip, expected):
    pipeline = Pipeline(tmp_path, env="case_constant_truncated", reward_scale=scale, reward_clip=clip)
    batch = pipeline.collect()
    rewards = pipeline.learner._scaled_rewards(batch)
    assert torch.unique(rewards[batch.valid]).tolist() == [expected]


def test_a_reward_for_entropy_is_paid_for_decisions_only(tmp_path):
    pipeline = Pipeline(tmp_path, env="case_constant_truncated", max_entropy_coeff=2.0)
    batch = pipeline.collect()
    rewards = pipeline.learner._scaled_rewards(batch)
    log_probs = torch.log_softmax(batch.action_logits, -1)
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    assert torch.allclose(rewards[batch.valid], 1 + 2 * entropy[batch.valid])
    assert bool((rewards[~batch.valid] == 0).all())


def test_the_gradient_is_scaled_down_to_its_limit(tmp_path):
    """The first step of Adam hides the size of the gradient; its second moment does not."""
    free, _ = first_update(tmp_path, max_grad_norm=0)
    limited, _ = first_update(tmp_path, max_grad_norm=free["grad_norm"] / 10)
    ratio = limited["adam_max_second_moment"] / free["adam_max_second_moment"]
    assert ratio == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("schedule", ["constant", "kl_adaptive_minibatch", "kl_adaptive_epoch"])
def test_the_learning_rate_follows_its_schedule(tmp_path, schedule):
    """Nothing has changed before the first minibatch, so a divergence of 0 asks for more."""
    _, pipeline = first_update(tmp_path, lr_schedule=schedule, learning_rate=1e-4)
    expected = 1e-4 if schedule == "constant" else 1.5e-4
    assert pipeline.learner.learning_rate == pytest.approx(expected)


@pytest.mark.parametrize("option", ["exploration_loss_coeff", "value_loss_coeff", "kl_loss_coeff"])
def test_a_coefficient_of_zero_switches_its_loss_off(tmp_path, option):
    name = option.removesuffix("_coeff")
    (off, _), (on, _) = (first_update(tmp_path, **{option: value}) for value in (0.0, 0.1))
    assert off[name] == 0
    assert on[name] == 0 if option == "kl_loss_coeff" else on[name] != 0  # on policy there is no divergence yet


RETUNED = {
    "learning_rate": 0.01,
    "adam_beta1": 0.5,
    "adam_beta2": 0.9,
    "exploration_loss_coeff": 0.3,
    "value_loss_coeff": 2.0,
    "kl_loss_coeff": 0.5,
    "max_grad_norm": 0.01,
    "ppo_clip_ratio": 0.001,
    "ppo_clip_value": 0.001,
    "gamma": 0.5,
}


@pytest.mark.parametrize("with_vtrace", [True, False])
@pytest.mark.parametrize(("name", "value"), RETUNED.items())
def test_a_hyper_parameter_can_change_between_two_updates(tmp_path, name, value, with_vtrace):
    def trained(before: dict[str, float], after: dict[str, float]) -> torch.Tensor:
        pipeline = Pipeline(tmp_path, env="case_discrete", ppo_epochs=2, with_vtrace=with_vtrace, **before)
        learner, batch = pipeline.learner, pipeline.collect()
        start = copy.deepcopy(learner.state_dict())
        learner.train(copy.deepcopy(batch), False)
        learner.load_state_dict(start | {"optimizer": learner.state_dict()["optimizer"]})  # with moments of Adam
        learner.retune(dataclasses.replace(pipeline.config.learning, **after))
        learner.train(batch, False)
        return torch.cat([parameter.detach().flatten() for parameter in learner.model.parameters()])

    unchanged, changed = trained({}, {}), trained({}, {name: value})
    assert not torch.equal(unchanged, changed)
    pipeline = Pipeline(tmp_path, env="case_discrete", ppo_epochs=2, with_vtrace=with_vtrace, **{name: value})
    other = Pipeline(tmp_path, env="case_discrete", ppo_epochs=2, with_vtrace=with_vtrace)
    batch = other.collect()
    other.learner.retune(dataclasses.replace(other.config.learning, **{name: value}))
    for learner in (pipeline.learner, other.learner):  # the same as if it had been so from the beginning
        learner.train(copy.deepcopy(batch), False)
    for one, two in zip(pipeline.learner.model.parameters(), other.learner.model.parameters(), strict=True):
        assert torch.equal(one, two)


def test_retuning_leaves_a_learning_rate_to_its_schedule(tmp_path):
    pipeline = Pipeline(tmp_path, env="case_discrete", lr_schedule="kl_adaptive_epoch")
    learner, options = pipeline.learner, pipeline.config.learning
    learner.learning_rate = 0.007
    learner.retune(dataclasses.replace(options, gamma=0.9))
    assert learner.learning_rate == 0.007
    learner.retune(dataclasses.replace(options, learning_rate=0.5))
    assert learner.learning_rate == 0.5


def test_every_minibatch_is_a_sign_of_life(tmp_path):
    signs: list[int] = []
    pipeline = Pipeline(tmp_path, env="case_discrete", ppo_epochs=2, num_batches_per_iteration=3)
    batch = pipeline.collect()
    liveness.listen(lambda: signs.append(pipeline.learner.train_step))
    try:
        pipeline.learner.train(batch, False)
    finally:
        liveness.listen(lambda: None)
    assert signs == list(range(pipeline.learner.train_step)) and len(signs) > 5


def test_slices_of_a_minibatch_give_the_gradient_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("sample_factory.algorithms.appo.plan._WORK_PER_SLICE", 1)

    def weights(num_slices: int) -> torch.Tensor:
        pipeline = Pipeline(tmp_path, env="case_tuple", use_rnn=True)
        learner = type(pipeline.learner)(
            pipeline.learner.model,
            pipeline.config.learning,
            pipeline.schema.rollout,
            bfloat16=False,
            seed=1,
            num_slices=num_slices,
        )
        learner.train(pipeline.collect(), False)
        return torch.cat([parameter.grad.flatten() for parameter in learner.model.parameters()])

    torch.testing.assert_close(weights(1), weights(3), rtol=1e-4, atol=1e-6)


def test_an_update_imports_neither_a_compiler_nor_an_algebra_system(tmp_path):
    """A second and a half of every start, and 100 MB of the learner."""
    script = (
        "import sys; from pathlib import Path; from sample_factory.algorithms.appo.tests.pipeline import Pipeline;"
        "Pipeline(Path(sys.argv[1]), env='case_discrete').iterate();"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.stdout.strip().endswith("[]"), ended.stdout + ended.stderr
