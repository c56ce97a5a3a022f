"""Training on Atari: lost lives reach the learner as ends that cost no step. Knows no rules of the games."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("ale_py")

from sample_factory.algorithms.appo.tests.pipeline import SMALL, Pipeline
from sample_factory.algorithms.appo.tests.test_on_policy import deviations
from sample_factory.algorithms.appo.train_appo import main
from sample_factory.rl.returns import gae, vtrace
from sample_factory.system.checkpoints import CheckpointStore

GAMMA = 0.99


def test_a_lost_life_forgets_and_bootstraps_nothing_but_stays_a_step_to_learn_from(tmp_path):
    pipeline = Pipeline(tmp_path, env="atari_breakout", atari_preset="standard", use_rnn=True)
    for _ in range(20):
        batch = pipeline.collect()
        lost = batch.terminated & batch.resets
        if bool(lost[:-1].any()):
            break
        pipeline.batcher.release()
    assert bool(lost[:-1].any())
    assert bool(batch.valid[lost].all())
    found = deviations(pipeline, batch)  # the recurrent state was zeroed in acting exactly where it is in learning
    assert max(found.values()) < 1e-5, found
    values = torch.cat([batch.values, torch.full_like(batch.values[:1], 5.0)])
    flags = (batch.rewards, batch.terminated, batch.valid, batch.resets, values)
    advantages, returns = gae(*flags, gamma=GAMMA, gae_lambda=0.95)
    targets = vtrace(torch.zeros_like(batch.rewards), *flags, gamma=GAMMA)
    for result in (returns, targets.targets):
        torch.testing.assert_close(result[lost], batch.rewards[lost])
    torch.testing.assert_close(advantages[lost], (batch.rewards - batch.values)[lost])
    pipeline.close()


@pytest.mark.parametrize("options", [{}, {"atari_preset": "standard", "use_rnn": True}], ids=["v1", "standard"])
def test_a_short_training_on_the_family_defaults(tmp_path, options):
    network = {"hidden_size": 512, "encoder_subtype": "convnet_simple"}
    values = SMALL | network | {"env": "atari_breakout", "train_dir": tmp_path, "experiment": "atari"}
    values |= {"train_for_env_steps": 1024, **options}
    assert main([f"--{name}={value}" for name, value in values.items()]) == 0
    (path, *_) = CheckpointStore(tmp_path / "atari" / "checkpoint_p0", keep=1).checkpoints()
    assert torch.load(path, weights_only=True)["env_steps"] >= 1024
