"""`half_cheetah`: continuous actions, a simulator that costs far more than the network. Runs nothing."""

from __future__ import annotations

from benchmarks.cases.case import Case, Setting
from benchmarks.cases.command_lines import our_engine, ours, sample_factory2, sb3, sb3_setting, sf2, sf2_native_batch
from benchmarks.cases.work import Backend, Network, Work

ENV = "mujoco_half_cheetah"
_PEER_ENV = "HalfCheetah-v4"  # the newest one of the Gymnasium that this peer needs


def half_cheetah(python: str, device: str) -> Case:
    """The case."""
    return Case(
        name="half_cheetah",
        what="MuJoCo HalfCheetah by Gymnasium or EnvPool, a step is a frame, 6 continuous actions; MLP 64x64 tanh; "
        "rollout 64, batch 1024, nothing normalised",
        ours=our_engine(
            python,
            device,
            (
                f"--env={ENV}",
                "--encoder_extra_fc_layers=0",
                "--hidden_size=64",
                "--nonlinearity=tanh",
                "--actor_critic_share_weights=True",
                "--use_rnn=False",
                "--rollout=64",
                "--recurrence=1",
                "--batch_size=1024",
                "--num_batches_per_iteration=1",
                "--ppo_epochs=1",
                "--normalize_input=False",
                "--normalize_returns=False",
                "--lr_schedule=constant",
            ),
            (
                _ours(64, "envpool"),
                _ours(16, "envpool"),
                _ours(16, "gymnasium"),
                _ours(8, "envpool"),
                _ours(64, "gymnasium"),
            ),
            packages=("mujoco", "envpool"),
        ),
        peers=(
            sample_factory2(
                device,
                (
                    f"--env={_PEER_ENV}",
                    "--encoder_mlp_layers",
                    "64",
                    "64",
                    "--nonlinearity=tanh",
                    "--adaptive_stddev=False",
                    "--use_rnn=False",
                    "--rollout=64",
                    "--recurrence=1",
                    "--batch_size=1024",
                ),
                (
                    sf2_native_batch(2, 16, "envpool", _PEER_ENV),
                    sf2_native_batch(2, 8, "envpool", _PEER_ENV),
                    sf2_native_batch(1, 16, "envpool", _PEER_ENV, serial=True),
                    sf2(2, 8, splits=1),
                    sf2(2, 8, splits=1, batched=True),
                    sf2(2, 16, splits=1, batched=True),
                    sf2(2, 8),
                    sf2(4, 8),
                    sf2(2, 8, splits=1, batched=True, sync=True, threads=None),
                    sf2(1, 16, splits=1, batched=True, serial=True, threads=None),
                    sf2(1, 16, splits=1, batched=True, serial=True),
                ),
                packages=("mujoco", "envpool"),
            ),
            sb3(
                device,
                (
                    "--env=HalfCheetah-v5",
                    *("--layers", "64", "64", "--activation=tanh", "--rollout=64", "--batch_size=1024"),
                ),
                (
                    sb3_setting("envpool", 16, 1),
                    sb3_setting("envpool", 16, 2),
                    sb3_setting("envpool", 64, 1),
                    sb3_setting("dummy", 16, 1),
                    sb3_setting("subproc", 4, 1),
                    sb3_setting("subproc", 8, 1),
                ),
                packages=("mujoco", "envpool"),
            ),
        ),
        work=Work(
            backends=(Backend(ENV, {"env_backend": "gymnasium"}), Backend(ENV, {"env_backend": "envpool"})),
            num_envs=(8, 16, 64),
            network=Network(layers=(64, 64), activation="tanh"),
            rollout=64,
            batch_size=1024,
        ),
    )


def _ours(envs: int, backend: str) -> Setting:
    return ours(2, envs, note=backend, flags=(f"--env_backend={backend}",))
