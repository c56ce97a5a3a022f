"""`cartpole_small`: nothing costs anything, so all that is seen is overhead. Runs nothing."""

from __future__ import annotations

from benchmarks.cases.case import Case, Setting
from benchmarks.cases.command_lines import (
    our_engine,
    ours,
    puffer_setting,
    pufferlib,
    sample_factory2,
    sb3,
    sb3_setting,
    sf2,
    sf2_native_batch,
)
from benchmarks.cases.work import Backend, Network, Work

_ENV = "CartPole-v1"


def cartpole_small(python: str, device: str) -> Case:
    """The case."""
    return Case(
        name="cartpole_small",
        what="CartPole-v1 stepped in batches by Gymnasium or EnvPool, no frameskip; MLP 64x64, no RNN; rollout 32, "
        "batch 4096",
        ours=our_engine(
            python,
            device,
            (
                "--encoder_type=mlp",
                "--encoder_subtype=mlp_mujoco",
                "--encoder_extra_fc_layers=0",
                "--hidden_size=64",
                "--use_rnn=False",
                "--rollout=32",
                "--recurrence=1",
                "--batch_size=4096",
            ),
            (
                _ours(512, "gym", workers=1),
                _ours(512, "gym"),
                _ours(256, "gym"),
                _ours(64, "gym"),
                _ours(1024, "gym", workers=1),
                _ours(512, "envpool"),
                _ours(256, "envpool"),
                _ours(512, "envpool", workers=1),
                _ours(64, "envpool"),
            ),
            packages=("envpool",),
        ),
        peers=(
            sample_factory2(
                device,
                (
                    f"--env={_ENV}",
                    "--encoder_mlp_layers",
                    "64",
                    "64",
                    "--use_rnn=False",
                    "--rollout=32",
                    "--recurrence=1",
                    "--batch_size=4096",
                ),
                (
                    sf2_native_batch(1, 512, "gymnasium", _ENV),
                    sf2_native_batch(1, 1024, "gymnasium", _ENV),
                    sf2_native_batch(2, 256, "gymnasium", _ENV),
                    sf2_native_batch(2, 256, "envpool", _ENV),
                    sf2_native_batch(2, 64, "gymnasium", _ENV),
                    sf2_native_batch(2, 64, "envpool", _ENV),
                    sf2_native_batch(1, 128, "gymnasium", _ENV, serial=True),
                    sf2_native_batch(1, 512, "gymnasium", _ENV, serial=True),
                    sf2_native_batch(2, 256, "gymnasium", _ENV, sync=True),
                    sf2(2, 64, splits=1, batched=True),
                ),
            ),
            sb3(
                device,
                (f"--env={_ENV}", "--layers", "64", "64", "--rollout=32", "--batch_size=4096"),
                (
                    sb3_setting("gymnasium", 512, 1),
                    sb3_setting("gymnasium", 1024, 1),
                    sb3_setting("gymnasium", 128, 1),
                    sb3_setting("gymnasium", 128, 2),
                    sb3_setting("envpool", 128, 1),
                    sb3_setting("envpool", 512, 1),
                    sb3_setting("dummy", 128, 1),
                ),
                packages=("envpool",),
            ),
            pufferlib(
                device,
                (f"--env={_ENV}", "--layers", "64", "64", "--rollout=32", "--batch_size=4096"),
                (
                    puffer_setting("serial", 128, threads=2),
                    puffer_setting("serial", 512),
                    puffer_setting("serial", 128),
                    puffer_setting("multiprocessing", 128, workers=2),
                ),
            ),
        ),
        work=Work(
            backends=(Backend(f"gym_{_ENV}"), Backend(f"envpool_{_ENV}")),
            num_envs=(64, 256, 1024),
            network=Network(layers=(64, 64)),
            rollout=32,
            batch_size=4096,
            inference_rows=(64, 256, 1024),
        ),
    )


def _ours(envs: int, family: str, workers: int = 2) -> Setting:
    return ours(workers, envs, note=family, flags=(f"--env={family}_{_ENV}",))
