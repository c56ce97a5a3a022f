#!/usr/bin/env bash
# One virtualenv per peer under .venv-peers/<name>/. Run it again at will: a peer that is already as listed is left alone.
#   benchmarks/install_peers.sh [name ...]       all peers without arguments; PYTHON=... picks the interpreter
# Then writes the Doom maps that they play, with the interpreter of this project (.venv, or OWN_PYTHON=...).
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"

# A peer is a name and what to install for it. The same torch for everybody: a newer torch is no merit of a system.
torch="torch==2.13.0"
declare -A peers=(
    [sample_factory2]="$torch sample-factory==2.1.1 vizdoom==1.3.2 opencv-python-headless==4.11.0.86 ale-py==0.12.1 gymnasium[mujoco]==0.29.1 envpool==0.8.4"
    [sb3]="$torch stable-baselines3==2.9.2 gymnasium[mujoco]==1.3.0 opencv-python-headless ale-py==0.12.1 envpool==1.2.5"
    [pufferlib]="$torch pufferlib==1.0.1 psutil"
    [envpool]="envpool==1.2.5"
)

names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(printf '%s\n' "${!peers[@]}" | sort)
for name in "${names[@]}"; do
    wanted="${peers[$name]:-}"
    [ -n "$wanted" ] || { echo "no peer '$name'; there are: ${!peers[*]}" >&2; exit 2; }
    venv=".venv-peers/$name"
    if [ "$(cat "$venv/installed.txt" 2>/dev/null)" = "$wanted" ]; then
        echo "$name: already there"
        continue
    fi
    echo "$name: installing $wanted"
    "$python" -m venv "$venv"
    # shellcheck disable=SC2086  # a list of words is meant
    "$venv/bin/pip" install --quiet $wanted
    echo "$wanted" > "$venv/installed.txt"
done
"${OWN_PYTHON:-.venv/bin/python}" -m benchmarks.doom_maps .venv-peers/battle.wad
