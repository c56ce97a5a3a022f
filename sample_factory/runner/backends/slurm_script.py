"""The job script: a template with what the flags say. Does not know what the command does.

{{ CMD }}        what an element of the array runs; appended to a template that does not have it
{{ FILENAME }}   the script itself
{{ PARTITION }}  {{ GPU }}  {{ CPU }}  {{ TIMEOUT }}   what the flags say
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SHEBANG = "#!/bin/bash"
# Slurm tells all processes of a job when it takes its machine away. Without a trap the shell would end at once, and
# with it the job, before anything is saved; with one it waits for the command.
_TRAP = "trap : TERM USR1"
NAMES = ("CMD", "FILENAME", "PARTITION", "GPU", "CPU", "TIMEOUT")


def read_template(path: Path) -> str:
    """The text of a template.

    Raises:
        ValueError: it cannot be read, or has a placeholder that means nothing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"--slurm_sbatch_template={path} cannot be read: {error}") from None
    for match in _PLACEHOLDER.finditer(text):
        if match[1] not in NAMES:
            raise ValueError(f"--slurm_sbatch_template={path}: {match[0]} means nothing; there are {', '.join(NAMES)}")
    return text


def job_script(template: str, values: Mapping[str, str]) -> str:
    """The template filled in.

    Args:
        template: as `read_template` gives it; may be empty.
        values: one for each of `NAMES`.
    """
    lines = template.splitlines()
    if not lines or not lines[0].startswith("#!"):
        lines.insert(0, _SHEBANG)
    # Options for sbatch are comments at the top, so the first command comes after them.
    first = next((index for index, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    lines.insert(first, _TRAP)
    if not any("CMD" in _PLACEHOLDER.findall(line) for line in lines):
        # Instead of the shell: so it is the command that is told first when time is running out.
        lines.append("exec {{ CMD }}")
    return "".join(_PLACEHOLDER.sub(lambda match: values[match[1]], line) + "\n" for line in lines)
