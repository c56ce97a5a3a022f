# The project's virtual environment: made, completed and checked on demand. Sourced by train.sh and all_tests.sh.
# Knows nothing about what is run in it.
#
# The stamp file says what is installed and is written last, so an interrupted installation is completed by the next run.
# PYTHON chooses the interpreter of a new environment, SF_VENV its folder.

SF_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
SF_VENV="${SF_VENV:-$SF_ROOT/.venv}"
SF_PYTHON="$SF_VENV/bin/python"

_sf_stamp="$SF_VENV/sample_factory.stamp"
_sf_creating="$SF_VENV/sample_factory.creating"
_sf_log="$SF_VENV/install.log"

# sf_ensure_venv EXTRA...: return once the package is installed with at least these extras; exit 1 with a reason if it cannot be.
sf_ensure_venv() {
    _sf_is_installed "$@" && return 0
    mkdir -p "$SF_VENV" || exit 1
    trap 'echo "Interrupted. The next run completes the installation." >&2; exit 130' INT
    # Two runs started together must not install into the same folder at once; the second one finds the work done.
    if command -v flock >/dev/null; then
        exec 9>"$SF_VENV/setup.lock"
        flock 9
        _sf_is_installed "$@" || _sf_install "$@"
        exec 9>&-
    else
        _sf_install "$@"
    fi
    trap - INT
}

_sf_is_installed() {
    [ -x "$SF_PYTHON" ] && [ -f "$_sf_stamp" ] || return 1
    [ "$(sed -n 1p "$_sf_stamp")" = "$(_sf_fingerprint)" ] || return 1
    local extra
    for extra in "$@"; do
        sed 1d "$_sf_stamp" | grep -qx "$extra" || return 1
    done
}

# What an installation depends on. The folder is part of it: an editable installation stores absolute paths.
_sf_fingerprint() {
    { cat "$SF_ROOT/requirements.lock" "$SF_ROOT/pyproject.toml" "$SF_ROOT/setup.py" && printf '%s' "$SF_ROOT"; } | cksum
}

_sf_install() {
    local extras list
    # Extras once installed stay, so that training on two families in turn does not reinstall each time.
    extras="$({ [ -f "$_sf_stamp" ] && sed 1d "$_sf_stamp"; printf '%s\n' "$@"; } | grep . | sort -u)"
    list="$(printf '%s' "$extras" | tr '\n' ',')"
    rm -f "$_sf_stamp"
    _sf_create_venv
    _sf_drop_half_installed
    echo "Installing Sample Factory${list:+ with extras $list} into $SF_VENV (a few minutes the first time)"
    : >"$_sf_log"
    _sf_pip setuptools || _sf_fail_pip "setuptools"
    _sf_pip torch || _sf_fail_torch
    # The build runs in the environment itself: pinned, and no second download of the build tools.
    _sf_pip --no-build-isolation -e "$SF_ROOT${list:+[$list]}" || _sf_fail_pip "the package${list:+ with extras $list}"
    # shellcheck disable=SC2086 # one word per extra
    "$SF_PYTHON" "$SF_ROOT/scripts/check_install.py" $extras || exit 1
    { _sf_fingerprint && printf '%s\n' "$extras"; } >"$_sf_stamp.new"
    mv "$_sf_stamp.new" "$_sf_stamp"
}

_sf_create_venv() {
    if [ ! -e "$_sf_creating" ] && "$SF_PYTHON" -m pip --version >/dev/null 2>&1; then
        return
    fi
    local python
    python="$(_sf_find_python)" || exit 1
    _sf_require_venv_module "$python"
    # Everything but the lock file goes: what is there was interrupted, or its interpreter is gone.
    find "$SF_VENV" -mindepth 1 -maxdepth 1 ! -name setup.lock -exec rm -rf {} +
    touch "$_sf_creating"
    echo "Creating $SF_VENV with $python"
    "$python" -m venv "$SF_VENV" || { echo "Could not create a virtual environment in $SF_VENV (see above)." >&2; exit 1; }
    rm "$_sf_creating"
}

_sf_find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Sample Factory needs Python 3.10 or newer and found none (tried: ${PYTHON:-python3, python3.10 to python3.13, python})." >&2
    echo "On Debian or Ubuntu: sudo apt install python3 python3-venv. Or name an interpreter: PYTHON=/path/to/python3.12" >&2
    return 1
}

_sf_require_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    local version
    version="$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    echo "$1 cannot create virtual environments: its venv or ensurepip module is missing." >&2
    echo "On Debian or Ubuntu: sudo apt install python$version-venv (python3-venv for the default Python), then run this again." >&2
    exit 1
}

# A package whose installation was interrupted lacks the files that pip writes last; without its metadata pip installs it again.
_sf_drop_half_installed() {
    local info
    for info in "$SF_VENV"/lib/python*/site-packages/*.dist-info; do
        [ -d "$info" ] || continue
        [ -e "$info/INSTALLER" ] && [ -e "$info/RECORD" ] || rm -rf "$info"
    done
}

# Quiet, with a log, unless somebody is watching.
_sf_pip() {
    if [ -t 1 ]; then
        "$SF_PYTHON" -m pip --disable-pip-version-check install -c "$SF_ROOT/requirements.lock" "$@"
    else
        "$SF_PYTHON" -m pip --disable-pip-version-check install -c "$SF_ROOT/requirements.lock" "$@" >>"$_sf_log" 2>&1
    fi
}

_sf_show_log() {
    [ -t 1 ] || { echo "Last lines of $_sf_log:" && tail -n 15 "$_sf_log"; } >&2
}

_sf_fail_torch() {
    _sf_show_log
    local torch
    torch="$(grep '^torch==' "$SF_ROOT/requirements.lock")"
    echo "Could not install $torch for $("$SF_PYTHON" -V) on $(uname -sm)." >&2
    echo "If pip found no matching version, use a Python that PyTorch supports: PYTHON=python3.12 and remove $SF_VENV." >&2
    echo "If it could not download, check the network and run this again; what is done is kept." >&2
    exit 1
}

_sf_fail_pip() {
    _sf_show_log
    echo "Could not install $1 for $("$SF_PYTHON" -V) on $(uname -sm); pip's reason is above." >&2
    echo "If a package had to be compiled because it has no wheel for this machine, on Debian or Ubuntu it needs:" >&2
    echo "  sudo apt install build-essential cmake git python3-dev libboost-all-dev libsdl2-dev libopenal-dev" >&2
    exit 1
}
