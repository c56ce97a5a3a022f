"""A stand-in for DeepMind Lab's Python module, for machines and tests without it: with its interface, errors, files.

Only for tests: it is never installed, and its small worlds and rewards say nothing about scores on the real levels.
`switches` says how tests make it slow, crash or end early; `levels` says what there is. Knows nothing about its users.
"""

from deepmind_lab.lab import LISTABLE, READ_WRITABLE, READABLE, WRITABLE, Lab
from deepmind_lab.runfiles import runfiles_path, set_runfiles_path


def version() -> str:
    """The version of the interface, which has been the same ever since."""
    return "1.0"


__all__ = [
    "LISTABLE",
    "READABLE",
    "READ_WRITABLE",
    "WRITABLE",
    "Lab",
    "runfiles_path",
    "set_runfiles_path",
    "version",
]
