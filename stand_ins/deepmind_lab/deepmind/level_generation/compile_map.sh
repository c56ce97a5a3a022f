#!/usr/bin/env bash
# Compile one map: $1 is the Python to do it with, the other arguments are those of map_file.py.
exec "$1" -I "$(dirname "${BASH_SOURCE[0]}")/../../map_file.py" "${@:2}"
