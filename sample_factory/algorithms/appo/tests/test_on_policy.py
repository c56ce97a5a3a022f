"""Fresh experience is on policy: what the learner computes from a batch is what was computed when acting."""

from __future__ import annotations

import pytest
import torch

from sample_factory.algorithms.appo.batch import Batch
from sample_factory.algorithms.appo.tests.pipeline import Pipeline
from sample_factory.algorithms.appo.tests.small_envs import ACTION_SPACES
from sample_factory.models.extensions import register_action_distribution, register_core
from sample_factory.models.tests.custom_parts import Beta, RunningMean
from sample_factory.rl import distributions
from sample_factory.rl.spaces import MASK_KEY

MEMORIES = {
    "none": {},
    "gru": {"use_rnn": True},
    "lstm": {"use_rnn": True, "rnn_type": "lstm"},
    "gru2": {"use_rnn": True, "rnn_num_layers": 2},
    "lstm2_separate": {
        "use_rnn": True,
        "rnn_type": "lstm",
        "rnn_num_layers": 2,
        "actor_critic_share_weights": False,
    },
    "separate": {"actor_critic_share_weights": False},
    "normalized": {"use_rnn": True, "normalize_input": True},
}


def deviations(pipeline: Pipeline, batch: Batch) -> dict[str, float]:
    """Largest differences on valid steps between acting and learning."""
    model, valid = pipeline.learner.model, batch.valid
    with torch.no_grad():
        logits, values = model.evaluate(batch.obs, batch.states[0], batch.resets)
    steps = pipeline.schema.rollout
    mask = batch.obs[MASK_KEY][:steps] if MASK_KEY in batch.obs else None
    log_probs = distributions.log_prob(model.layout, logits[:steps], batch.actions, mask)
    divergence = distributions.kl(model.layout, logits[:steps], batch.action_logits, mask)
    return {
        "ratio": float(((log_probs - batch.log_probs).exp() - 1)[valid].abs().max()),
        "kl": float(divergence[valid].abs().max()),
        "value": float((values[:steps] - batch.values)[valid].abs().max()),
    }


def train_once_and_collect(pipeline: Pipeline) -> Batch:
    """A batch of the weights after an update; the states in it have a past."""
    batch = pipeline.iterate()
    while True:
        batch = pipeline.collect()
        if int(batch.versions.min()) == pipeline.learner.train_step:
            return batch
        # Actions chosen before the update wait at step 0; they are not the ones that this is about.
        pipeline.batcher.release()


@pytest.mark.parametrize("inference", ["inline", "policy_workers"])
@pytest.mark.parametrize("memory", ["none", "gru"])
@pytest.mark.parametrize("space", list(ACTION_SPACES))
def test_ratios_are_one_for_every_action_space(tmp_path, space, memory, inference):
    check_on_policy(Pipeline(tmp_path, env=f"case_{space}", inference=inference, **MEMORIES[memory]))


@pytest.mark.parametrize("memory", [name for name in MEMORIES if name not in ("none", "gru")])
def test_ratios_are_one_for_every_kind_of_memory(tmp_path, memory):
    check_on_policy(Pipeline(tmp_path, env="case_tuple", inference="policy_workers", **MEMORIES[memory]))


@pytest.mark.parametrize("memory", ["none", "gru"])
@pytest.mark.parametrize("space", ["box1", "box2", "positive", "tuple"])
def test_ratios_are_one_for_a_custom_distribution(tmp_path, space, memory):
    """Zero is no action of the space "positive": steps that are not learnt from must not give NaN there."""
    register_action_distribution("test_beta", Beta)
    options = {"action_distribution_custom": "test_beta", **MEMORIES[memory]}
    pipeline = Pipeline(tmp_path, env=f"case_{space}", **options)
    check_on_policy(pipeline)
    assert all(bool(weights.isfinite().all()) for weights in pipeline.learner.model.state_dict().values())


@pytest.mark.parametrize("share", [True, False])
def test_ratios_are_one_for_a_custom_core(tmp_path, share):
    register_core("test_running_mean", RunningMean)
    options = {"core_custom": "test_running_mean", "actor_critic_share_weights": share}
    pipeline = Pipeline(tmp_path, env="case_discrete", **options)
    assert pipeline.schema.state_size == 4 * (1 if share else 2)
    check_on_policy(pipeline)


@pytest.mark.parametrize("space", ["discrete", "tuple"])
def test_ratios_are_one_in_chunks_shorter_than_the_rollout(tmp_path, space):
    """With GAE the learner backpropagates through chunks that start from recorded states."""
    options = {"with_vtrace": False, "recurrence": 4, "use_rnn": True}
    pipeline = Pipeline(tmp_path, env=f"case_{space}", **options)
    batch = train_once_and_collect(pipeline)
    assert batch.states.shape[0] == 5
    for chunk in range(4):
        steps = slice(chunk * 4, chunk * 4 + 4)
        obs = {name: tensor[steps] for name, tensor in batch.obs.items()}
        with torch.no_grad():
            logits, _ = pipeline.learner.model.evaluate(obs, batch.states[chunk], batch.resets[steps])
        log_probs = distributions.log_prob(pipeline.learner.model.layout, logits, batch.actions[steps])
        assert torch.allclose(log_probs, batch.log_probs[steps], atol=1e-5)


def test_forbidden_actions_are_never_taken(tmp_path):
    batch = Pipeline(tmp_path, env="case_masked").collect()
    mask = batch.obs[MASK_KEY][:-1]
    assert not bool(mask.all())
    assert bool((mask.gather(-1, batch.actions.long()) == 1).all())


def check_on_policy(pipeline: Pipeline) -> None:
    batch = train_once_and_collect(pipeline)
    # The cases that make it hard are all there: episodes that end and begin inside rollouts, in both ways.
    assert bool(batch.resets[:-1].any()) and bool(batch.terminated.any()) and not bool(batch.valid.all())
    found = deviations(pipeline, batch)
    assert found["ratio"] < 1e-5 and found["kl"] < 1e-5 and found["value"] < 1e-5, found
    statistics = pipeline.learner.train(batch, True)
    assert abs(statistics["ratio_min"] - 1) < 1e-5 and abs(statistics["ratio_max"] - 1) < 1e-5
    assert abs(statistics["kl_divergence_max"]) < 1e-5
    pipeline.close()
