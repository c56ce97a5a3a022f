"""What is compared: every case, its systems, their command lines and the settings worth trying. Does not run anything.

A case fixes what all systems must share: environment, frameskip, network, rollout and batch. A setting is what each
system may choose for itself (processes, environments per process, scheduling, threads). The first setting of a system
is the best one known on a 2-core machine; `--tune` tries all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks" / "peers"
VENVS = ROOT / ".venv-peers"

NEVER = "1000000000"  # the harness ends every run, none may end by itself


@dataclass(frozen=True)
class Setting:
    """One way to run a system."""

    name: str
    flags: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """A training system as it takes part in one case."""

    name: str
    command: tuple[str, ...]
    settings: tuple[Setting, ...]
    python_path: str | None = None  # a folder to import from besides the installed packages
    packages: tuple[str, ...] = ("torch", "numpy", "gymnasium")  # whose versions are reported

    @property
    def python(self) -> str:
        """The interpreter it runs under."""
        return self.command[0]

    def full_command(self, setting: Setting) -> list[str]:
        """The whole command line; `{run_dir}` in it stands for a folder of the run."""
        return [*self.command, *setting.flags]

    def environ(self, setting: Setting) -> dict[str, str]:
        """The environment to run in: ours, without what would make one system import another."""
        environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        if self.python_path is not None:
            environ["PYTHONPATH"] = self.python_path
        return {**environ, **setting.environ}


@dataclass(frozen=True)
class Case:
    """Systems doing the same work."""

    name: str
    what: str
    ours: System
    peers: tuple[System, ...]


def all_cases(python: str = sys.executable, device: str = "cpu") -> dict[str, Case]:
    """Every case by name; `python` runs this project's own engine, `device` is where all systems learn."""
    return {case.name: case for case in (_doom(python, device), _cartpole(python, device))}


# ---- doom: images, convolutions, a recurrent network, an expensive simulator


def _doom(python: str, device: str) -> Case:
    return Case(
        name="doom",
        what="VizDoom, a shipped scenario, 160x120 to 128x72, frameskip 4, 9 actions; convnet_simple, FC 512, GRU 512; "
        "rollout 32, batch 1024",
        ours=_our_engine(
            python,
            device,
            (
                "--env=doom_benchmark_shipped",
                "--use_rnn=True",
                "--rnn_type=gru",
                "--hidden_size=512",
                "--rollout=32",
                "--recurrence=32",
                "--batch_size=1024",
            ),
            (_ours(2, 64), _ours(2, 16), _ours(2, 8), _ours(2, 32), _ours(2, 16, splits=2), _ours(4, 8)),
            packages=("vizdoom", "opencv-python-headless"),
        ),
        peers=(
            _sample_factory2(
                device,
                (
                    "--env=doom_benchmark_shipped",
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
                    _sf2(2, 16, splits=1),
                    _sf2(4, 8),
                    _sf2(2, 16),
                    _sf2(2, 16, splits=1, batched=True),
                    _sf2(2, 16, splits=1, sync=True),
                    _sf2(2, 16, splits=1, sync=True, threads=None),
                    _sf2(1, 32, splits=1, batched=True, serial=True, threads=None),
                    _sf2(8, 8),
                    _sf2(4, 8, threads=None),
                ),
                packages=("vizdoom", "opencv-python"),
            ),
        ),
    )


# ---- cartpole: a simulator that costs nothing, so that what remains is the engine and a plain network


def _cartpole(python: str, device: str) -> Case:
    return Case(
        name="cartpole",
        what="Gymnasium CartPole-v1, single environments or Gymnasium's own batch, whichever is faster, no frameskip; "
        "MLP 512x512, no RNN; rollout 32, batch 4096",
        ours=_our_engine(
            python,
            device,
            (
                "--env=gym_CartPole-v1",
                "--encoder_type=mlp",
                "--encoder_subtype=mlp_mujoco",
                "--encoder_extra_fc_layers=0",
                "--hidden_size=512",
                "--use_rnn=False",
                "--rollout=32",
                "--recurrence=1",
                "--batch_size=4096",
            ),
            (_ours(2, 256), _ours(2, 64), _ours(2, 128), _ours(2, 512), _ours(2, 64, splits=2)),
        ),
        peers=(
            _sample_factory2(
                device,
                (
                    "--env=CartPole-v1",
                    "--encoder_mlp_layers",
                    "512",
                    "512",
                    "--use_rnn=False",
                    "--rollout=32",
                    "--recurrence=1",
                    "--batch_size=4096",
                ),
                (
                    _sf2_native_batch(2, 64),
                    _sf2_native_batch(2, 256),
                    _sf2(2, 64, splits=1, batched=True),
                    _sf2(2, 256, splits=1, batched=True),
                    _sf2_native_batch(1, 512),
                    _sf2(2, 64, splits=1),
                    _sf2(2, 128, splits=1, batched=True),
                    _sf2(1, 128, splits=1, batched=True),
                    _sf2(1, 128, splits=1, batched=True, serial=True),
                    _sf2(1, 128, splits=1, batched=True, serial=True, threads=None),
                    _sf2(2, 64, splits=1, batched=True, sync=True, threads=None),
                    _sf2(2, 32),
                    _sf2(2, 64, splits=1, batched=True, threads=None),
                ),
            ),
        ),
    )


# ---- command lines


def _our_engine(
    python: str, device: str, flags: tuple[str, ...], settings: tuple[Setting, ...], packages: tuple[str, ...] = ()
) -> System:
    return System(
        name="ours",
        command=(
            *(python, "-m", "sample_factory.algorithms.appo.train_appo", "--algo=APPO", f"--device={device}"),
            *("--train_dir={run_dir}", "--experiment=benchmark", "--with_wandb=False"),
            *(f"--train_for_seconds={NEVER}", f"--train_for_env_steps={NEVER}0"),
            *flags,
        ),
        settings=settings,
        python_path=str(ROOT),
        packages=("torch", "numpy", "gymnasium", *packages),
    )


def _ours(workers: int, envs: int, splits: int = 1) -> Setting:
    # No thread count here: the engine plans its own.
    return Setting(
        f"{workers}x{envs}, splits {splits}",
        (f"--num_workers={workers}", f"--num_envs_per_worker={envs}", f"--worker_num_splits={splits}"),
    )


def _sample_factory2(
    device: str, flags: tuple[str, ...], settings: tuple[Setting, ...], packages: tuple[str, ...] = ()
) -> System:
    return System(
        name="sample_factory2",
        command=(
            *(str(VENVS / "sample_factory2/bin/python"), str(PEERS / "sample_factory2.py"), f"--device={device}"),
            *("--train_dir={run_dir}", "--experiment=benchmark", "--with_wandb=False", "--log_to_file=False"),
            *(f"--train_for_seconds={NEVER}", f"--train_for_env_steps={NEVER}0"),
            # Our engine does neither by default, and leaving them out only makes the peer faster.
            *("--normalize_input=False", "--normalize_returns=False"),
            *flags,
        ),
        settings=settings,
        packages=("sample-factory", "torch", "numpy", "gymnasium", *packages),
    )


def _sf2(
    workers: int,
    envs: int,
    *,
    splits: int = 2,
    threads: int | None = 1,
    sync: bool = False,
    batched: bool = False,
    serial: bool = False,
) -> Setting:
    flags = [f"--num_workers={workers}", f"--num_envs_per_worker={envs}", f"--worker_num_splits={splits}"]
    notes = [f"{workers}x{envs}", f"splits {splits}"]
    for wanted, note, extra in (
        (sync or serial, "sync", "--async_rl=False"),
        (batched, "batched", "--batched_sampling=True"),
        (serial, "serial", "--serial_mode=True"),
    ):
        if wanted:
            notes.append(note)
            flags.append(extra)
    if threads is None:
        notes.append("free threads")
    environ = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    return Setting(", ".join(notes), tuple(flags), environ)


def _sf2_native_batch(workers: int, rows: int) -> Setting:
    """Gymnasium's own vector environment instead of a list of single ones, which ours uses where there is one."""
    base = _sf2(workers, 1, splits=1, batched=True)
    return Setting(f"{workers}x{rows} native batch", (*base.flags, f"--env=batch{rows}_CartPole-v1"), base.environ)
