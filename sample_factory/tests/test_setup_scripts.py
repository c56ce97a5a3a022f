"""The setup scripts choose the right extras and explain failures. Installs nothing."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check_install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_install", ROOT / "scripts" / "check_install.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        (["--env=doom_basic", "--experiment=quickstart"], ["vizdoom"]),
        (["--env", "atari_breakout"], ["atari"]),
        (["--env=CartPole-v1"], []),
        (["--env=mujoco_ant", "--with_wandb=True"], ["mujoco", "envpool", "wandb"]),
        (["--env=dmc_cartpole_swingup"], ["dmc", "envpool"]),
        (["--env", "MiniGrid-DoorKey-6x6-v0"], ["minigrid", "envpool"]),
        (["--experiment=doom_basic"], []),
        ([], []),
    ],
)
def test_train_installs_the_extra_of_the_environment(arguments: list[str], extras: list[str]) -> None:
    script = 'source ./train.sh; extras_for_arguments "$@"'
    result = subprocess.run(
        ["bash", "-c", script, "bash", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert result.stdout.split() == extras


def test_every_extra_is_declared_and_checked(check_install: ModuleType) -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = pyproject.split("[project.optional-dependencies]")[1].split("\n[")[0]
    declared = set(re.findall(r"^(\w+) = ", section, flags=re.MULTILINE)) - {"all"}
    assert declared == set(check_install.EXTRA_MODULES)


def test_missing_shared_library_names_the_debian_package(check_install: ModuleType) -> None:
    reason = "libGL.so.1: cannot open shared object file: No such file or directory"
    assert "apt install libgl1," in check_install.explain("cv2", reason)
    assert "apt install" not in check_install.explain("cv2", "No module named 'cv2'")


def test_lock_pins_every_declared_dependency() -> None:
    pinned = set(
        re.findall(r"^([\w-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r'"([\w-]+)(?:\[[\w,]+\])?>=', pyproject)) - {"setuptools"}
    assert "torch" in declared and "vizdoom" in declared
    assert declared <= pinned, f"not in requirements.lock: {sorted(declared - pinned)}; run scripts/update_lock.sh"


def test_missing_python_is_explained() -> None:
    script = 'source scripts/venv.sh; PYTHON="/nonexistent/python3" _sf_find_python'
    result = subprocess.run(["bash", "-c", script], cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "needs Python 3.10 or newer" in result.stderr


def test_python_without_venv_names_the_debian_package(tmp_path: Path) -> None:
    crippled = tmp_path / "python3"
    # Looks like a Debian without python3-venv: everything works but the import of ensurepip.
    crippled.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n',
        encoding="utf-8",
    )
    crippled.chmod(0o755)
    script = 'source scripts/venv.sh; _sf_require_venv_module "$0"'
    result = subprocess.run(
        ["bash", "-c", script, str(crippled)], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert result.returncode == 1
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt install python{version}-venv" in result.stderr
