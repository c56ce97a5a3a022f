"""`doom` and `doom_32`: images, convolutions, a recurrent network, an expensive simulator. Runs nothing."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cases.case import Case
from benchmarks.cases.command_lines import our_engine, ours, sample_factory2, sf2
from benchmarks.cases.work import Backend, Network, Work

_ENV = "doom_benchmark"


def doom(python: str, device: str) -> Case:
    """The case."""
    return Case(
        name="doom",
        what="VizDoom, own battle maps, 160x120 to 128x72, frameskip 4, 9 actions; convnet_simple, FC 512, GRU 512; "
        "rollout 32, batch 1024",
        ours=our_engine(
            python,
            device,
            (
                f"--env={_ENV}",
                "--use_rnn=True",
                "--rnn_type=gru",
                "--hidden_size=512",
                "--rollout=32",
                "--recurrence=32",
                "--batch_size=1024",
            ),
            (ours(2, 64), ours(2, 16), ours(2, 8), ours(2, 32), ours(2, 16, splits=2), ours(4, 8)),
            packages=("vizdoom", "opencv-python-headless"),
        ),
        peers=(
            sample_factory2(
                device,
                (
                    f"--env={_ENV}",
                    "--env_frameskip=4",
                    "--obs_scale=255.0",
                    "--encoder_conv_architecture=convnet_simple",
                    "--encoder_conv_mlp_layers",
                    "512",
                    "--use_rnn=True",
                    "--rnn_type=gru",
                    "--rnn_size=512",
                    "--rollout=32",
                    "--recurrence=32",
                    "--batch_size=1024",
                ),
                (
                    sf2(2, 16, splits=1),
                    sf2(4, 8),
                    sf2(2, 16),
                    sf2(2, 16, splits=1, batched=True),
                    sf2(2, 16, splits=1, sync=True),
                    sf2(2, 16, splits=1, sync=True, threads=None),
                    sf2(1, 32, splits=1, batched=True, serial=True, threads=None),
                    sf2(8, 8),
                    sf2(4, 8, threads=None),
                ),
                packages=("vizdoom", "opencv-python"),
            ),
        ),
        work=Work(
            backends=(Backend(_ENV),),
            num_envs=(8, 16, 32),
            network=Network(convolutions=((32, 8, 4), (64, 4, 2), (128, 3, 2)), layers=(512,), gru=512),
            rollout=32,
            batch_size=1024,
        ),
    )


def doom_32(python: str, device: str) -> Case:
    """The same with 32 games in every system, to compare memory."""
    case = doom(python, device)
    (peer,) = case.peers
    return replace(
        case,
        name="doom_32",
        what=f"{case.what}; 32 games",
        ours=replace(case.ours, settings=(ours(2, 16), ours(2, 16, splits=2), ours(4, 8))),
        peers=(replace(peer, settings=(sf2(2, 16, splits=1), sf2(2, 16), sf2(4, 8))),),
    )
