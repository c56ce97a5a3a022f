"""`multi_agent`: two agents in every environment, both trained by one policy. Runs nothing."""

from __future__ import annotations

from benchmarks.cases.case import Case
from benchmarks.cases.command_lines import (
    our_engine,
    ours,
    sample_factory2,
    sb3,
    sb3_setting,
    sf2,
    sf2_native_batch,
)
from benchmarks.cases.work import Backend, Network, Work

_ENV = "meeting_4"


def multi_agent(python: str, device: str) -> Case:
    """The case."""
    return Case(
        name="multi_agent",
        what="two agents who meet on a 4x4 grid, many games at once in NumPy, 5 actions, each agent's step is a frame; "
        "MLP 64x64, no RNN; rollout 32, batch 2048",
        ours=our_engine(
            python,
            device,
            (
                f"--env={_ENV}",
                "--encoder_type=mlp",
                "--encoder_subtype=mlp_mujoco",
                "--encoder_extra_fc_layers=0",
                "--hidden_size=64",
                "--use_rnn=False",
                "--rollout=32",
                "--recurrence=1",
                "--batch_size=2048",
            ),
            (ours(1, 512), ours(2, 256), ours(2, 128), ours(2, 64), ours(2, 32), ours(2, 16)),
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
                    "--batch_size=2048",
                ),
                (
                    sf2_native_batch(1, 512, "games", _ENV),
                    sf2_native_batch(1, 128, "games", _ENV),
                    sf2_native_batch(2, 64, "games", _ENV),
                    sf2_native_batch(2, 16, "games", _ENV),
                    sf2_native_batch(1, 128, "games", _ENV, serial=True),
                    sf2(2, 16, splits=1),
                    sf2(2, 32, splits=1),
                    sf2(2, 16),
                ),
            ),
            sb3(
                device,
                (f"--env={_ENV}", "--layers", "64", "64", "--rollout=32", "--batch_size=2048"),
                (
                    sb3_setting("games", 512, 1),
                    sb3_setting("games", 256, 1),
                    sb3_setting("games", 64, 1),
                    sb3_setting("games", 64, 2),
                ),
            ),
        ),
        work=Work(
            backends=(Backend(_ENV),),
            num_envs=(32, 128, 512),
            network=Network(layers=(64, 64)),
            rollout=32,
            batch_size=2048,
            inference_rows=(64, 256, 1024),
        ),
    )
