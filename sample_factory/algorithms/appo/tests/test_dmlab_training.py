"""The documented command for DMLab-30 trains a population on all levels, at small numbers."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sample_factory.algorithms.appo import enjoy_appo, train_appo
from sample_factory.algorithms.appo.lineage_file import read as read_lineage
from sample_factory.config.tests.test_command_line import LAB_RUN
from sample_factory.envs.dmlab.levels import LEVELS
from sample_factory.system.tests.test_summaries import read as read_summaries

_SMALL = shlex.split(
    "--num_workers=2 --num_envs_per_worker=30 --dmlab_one_task_per_worker=False --num_policies=2 --batch_size=512 "
    "--encoder_type=conv --encoder_subtype=convnet_simple --hidden_size=16 --rollout=16 --recurrence=16 --res_w=48 "
    "--res_h=36 --pbt_period_env_steps=3000 --pbt_start_mutation=3000 --decorrelate_experience_max_seconds=0 "
    "--device=cpu --seed=1 --train_for_env_steps=30000 --experiment_summaries_interval=2"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    photographs = tmp_path / "datasets" / "brady_konkle_oliva2008"
    photographs.mkdir(parents=True)
    for number in range(1, 2401):
        (photographs / f"{number:04d}.png").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DEEPMIND_LAB_STAND_IN", json.dumps({"episode_seconds": 0.2}))
    return tmp_path


def test_a_population_is_judged_by_its_scores_on_all_thirty_levels(deepmind_lab, home):
    places = [f"--train_dir={home}", f"--dmlab_level_cache_path={home}/cache", "--experiment=population"]
    assert train_appo.main([*shlex.split(LAB_RUN), *_SMALL, *places]) == 0
    folder = home / "population"
    decisions = [decision for decision in read_lineage(folder) if decision.number > 0]
    assert {decision.policy for decision in decisions} == {0, 1}
    for policy in range(2):
        summaries = read_summaries(folder / ".summary" / str(policy))
        for task, level in enumerate(LEVELS):
            assert f"_dmlab/{task:02d}_{level.name}_human_norm_score" in summaries
            assert f"_dmlab/capped_{task:02d}_{level.name}_human_norm_score" in summaries
            assert f"0_aux/avg_z_{task:02d}_{level.name}_dmlab_raw_score" in summaries
        objectives = [value for _, value in summaries["0_aux/avg_dmlab_target_objective"]]
        assert objectives == [value for _, value in summaries["_dmlab/000_capped_mean_human_norm_score"]]
        seeds = [path.read_text().split() for path in folder.glob(f"dmlab_used_lvl_seeds_p{policy:02d}/**/*_seeds")]
        assert len(seeds) == 30 and all(len(set(found)) == len(found) for found in seeds)
    enjoy = ["--algo=APPO", "--env=dmlab_30", *places, "--sample_env_episodes=60", "--num_envs_per_worker=30"]
    assert enjoy_appo.main(enjoy) == 0


def test_the_photographs_are_missed_before_anything_starts(deepmind_lab, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert train_appo.main([*shlex.split(LAB_RUN), *_SMALL, f"--train_dir={tmp_path}"]) == 1
    assert "--dmlab30_dataset=~/datasets/brady_konkle_oliva2008" in capfd.readouterr().err


def test_a_worker_whose_engine_ends_the_process_is_replaced_and_leaves_nothing(
    deepmind_lab, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("DEEPMIND_LAB_STAND_IN", json.dumps({"episode_seconds": 1, "crash_probability": 0.002}))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    arguments = shlex.split(
        "--algo=APPO --env=dmlab_explore_goal_locations_small --num_workers=2 --num_envs_per_worker=4 --batch_size=128 "
        "--rollout=16 --recurrence=16 --encoder_subtype=convnet_simple --hidden_size=16 --res_w=48 --res_h=36 "
        "--device=cpu --train_for_env_steps=12000 --seed=1 --experiment=crashes"
    )
    places = [f"--train_dir={tmp_path}", f"--dmlab_level_cache_path={tmp_path}/cache"]
    with caplog.at_level("WARNING"):
        assert train_appo.main([*arguments, *places]) == 0
    assert "rollout worker" in caplog.text
    left = [path for base in tmp_path.glob("sample_factory_dmlab_*") for path in base.iterdir()]
    assert not left and not list(tmp_path.glob("dmlab_temp_folder_*"))
    used = [line for path in (tmp_path / "crashes").rglob("*.dm_lvl_seeds") for line in path.read_text().split()]
    assert len(used) > 20 and len(set(used)) == len(used)
