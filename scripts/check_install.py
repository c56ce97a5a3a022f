"""Import what an installation promises and name the system package if a shared library is missing.

Usage: check_install.py [EXTRA...]. Knows nothing about whether what imports also works.
"""

from __future__ import annotations

import importlib
import re
import sys

CORE_MODULES = ("torch", "numpy", "gymnasium", "sample_factory")
EXTRA_MODULES = {
    "vizdoom": ("vizdoom", "cv2"),
    "atari": ("ale_py", "cv2"),
    "mujoco": ("mujoco",),
    "dmc": ("dm_control",),
    "minigrid": ("minigrid",),
    "envpool": ("envpool",),
    "procgen": ("envpool",),
    "pettingzoo": ("pettingzoo",),
    "wandb": ("wandb",),
    "plot": ("matplotlib",),
    "parquet": ("pyarrow",),
    "dashboard": ("flask",),
    "export": ("onnx", "onnxruntime", "safetensors"),
    "hub": ("huggingface_hub",),
    "search": ("optuna",),
    "ray": ("ray",),
    "dev": ("pytest", "hypothesis", "mypy"),
}
DEBIAN_PACKAGES = {
    "libGL.so": "libgl1",
    "libEGL.so": "libegl1",
    "libOSMesa.so": "libosmesa6",
    "libgomp.so": "libgomp1",
    "libstdc++.so": "libstdc++6",
    "libglib-2.0.so": "libglib2.0-0",
    "libz.so": "zlib1g",
    "libopenal.so": "libopenal1",
}


def main(extras: list[str]) -> int:
    """Return 0 if every module imports, otherwise print why not and return 1."""
    problems = [problem for module in _modules(extras) if (problem := _import_problem(module))]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def explain(module: str, reason: str) -> str:
    """Say what to do about a module that does not import."""
    message = f"The installed Python package {module} does not import: {reason}"
    match = re.search(r"(lib[\w+.-]+?\.so)[\d.]*: cannot open shared object file", reason)
    if match is None:
        return message
    package = DEBIAN_PACKAGES.get(match[1])
    remedy = f"sudo apt install {package}" if package else f"install the package that contains {match[1]}"
    return f"{message}\nOn Debian or Ubuntu: {remedy}, then run this again."


def _modules(extras: list[str]) -> list[str]:
    wanted = [*CORE_MODULES, *(module for extra in extras for module in EXTRA_MODULES.get(extra, ()))]
    # EnvPool has no wheel for Python 3.10 and pyproject.toml leaves it out there.
    return [module for module in dict.fromkeys(wanted) if module != "envpool" or sys.version_info >= (3, 11)]


def _import_problem(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        return explain(module, str(error))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
