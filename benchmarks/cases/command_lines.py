"""Command lines of the systems, and of their settings. Knows no case."""

from __future__ import annotations

from benchmarks.cases.case import PEERS, ROOT, VENVS, Setting, System

_NEVER = "1000000000"  # the harness ends every run, none may end by itself


# ---- our engine


def our_engine(
    python: str, device: str, flags: tuple[str, ...], settings: tuple[Setting, ...], packages: tuple[str, ...] = ()
) -> System:
    """Training; `flags` are what the case fixes."""
    return train("ours", python, device, flags, settings, packages)


def train(
    name: str,
    python: str,
    device: str,
    flags: tuple[str, ...],
    settings: tuple[Setting, ...],
    packages: tuple[str, ...] = (),
) -> System:
    """Training with our engine, by another name where it is compared with itself."""
    return System(
        name=name,
        command=(
            *(python, "-m", "sample_factory.algorithms.appo.train_appo", "--algo=APPO", f"--device={device}"),
            *("--train_dir={run_dir}", "--experiment=benchmark", "--with_wandb=False"),
            *(f"--train_for_seconds={_NEVER}", f"--train_for_env_steps={_NEVER}0"),
            *flags,
        ),
        settings=settings,
        python_path=str(ROOT),
        packages=("torch", "numpy", "gymnasium", *packages),
    )


def ours(workers: int, envs: int, splits: int = 1, note: str = "", flags: tuple[str, ...] = ()) -> Setting:
    """`note` names what `flags` choose besides."""
    # No thread count here: the engine plans its own.
    return Setting(
        ", ".join(filter(None, (f"{workers}x{envs}", f"splits {splits}", note))),
        (f"--num_workers={workers}", f"--num_envs_per_worker={envs}", f"--worker_num_splits={splits}", *flags),
    )


def our_sampler(python: str, settings: tuple[Setting, ...], packages: tuple[str, ...]) -> System:
    """The sampler with random actions, a worker for each core."""
    return System(
        name="ours",
        command=(
            *(python, "-m", "sample_factory.run_algorithm", "--algo=DUMMY_SAMPLER", f"--timeout_seconds={_NEVER}"),
            *("--train_dir={run_dir}", "--experiment=benchmark"),
        ),
        settings=settings,
        python_path=str(ROOT),
        packages=("numpy", "gymnasium", *packages),
    )


def loops(python: str, settings: tuple[Setting, ...], packages: tuple[str, ...]) -> System:
    """Environments of ours in bare loops, one for each core."""
    return System(
        name="bare_loops",
        command=(python, "-m", "benchmarks.loops"),
        settings=settings,
        python_path=str(ROOT),
        packages=("numpy", "gymnasium", *packages),
    )


# ---- Sample Factory 2


def sample_factory2(
    device: str, flags: tuple[str, ...], settings: tuple[Setting, ...], packages: tuple[str, ...] = ()
) -> System:
    """`flags` are what the case fixes."""
    return System(
        name="sample_factory2",
        command=(
            *(*_peer("sample_factory2"), f"--device={device}"),
            *("--train_dir={run_dir}", "--experiment=benchmark", "--with_wandb=False", "--log_to_file=False"),
            *(f"--train_for_seconds={_NEVER}", f"--train_for_env_steps={_NEVER}0"),
            # Our engine does neither by default, and leaving them out only makes the peer faster.
            *("--normalize_input=False", "--normalize_returns=False"),
            *flags,
        ),
        settings=settings,
        packages=("sample-factory", "torch", "numpy", "gymnasium", *packages),
    )


def sf2(
    workers: int,
    envs: int,
    *,
    splits: int = 2,
    threads: int | None = 1,
    sync: bool = False,
    batched: bool = False,
    serial: bool = False,
) -> Setting:
    """`threads` of each process; None leaves them to torch."""
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


def sf2_native_batch(
    workers: int, envs: int, how: str, env: str, *, sync: bool = False, serial: bool = False
) -> Setting:
    """All environments of a worker as one that steps them at once; `how`: gymnasium, envpool or games."""
    base = sf2(workers, 1, splits=1, batched=True, sync=sync, serial=serial, threads=None if serial else 1)
    notes = ", ".join(note for wanted, note in ((sync, "sync"), (serial, "serial, free threads")) if wanted)
    name = f"{workers}x{envs} native batch {how}" + (f", {notes}" if notes else "")
    return Setting(name, (*base.flags, f"--env=batch{envs}_{how}_{env}"), base.environ)


# ---- Stable-Baselines3


def sb3(device: str, flags: tuple[str, ...], settings: tuple[Setting, ...], packages: tuple[str, ...] = ()) -> System:
    """`flags` are what the case fixes."""
    return System(
        name="sb3",
        command=(*_peer("sb3"), f"--device={device}", *flags),
        settings=settings,
        packages=("stable-baselines3", "torch", "numpy", "gymnasium", *packages),
    )


def sb3_setting(how: str, envs: int, threads: int) -> Setting:
    """`how`: dummy, subproc, or the name of a native batch."""
    return Setting(
        f"{how} x{envs}, {threads} threads",
        (f"--vector={how}", f"--num_envs={envs}", f"--threads={threads}"),
        {"OMP_NUM_THREADS": str(threads)},
    )


# ---- PufferLib


def pufferlib(
    device: str, flags: tuple[str, ...], settings: tuple[Setting, ...], packages: tuple[str, ...] = ()
) -> System:
    """`flags` are what the case fixes."""
    return System(
        name="pufferlib",
        command=(*_peer("pufferlib", "puffer"), f"--device={device}", *flags),
        settings=settings,
        packages=("pufferlib", "torch", "numpy", "gymnasium", *packages),
    )


def puffer_setting(how: str, envs: int, workers: int = 1, threads: int = 1) -> Setting:
    """`how`: serial or multiprocessing, which alone has workers."""
    return Setting(
        f"{how} x{envs}, {workers} workers, {threads} threads",
        (f"--vector={how}", f"--num_envs={envs}", f"--num_workers={workers}", f"--threads={threads}"),
        {"OMP_NUM_THREADS": str(threads)},
    )


# ---- EnvPool


def raw_envpool(flags: tuple[str, ...], settings: tuple[Setting, ...]) -> System:
    """EnvPool alone, stepped with random actions."""
    return System(
        name="envpool",
        command=(*_peer("envpool", "raw_envpool"), *flags),
        settings=settings,
        packages=("envpool", "numpy", "gymnasium"),
    )


def raw_envpool_setting(envs: int, batch: int, threads: int) -> Setting:
    """Synchronous where a batch is all environments."""
    how = "sync" if batch == envs else f"async, batch {batch}"
    return Setting(
        f"{how}, x{envs}, {threads} threads", (f"--num_envs={envs}", f"--batch={batch}", f"--threads={threads}")
    )


def _peer(venv: str, driver: str | None = None) -> tuple[str, str]:
    return str(VENVS / venv / "bin/python"), str(PEERS / f"{driver or venv}.py")
