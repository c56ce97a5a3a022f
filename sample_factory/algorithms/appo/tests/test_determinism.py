"""Serial mode on the CPU: equal seeds give equal bits, also when a run is interrupted and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sample_factory.algorithms.appo.tests.pipeline import SMALL
from sample_factory.algorithms.appo.train_appo import main
from sample_factory.system.checkpoints import CheckpointStore

UPDATES, STEPS = 20, 64
VARIANTS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "rnn": {"use_rnn": True},
    "policy_workers": {"inference": "policy_workers", "policy_workers_per_policy": 2},
    "rnn_policy_workers": {"inference": "policy_workers", "use_rnn": True, "rnn_type": "lstm"},
    # Wide enough for fused kernels, with evaluations that need no gradient (GAE) between those that do.
    "fused": {"hidden_size": 4096, "with_vtrace": False, "recurrence": 1},
    "uneven": {"num_envs_per_worker": 3, "worker_num_splits": 1, "decorrelate_envs_on_one_worker": True},
    "everything": {
        "normalize_input": True,
        "normalize_returns": True,
        "lr_schedule": "kl_adaptive_epoch",
        "ppo_epochs": 2,
        "num_batches_per_iteration": 2,
        "with_vtrace": False,
        "use_rnn": True,
        "recurrence": 8,
    },
}


def run(folder: Path, experiment: str, frames: int, **options: Any) -> CheckpointStore:
    """A serial run; its checkpoints."""
    values = SMALL | {
        "env": "gym_CartPole-v1",
        "train_dir": folder,
        "experiment": experiment,
        "batch_size": STEPS,
        "train_for_env_steps": frames,
        "save_every_updates": UPDATES // 2,
        "keep_checkpoints": 100,
        **options,
    }
    assert main([f"--{name}={value}" for name, value in values.items()]) == 0
    return CheckpointStore(folder / experiment / "checkpoint_p0", keep=100)


def state_at(store: CheckpointStore, update: int) -> dict[str, Any]:
    """The first checkpoint at or after an update: an iteration may be several."""
    path = next(path for path in store.checkpoints() if int(path.name.split("_")[1]) >= update)
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def assert_same(left: Any, right: Any, where: str = "state") -> None:
    """Equal to the last bit."""
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), where
        for i, (one, other) in enumerate(zip(left, right, strict=True)):
            assert_same(one, other, f"{where}[{i}]")
    elif isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    else:
        assert left == right, where


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_resumed_run_is_the_same_as_one_that_ran_through(tmp_path, variant):
    options = VARIANTS[variant]
    frames = STEPS * (UPDATES + 4)  # a few are counted for steps that are left over
    through = run(tmp_path, "through", frames, **options)
    half, end = state_at(through, UPDATES // 2), state_at(through, UPDATES)

    resumed = run(tmp_path, "resumed", half["env_steps"], **options)
    assert_same(half, state_at(resumed, UPDATES // 2))  # two runs with the same seed
    assert resumed.checkpoints()[-1].name.startswith(f"checkpoint_{half['train_step']:09d}_")
    run(tmp_path, "resumed", end["env_steps"], **options)
    assert_same(end, state_at(resumed, UPDATES))


@pytest.mark.parametrize("variant", ["rnn", "rnn_policy_workers"])
def test_seeds_matter(tmp_path, variant):
    first, second = (
        state_at(run(tmp_path, f"seed{seed}", STEPS * 12, **VARIANTS[variant], seed=seed), UPDATES // 2)
        for seed in (1, 2)
    )
    weights = [state["model"]["value_head.weight"] for state in (first, second)]
    assert not torch.equal(*weights)


def test_equal_seeds_are_equal_without_checkpoints_on_the_way(tmp_path):
    """No barrier between the updates: whatever is left over of one iteration goes into the next."""
    options = {**VARIANTS["uneven"], "use_rnn": True, "save_every_updates": 0, "save_every_sec": 10000}
    states = []
    for name in ("one", "two"):
        found = run(tmp_path, name, STEPS * UPDATES, **options).load_latest()
        assert found is not None
        states.append(found[0])
    assert states[0]["train_step"] >= UPDATES - 2
    assert_same(*states)
