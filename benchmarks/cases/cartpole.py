"""`cartpole`: a simulator that costs nothing, so that what remains is the engine and a plain network. Runs nothing."""

from __future__ import annotations

from benchmarks.cases.case import Case
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


def cartpole(python: str, device: str) -> Case:
    """The case."""
    return Case(
        name="cartpole",
        what="Gymnasium CartPole-v1, single environments or Gymnasium's own batch, whichever is faster, no frameskip; "
        "MLP 512x512, no RNN; rollout 32, batch 4096",
        ours=our_engine(
            python,
            device,
            (
                f"--env=gym_{_ENV}",
                "--encoder_type=mlp",
                "--encoder_subtype=mlp_mujoco",
                "--encoder_extra_fc_layers=0",
                "--hidden_size=512",
                "--use_rnn=False",
                "--rollout=32",
                "--recurrence=1",
                "--batch_size=4096",
            ),
            (ours(2, 256), ours(2, 64), ours(2, 128), ours(2, 512), ours(2, 64, splits=2)),
        ),
        peers=(
            sample_factory2(
                device,
                (
                    f"--env={_ENV}",
                    "--encoder_mlp_layers",
                    "512",
                    "512",
                    "--use_rnn=False",
                    "--rollout=32",
                    "--recurrence=1",
                    "--batch_size=4096",
                ),
                (
                    sf2_native_batch(2, 64, "gymnasium", _ENV),
                    sf2_native_batch(2, 256, "gymnasium", _ENV),
                    sf2(2, 64, splits=1, batched=True),
                    sf2(2, 256, splits=1, batched=True),
                    sf2_native_batch(1, 512, "gymnasium", _ENV),
                    sf2(2, 64, splits=1),
                    sf2(2, 128, splits=1, batched=True),
                    sf2(1, 128, splits=1, batched=True),
                    sf2(1, 128, splits=1, batched=True, serial=True),
                    sf2(1, 128, splits=1, batched=True, serial=True, threads=None),
                    sf2(2, 64, splits=1, batched=True, sync=True, threads=None),
                    sf2(2, 32),
                    sf2(2, 64, splits=1, batched=True, threads=None),
                ),
            ),
            sb3(
                device,
                (f"--env={_ENV}", "--layers", "512", "512", "--rollout=32", "--batch_size=4096"),
                (
                    sb3_setting("gymnasium", 128, 2),
                    sb3_setting("gymnasium", 128, 1),
                    sb3_setting("gymnasium", 256, 2),
                    sb3_setting("dummy", 32, 2),
                    sb3_setting("dummy", 128, 2),
                    sb3_setting("dummy", 32, 1),
                    sb3_setting("subproc", 8, 2),
                ),
            ),
            pufferlib(
                device,
                (f"--env={_ENV}", "--layers", "512", "512", "--rollout=32", "--batch_size=4096"),
                (
                    puffer_setting("serial", 128, threads=2),
                    puffer_setting("serial", 128),
                    puffer_setting("serial", 512, threads=2),
                    puffer_setting("multiprocessing", 128, workers=2),
                    puffer_setting("multiprocessing", 128, workers=1),
                ),
            ),
        ),
        work=Work(
            backends=(Backend(f"gym_{_ENV}"),),
            num_envs=(64, 256, 1024),
            network=Network(layers=(512, 512)),
            rollout=32,
            batch_size=4096,
            inference_rows=(64, 256, 1024),
        ),
    )
