"""Steps that are not to be learnt from have no influence, whatever is in their memory."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo.tests.pipeline import Pipeline

FOREIGN = 3
VARIANTS: dict[str, dict[str, Any]] = {
    "vtrace": {},
    "vtrace_rnn": {"use_rnn": True},
    "gae": {"with_vtrace": False},
    "gae_rnn": {"with_vtrace": False, "use_rnn": True, "recurrence": 4},
    "cpc": {"use_rnn": True, "use_cpc": True, "cpc_time_subsample": 8},
    "everything": {
        "use_rnn": True,
        "kl_loss_coeff": 0.1,
        "max_entropy_coeff": 0.01,
        "normalize_input": True,
        "normalize_returns": True,
        "ppo_epochs": 2,
        "num_batches_per_iteration": 2,
        "lr_schedule": "kl_adaptive_epoch",
        "exploration_loss": "symmetric_kl",
    },
}
ACTED = ("actions", "action_logits", "log_probs")


def fill(array: np.ndarray, where: Any, rng: np.random.Generator) -> None:
    """Garbage: NaN in floats, anything in integers."""
    shape = array[where].shape
    if np.issubdtype(array.dtype, np.floating):
        array[where] = np.nan
    else:
        info = np.iinfo(array.dtype)
        array[where] = rng.integers(info.min, info.max, shape, array.dtype, endpoint=True)


def filled(pipeline: Pipeline) -> None:
    """Sample until every block that can be filled is waiting for the learner."""
    for _ in range(3 * pipeline.schema.rollout * pipeline.schema.blocks_per_group):
        pipeline.advance()


def trained(pipeline: Pipeline) -> dict[str, Any]:
    batch = pipeline.batcher.collect(pipeline.learner.train_step)
    assert batch is not None
    pipeline.learner.train(batch, False)
    return copy.deepcopy(pipeline.learner.state_dict())


def assert_same(left: Any, right: Any, where: str = "state") -> None:
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), where
        for i, (one, other) in enumerate(zip(left, right, strict=True)):
            assert_same(one, other, f"{where}[{i}]")
    elif isinstance(left, torch.Tensor):
        assert bool(torch.isfinite(left.float()).all()), f"{where} is not finite"
        assert torch.equal(left, right), where
    else:
        assert left == right, where


def spoil_invalid(pipeline: Pipeline, rng: np.random.Generator) -> None:
    """What was done and received on steps that only reset; their values are those of final observations."""
    arena = pipeline.arena
    invalid = ~arena["valid"]
    assert invalid.any()
    for name in (*ACTED, "rewards"):
        fill(arena[name], invalid, rng)


def make_foreign(pipeline: Pipeline) -> np.ndarray:
    """Let another policy act for some episodes: up to, or from, the first reset inside each odd row of each block."""
    arena = pipeline.arena
    blocks, steps, rows = arena["resets"].shape
    foreign = np.zeros((blocks, steps, rows), np.bool_)
    for block in range(blocks):
        for row in range(1, rows, 2):
            resets = np.flatnonzero(arena["resets"][block, :, row])
            if len(resets):  # the policy changes at the first observation of the new episode: after the reset step
                part = slice(0, resets[0] + 1) if block % 2 else slice(resets[0] + 1, steps)
                foreign[block, part, row] = True
    assert foreign.any() and not foreign.all(axis=1).all()
    arena["policy_ids"][foreign] = FOREIGN
    return foreign


def spoil_foreign(pipeline: Pipeline, foreign: np.ndarray, rng: np.random.Generator) -> None:
    """Everything that belongs to those episodes, their observations and recurrent states included."""
    arena, interval = pipeline.arena, pipeline.schema.state_interval
    for name in (*ACTED, "rewards", "values", "versions"):
        fill(arena[name], foreign, rng)
    last = foreign[:, -1] | (arena["resets"][:, -1] & (np.arange(foreign.shape[2]) % 2 == 1))
    bootstrap = np.concatenate([foreign, last[:, None]], axis=1)
    for name in pipeline.schema.keys:
        fill(arena[f"obs/{name}"], bootstrap, rng)
    fill(arena["states"], bootstrap[:, ::interval], rng)


@pytest.mark.parametrize("env", ["case_tuple", "case_masked", "case_multidiscrete", "case_mixed"])
@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize("spoilt", ["invalid", "foreign"])
def test_data_of_steps_that_are_not_this_policys_does_not_matter(tmp_path, env, variant, spoilt):
    if variant == "everything" and env == "case_tuple":
        pytest.skip("symmetric_kl needs categorical actions")
    rng = np.random.default_rng(0)
    states = []
    for is_spoilt in (False, True):
        pipeline = Pipeline(tmp_path, env=env, batch_size=64, **VARIANTS[variant])
        filled(pipeline)
        foreign = make_foreign(pipeline) if spoilt == "foreign" else None
        if is_spoilt and foreign is not None:
            spoil_foreign(pipeline, foreign, rng)
        elif is_spoilt:
            spoil_invalid(pipeline, rng)
        states.append(trained(pipeline))
    assert_same(*states)


@pytest.mark.parametrize("variant", ["vtrace_rnn", "gae_rnn"])
@pytest.mark.parametrize("reason", ["old", "foreign", "invalid"])
def test_whole_trajectories_are_left_out(tmp_path, variant, reason):
    """Some groups' experience is unusable; the batch comes from the others, bit for bit."""
    rng = np.random.default_rng(0)
    states = []
    for is_spoilt in (False, True):
        pipeline = Pipeline(tmp_path, env="case_tuple", batch_size=64, max_policy_lag=5, **VARIANTS[variant])
        filled(pipeline)
        arena = pipeline.arena
        blocks = list(pipeline.schema.blocks_of_group(0))
        pipeline.learner.train_step = 7
        arena["versions"][:] = 3
        arena["valid"][blocks] &= reason != "invalid"
        arena["policy_ids"][blocks] = FOREIGN if reason == "foreign" else 0
        if reason == "old":
            arena["versions"][np.array(blocks), 4] = 2  # one old step is enough
        if is_spoilt:
            for name in (*ACTED, "rewards", "values", "states", "obs/obs"):
                fill(arena[name], blocks, rng)
        states.append(trained(pipeline))
        assert pipeline.batcher.discarded_rows == (4 if reason == "old" else 0)
    assert_same(*states)
