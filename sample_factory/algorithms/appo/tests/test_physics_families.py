"""MuJoCo tasks train from the command line with either simulator. Knows no physics."""

from __future__ import annotations

import pytest

from sample_factory.algorithms.appo.tests.pipeline import SMALL
from sample_factory.algorithms.appo.train_appo import main
from sample_factory.system.checkpoints import CheckpointStore

PACKAGES = {("mujoco", "gymnasium"): "mujoco", ("dmc", "gymnasium"): "dm_control"}


@pytest.mark.parametrize("backend", ["gymnasium", "envpool"])
@pytest.mark.parametrize("name", ["mujoco_hopper", "dmc_cartpole_swingup"])
def test_trains_for_a_moment(name, backend, tmp_path):
    package = PACKAGES.get((name.partition("_")[0], backend), "envpool")
    pytest.importorskip(package, reason=f"needs the {package} package")
    frameskip = 2 if name.startswith("dmc_") else 1
    options = SMALL | {
        "env": name,
        "env_backend": backend,
        "env_frameskip": frameskip,
        "use_rnn": False,
        "train_dir": tmp_path,
        "experiment": "run",
        "train_for_env_steps": 600 * frameskip,
    }
    assert main([f"--{option}={value}" for option, value in options.items()]) == 0
    _, step, frames = CheckpointStore(tmp_path / "run" / "checkpoint_p0", keep=1).checkpoints()[-1].stem.split("_")
    assert int(step) >= 2 and int(frames) >= 600 * frameskip
