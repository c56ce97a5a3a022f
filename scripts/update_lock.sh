#!/usr/bin/env bash
# Resolve requirements.lock anew for every supported Python. Needs `uv`; downloads metadata only.
# Knows nothing about whether the new versions work: run all_tests.sh afterwards.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bounds="$(mktemp)"
trap 'rm -f "$bounds"' EXIT
# wandb 0.28+ pulls in a pre-release package; Gymnasium's MuJoCo environments are written for MuJoCo 3.
printf '%s\n' 'torch==2.13.0' 'wandb<0.28' 'mujoco<4' >"$bounds"
resolved="$(uv pip compile --quiet --universal --python-version 3.10 --all-extras --no-annotate --no-header \
    --constraints "$bounds" pyproject.toml)"
{
    sed -n '/^#/p' requirements.lock
    printf '%s\n' "$resolved" | grep -v win32
} >requirements.lock.new
mv requirements.lock.new requirements.lock
