#!/usr/bin/env bash
# Install what the environment needs into .venv (first run only), then train: ./train.sh --env=doom_basic --experiment=quickstart
# Every argument goes to sample_factory.algorithms.appo.train_appo, and its exit status is this script's.
set -uo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/scripts/venv.sh"

# The extras that a family of environments needs, from the prefix of --env. Families without a line need the core only.
# Where EnvPool steps the same environments several times as fast, it comes along.
extras_for_env() {
    case "$1" in
        doom_*) echo vizdoom ;;
        atari_*) echo atari ;;
        mujoco_*) printf '%s\n' mujoco envpool ;;
        dmc_*) printf '%s\n' dmc envpool ;;
        MiniGrid-* | BabyAI-*) printf '%s\n' minigrid envpool ;;
        envpool_*) echo envpool ;;
        procgen_*) echo procgen ;;
        pettingzoo_*) echo pettingzoo ;;
    esac
}

# One extra per line for this command line.
extras_for_arguments() {
    local previous="" argument
    for argument in "$@"; do
        case "$argument" in
            --env=*) extras_for_env "${argument#--env=}" ;;
            --with_wandb=[Tt]rue | --with_wandb=1) echo wandb ;;
        esac
        case "$previous $argument" in
            "--env "*) extras_for_env "$argument" ;;
            "--with_wandb "[Tt]rue) echo wandb ;;
        esac
        previous="$argument"
    done
}

# Sourced by a test: the functions are enough.
[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

# shellcheck disable=SC2046 # one word per extra
sf_ensure_venv $(extras_for_arguments "$@")
exec "$SF_PYTHON" -m sample_factory.algorithms.appo.train_appo "$@"
