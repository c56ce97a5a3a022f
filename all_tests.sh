#!/usr/bin/env bash
# Check everything: format, lint, types, tests. All steps run; the exit status is non-zero if any of them failed.
# Arguments go to pytest: ./all_tests.sh -m slow sample_factory/rl
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
source scripts/venv.sh
sf_ensure_venv vizdoom atari mujoco dmc minigrid envpool procgen pettingzoo wandb parquet dashboard export hub search dev

# The machine's cores belong to the processes under test, not to each one's thread pool.
export OMP_NUM_THREADS=1
# A suite that hangs is a failure: well above what it takes on two cores, stopped in the open.
readonly PYTEST_LIMIT_SEC=1200

packages=(sample_factory)
for package in sample_factory_examples benchmarks; do
    [ -d "$package" ] && packages+=("$package")
done
# Empty arrays are expanded in the + form below: to old versions of bash they are unset variables.
mypy_options=()
# The last NumPy for Python 3.10 has no defaults for the type parameters of its arrays; elsewhere `np.ndarray` is complete.
"$SF_PYTHON" -c 'import sys; sys.exit(sys.version_info >= (3, 11))' && mypy_options=(--allow-any-generics)
results=""
failed=0

# step NAME COMMAND...
step() {
    local name="$1" started=$SECONDS status=0 verdict=ok
    shift
    printf '\n=== %s\n' "$name"
    "$@" || status=$?
    if [ "$status" -ne 0 ]; then
        verdict="FAILED (status $status)"
        failed=$((failed + 1))
    fi
    results+="${results:+, }$name $verdict in $((SECONDS - started)) s"
}

run_pytest() {
    local limit=()
    command -v timeout >/dev/null && limit=(timeout --kill-after=30 "$PYTEST_LIMIT_SEC")
    ${limit[@]+"${limit[@]}"} "$SF_PYTHON" -m pytest "$@"
}

step "ruff format" "$SF_PYTHON" -m ruff format --check .
step "ruff check" "$SF_PYTHON" -m ruff check .
step "mypy" "$SF_PYTHON" -m mypy ${mypy_options[@]+"${mypy_options[@]}"} "${packages[@]}"
step "pytest" run_pytest "$@"

if [ "$failed" -ne 0 ]; then
    echo "all_tests: FAILED: $results"
    exit 1
fi
echo "all_tests: PASSED: $results"
