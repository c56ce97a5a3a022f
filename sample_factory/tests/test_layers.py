"""Imports point down, workers stay light, no trace of a developer's machine. Knows no module's purpose."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sample_factory"

LEVELS = {"config": 1, "rl": 1, "system": 1, "models": 2, "envs": 3, "sampling": 4, "algorithms": 5, "runner": 6}
TOP_LEVEL = 7
"""Entry modules and the package's own tests: they may import everything."""
NARROW = {"runner": {"config", "system"}}
"""Packages that import less than their level allows: the runner starts trainings by their command lines only."""
FORBIDDEN_NAMES = {"utils", "common", "helpers", "misc", "manager"}
ESTABLISHED_NAMES = {"sample_factory/runner/runs/run_utils.py"}
"""Modules that users' run scripts import by these names."""
TORCH_FREE_MODULES = (
    "sample_factory.rl.spaces",
    "sample_factory.envs.contract",
    "sample_factory.envs.registry",
    "sample_factory.envs.check",
    "sample_factory.sampling.rollout_worker",
    "sample_factory.algorithms.appo.training",
    "sample_factory.algorithms.appo.model_spec",
    "sample_factory.runner.run",
    "sample_factory.runner.attempt",
)


def part_of(module: str) -> str:
    """The unit that layering is about: the package directly below `sample_factory`, or "" for an entry module."""
    names = module.split(".")
    return names[1] if len(names) > 1 and names[1] in LEVELS else ""


def violation(importer: str, imported: str) -> str | None:
    """Why `importer` must not import `imported`; None if it may."""
    source, target = part_of(importer), part_of(imported)
    source_level, target_level = LEVELS.get(source, TOP_LEVEL), LEVELS.get(target, TOP_LEVEL)
    if source == target or (target_level < source_level and target in NARROW.get(source, LEVELS)):
        return None
    return f"{importer} (level {source_level}) imports {imported} (level {target_level})"


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Every module of this package that is imported anywhere in the file, inside functions as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = list(_imported_from(node))
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "sample_factory")


def _imported_from(node: ast.ImportFrom) -> Iterator[str]:
    assert node.level == 0, f"line {node.lineno}: relative import; this project imports by the full name"
    assert node.module is not None
    for alias in node.names:
        # `from sample_factory import rl` names a package; `... import __version__` only the root's constant.
        if node.module != "sample_factory":
            yield node.module
        elif alias.name != "__version__":
            yield f"sample_factory.{alias.name}"


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_point_down() -> None:
    violations = []
    for path in sorted(PACKAGE.rglob("*.py")):
        importer = _module_name(path)
        imported = set(imported_modules(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))))
        violations += [problem for name in sorted(imported) if (problem := violation(importer, name))]
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("sample_factory.models.encoders", "sample_factory.rl.spaces", True),
        ("sample_factory.rl.losses", "sample_factory.config.options", False),
        ("sample_factory.rl.losses", "sample_factory.models.encoders", False),
        ("sample_factory.envs.doom.env", "sample_factory.envs.contract", True),
        ("sample_factory.algorithms.appo.learner", "sample_factory.run_algorithm", False),
        ("sample_factory.run_algorithm", "sample_factory.algorithms.appo.learner", True),
        ("sample_factory.runner.run", "sample_factory.config.runner", True),
        ("sample_factory.runner.run", "sample_factory.algorithms.status", False),
        ("sample_factory.runner.run", "sample_factory.envs.registry", False),
        ("sample_factory.algorithms.appo.training", "sample_factory.runner.ledger", False),
    ],
)
def test_layer_rule(importer: str, imported: str, allowed: bool) -> None:
    assert (violation(importer, imported) is None) == allowed


def test_imports_are_found_wherever_they_stand() -> None:
    source = (
        "import numpy\n"
        "from sample_factory import __version__, rl\n"
        "def build():\n"
        "    from sample_factory.models import encoders\n"
        "    import sample_factory.envs.registry\n"
    )
    found = set(imported_modules(ast.parse(source)))
    assert found == {"sample_factory.rl", "sample_factory.models", "sample_factory.envs.registry"}


def test_no_module_is_named_for_nothing_in_particular() -> None:
    names = {path: path.parent.name if path.stem == "__init__" else path.stem for path in PACKAGE.rglob("*.py")}
    vague = {
        path.relative_to(ROOT).as_posix() for path, name in names.items() if FORBIDDEN_NAMES & set(name.split("_"))
    }
    assert vague == ESTABLISHED_NAMES


@pytest.mark.parametrize("module", TORCH_FREE_MODULES)
def test_rollout_workers_start_without_torch(module: str) -> None:
    """Torch costs every worker about 250 MB and a second of start-up."""
    check = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_no_trace_of_a_developers_machine() -> None:
    # Put together here, so that this file does not contain them itself.
    folders = "|".join(("work", "root", "opt/" + "pypi", "opt/" + "wheels"))
    hosts = "|".join(name.replace(".", r"\.") for name in ("pypi" + ".org", "python" + "hosted.org"))
    trace = re.compile(rf"(?<![\w.~-])/(?:{folders})/|{hosts}")
    found = []
    for path in _tracked_text_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            found += [f"{path.relative_to(ROOT)}:{number}: {match[0]}" for match in trace.finditer(line)]
    assert not found, "\n".join(found)


def _tracked_text_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink() and b"\0" not in path.read_bytes()]


def test_level_table_lists_existing_packages() -> None:
    missing = [name for name in LEVELS if importlib.util.find_spec(f"sample_factory.{name}") is None]
    assert not missing
