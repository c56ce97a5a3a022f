"""Makes `dmlab_*` environments known to the registry. Does not load DeepMind Lab until one is made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from sample_factory.config.experiment import experiment_dir
from sample_factory.envs.dmlab.actions import action_set
from sample_factory.envs.dmlab.instructions import make_encoder
from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots
from sample_factory.envs.dmlab.level_cache.handover import LevelCache
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.used_seeds import LevelSeeds
from sample_factory.envs.dmlab.levels import DMLAB_30, PREFIX, environment_names, find_level, level_paths
from sample_factory.envs.dmlab.options import DmlabOptions
from sample_factory.envs.dmlab.scores import DmlabScores
from sample_factory.envs.dmlab.tasks import Place, place_of
from sample_factory.envs.dmlab.temporary import sweep
from sample_factory.envs.registry import EnvFamily
from sample_factory.system.liveness import still_alive

_DEFAULT_FRAMESKIP = 4
_TEST_MIXER_SEED = 0x600D5EED
"""Makes the levels of an evaluation others than those of training, whatever their seeds; the one that IMPALA used."""
_NUM_PHOTOGRAPHS = 2400
_DUMMY_DATASET = "dummy"


def make(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None = None, render_mode: str | None = None
) -> Any:
    """Make one environment, which plays one of the levels of its name.

    Raises:
        ValueError: there is no such level, DeepMind Lab is not installed, or a level lacks its photographs.
    """
    from sample_factory.envs.dmlab.env import DmlabEnv, Play

    given: dict[str, Any] = {field.name: getattr(cfg, field.name, field.default) for field in fields(DmlabOptions)}
    options = DmlabOptions(**given)
    paths = level_paths(full_env_name)
    check_dataset(paths, options.dmlab30_dataset)
    config = env_config or {}
    place = _place(len(paths), options, cfg, config)
    path = paths[place.task]
    level = find_level(path)
    with_instructions = options.dmlab_with_instructions and not options.dmlab_throughput_benchmark
    play = Play(
        task=place.task,
        level=level.test_path if level is not None and options.dmlab_use_test_levels else path,
        name=path.rsplit("/", 1)[-1] if level is None else level.name,
        width=options.res_w,
        height=options.res_h,
        actions=action_set(options.dmlab_extended_action_set),
        encode=make_encoder(options.dmlab_vocabulary) if with_instructions else None,
        config=settings(options, config.get("vector_index", 0)),
        renderer=options.dmlab_renderer,
        frameskip=_DEFAULT_FRAMESKIP if cfg.env_frameskip is None else cfg.env_frameskip,
        channels_first=cfg.pixel_format == "CHW",
        acts_randomly=options.dmlab_throughput_benchmark,
    )
    store = None
    if options.dmlab_use_level_cache:
        store = _open_store(Path(options.dmlab_level_cache_path).expanduser(), options.dmlab_level_cache_max_gb)
    levels = LevelCache(store, CompileSlots(max_compiles(options), still_alive=still_alive))
    seeds = None
    if config.get("is_training", False):
        seeds = LevelSeeds(
            play.level,
            () if store is None else store.seeds(play.level),
            run_seed=getattr(cfg, "seed", None) or 0,
            env=place.number,
            num_envs=place.num_envs,
            folder=_experiment(cfg),
        )
    return DmlabEnv(play, seeds, levels, render_mode)


def settings(options: DmlabOptions, vector_index: int = 0) -> dict[str, str]:
    """What DeepMind Lab is told besides the level."""
    found = {
        "width": str(options.res_w),
        "height": str(options.res_h),
        "logLevel": "WARN",
        "datasetPath": _dataset(options.dmlab30_dataset),
    }
    if options.dmlab_renderer == "hardware":
        found["gpuDeviceIndex"] = str(options.dmlab_gpus[vector_index % len(options.dmlab_gpus)])
    if options.dmlab_use_test_levels:
        found |= {"allowHoldOutLevels": "true", "mixerSeed": str(_TEST_MIXER_SEED)}
    return found


def check_dataset(paths: tuple[str, ...], dataset: str) -> None:
    """Whether the photographs are there that some levels show.

    Raises:
        ValueError: they are not, and one of the levels needs them.
    """
    needing = [level.name for level in map(find_level, paths) if level is not None and level.needs_dataset]
    folder = _dataset(dataset)
    if not needing or folder == _DUMMY_DATASET:
        return
    try:
        names = set(os.listdir(folder))
    except OSError:
        names = set()
    missing = [name for name in (f"{number:04d}.png" for number in range(1, _NUM_PHOTOGRAPHS + 1)) if name not in names]
    if missing:
        raise ValueError(
            f"--dmlab30_dataset={dataset}: {' and '.join(needing)} show photographs, of which {len(missing)} of "
            f"{_NUM_PHOTOGRAPHS} are missing there ({missing[0]} the first); sort those of ObjectsAll.zip (Brady, "
            f"Konkle, Alvarez, Oliva 2008; bradylab.ucsd.edu) and save them as 0001.png to {_NUM_PHOTOGRAPHS}.png, or "
            "train without their meaning on plain colours: --dmlab30_dataset=dummy"
        )


def max_compiles(options: DmlabOptions) -> int:
    """Levels compiled at a time: their compiler uses several threads for a part of its time."""
    return options.dmlab_max_compiles or max(1, (os.cpu_count() or 1) // 2)


@cache
def _open_store(path: Path, max_gb: float | None) -> LevelStore:
    """One for all environments of a process."""
    return LevelStore(path, max_gb)


def _dataset(path: str) -> str:
    return path if path == _DUMMY_DATASET else str(Path(path).expanduser())


def _place(num_tasks: int, options: DmlabOptions, cfg: Any, config: Mapping[str, Any]) -> Place:
    env_id, count = config.get("env_id", 0), config.get("num_envs", 1)
    workers, per_worker = getattr(cfg, "num_workers", None), getattr(cfg, "num_envs_per_worker", None)
    if not isinstance(workers, int) or not isinstance(per_worker, int):
        workers, per_worker = 1, count  # not in a run
    return place_of(env_id, num_tasks, workers, per_worker, options.dmlab_one_task_per_worker)


def _experiment(cfg: Any) -> Path | None:
    """The folder of the experiment, where played levels are recorded; None where there is none."""
    try:
        folder = experiment_dir(cfg)
    except AttributeError:
        return None
    return folder if folder.is_dir() else None


def _derived_statistics(full_env_name: str) -> DmlabScores | None:
    return DmlabScores() if full_env_name == DMLAB_30 else None


FAMILY = EnvFamily(
    prefix=PREFIX,
    make=make,
    options=DmlabOptions,
    defaults={
        "encoder_type": "conv",
        "encoder_subtype": "convnet_impala",
        "hidden_size": 512,
        "obs_subtract_mean": 0.0,
        "obs_scale": 255.0,
        "env_frameskip": _DEFAULT_FRAMESKIP,
    },
    names=environment_names,
    cleanup=sweep,
    derived_statistics=_derived_statistics,
    many_tasks=True,
)
