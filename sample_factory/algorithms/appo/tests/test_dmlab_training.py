"""The documented command for DMLab-30 trains a population on all levels, at small numbers."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sample_factory.algorithms.appo import enjoy_appo, train_appo
from sample_factory.algorithms.appo.lineage_file import read as read_lineage
from sample_factory.envs.dmlab.levels import LEVELS
from sample_factory.system.tests.test_summaries import read as read_summaries

# As documented for a large machine; the flags behind it make it small.
_COMMAND = shlex.split(
    "--env=dmlab_30 --train_for_seconds=3600000 --algo=APPO --gamma=0.99 --use_rnn=True --num_workers=90 "
    "--num_envs_per_worker=12 --ppo_epochs=1 --rollout=32 --recurrence=32 --batch_size=2048 --benchmark=False "
    "--ppo_epochs=1 --max_grad_norm=0.0 --dmlab_renderer=software --decorrelate_experience_max_seconds=120 "
    "--reset_timeout_seconds=300 --encoder_custom=dmlab_instructions --encoder_type=resnet "
    "--encoder_subtype=resnet_impala --encoder_extra_fc_layers=1 --hidden_size=256 --nonlinearity=relu --rnn_type=lstm "
    "--dmlab_extended_action_set=True --num_policies=4 --pbt_replace_reward_gap=0.05 "
    "--pbt_replace_reward_gap_absolute=5.0 --pbt_period_env_steps=10000000 --pbt_start_mutation=100000000 "
    "--with_pbt=True --experiment=dmlab_30_resnet_4pbt_w90_v12 --dmlab_one_task_per_worker=True "
    "--set_workers_cpu_affinity=True --max_policy_lag=35 --pbt_target_objective=dmlab_target_objective "
    "--dmlab30_dataset=~/datasets/brady_konkle_oliva2008 --dmlab_use_level_cache=True "
    "--dmlab_level_cache_path=/home/user/dmlab_cache"
)
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
    assert train_appo.main([*_COMMAND, *_SMALL, *places]) == 0
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
    assert train_appo.main([*_COMMAND, *_SMALL, f"--train_dir={tmp_path}"]) == 1
    assert "--dmlab30_dataset=~/datasets/brady_konkle_oliva2008" in capfd.readouterr().err
