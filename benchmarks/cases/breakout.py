"""`breakout`: images and convolutions, a fast simulator. Runs nothing."""

from __future__ import annotations

from benchmarks.cases.case import Case, Setting
from benchmarks.cases.command_lines import our_engine, ours, sample_factory2, sb3, sb3_setting, sf2, sf2_native_batch
from benchmarks.cases.work import Backend, Network, Work

ENV = "atari_breakout"
ALE = Backend(ENV, {"env_backend": "gymnasium", "atari_preset": "standard"})
ENVPOOL = Backend(ENV, {"env_backend": "envpool", "atari_preset": "standard"})


def breakout(python: str, device: str) -> Case:
    """The case."""
    return Case(
        name="breakout",
        what="Atari Breakout by ale-py or EnvPool, 84x84 gray, 4 images stacked, frameskip 4, lost lives end episodes; "
        "convnet_atari, FC 512, no RNN; rollout 32, batch 1024",
        ours=our_engine(
            python,
            device,
            (
                f"--env={ENV}",
                "--atari_preset=standard",
                "--encoder_subtype=convnet_atari",
                "--hidden_size=512",
                "--use_rnn=False",
                "--rollout=32",
                "--recurrence=1",
                "--batch_size=1024",
            ),
            (
                _ours(32, "gymnasium"),
                _ours(64, "envpool"),
                _ours(64, "gymnasium"),
                _ours(32, "envpool"),
                _ours(16, "envpool"),
                _ours(16, "gymnasium"),
            ),
            packages=("ale-py", "envpool", "opencv-python-headless"),
        ),
        peers=(
            sample_factory2(
                device,
                (
                    f"--env={ENV}",
                    "--env_frameskip=4",
                    "--obs_scale=255.0",
                    "--encoder_conv_architecture=convnet_atari",
                    "--encoder_conv_mlp_layers",
                    "512",
                    "--use_rnn=False",
                    "--rollout=32",
                    "--recurrence=1",
                    "--batch_size=1024",
                ),
                (
                    sf2(2, 16),
                    sf2(2, 16, splits=1),
                    sf2_native_batch(1, 32, "envpool", ENV, serial=True),
                    sf2_native_batch(2, 16, "envpool", ENV),
                    sf2_native_batch(2, 32, "envpool", ENV),
                    sf2(2, 16, splits=1, batched=True),
                    sf2(4, 8),
                    sf2(2, 16, splits=1, sync=True),
                    sf2(2, 16, splits=1, sync=True, threads=None),
                    sf2(1, 32, splits=1, batched=True, serial=True, threads=None),
                    sf2(8, 8),
                ),
                packages=("ale-py", "envpool", "opencv-python"),
            ),
            sb3(
                device,
                (
                    f"--env={ENV}",
                    *("--convolutions", "32,8,4", "64,4,2", "64,3,1"),
                    *("--layers", "512", "--rollout=32", "--batch_size=1024", "--frameskip=4"),
                ),
                (
                    sb3_setting("envpool", 32, 2),
                    sb3_setting("ale", 32, 2),
                    sb3_setting("ale", 64, 2),
                    sb3_setting("subproc", 8, 2),
                    sb3_setting("dummy", 32, 2),
                    sb3_setting("dummy", 32, 1),
                ),
                packages=("ale-py", "envpool", "opencv-python-headless"),
            ),
        ),
        work=Work(
            backends=(ALE, ENVPOOL),
            num_envs=(16, 64),
            network=Network(convolutions=((32, 8, 4), (64, 4, 2), (64, 3, 1)), layers=(512,)),
            rollout=32,
            batch_size=1024,
        ),
    )


def _ours(envs: int, backend: str) -> Setting:
    return ours(2, envs, note=backend, flags=(f"--env_backend={backend}",))
