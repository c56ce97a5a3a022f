"""Range checks for option sections. Know which options are being compared, not what they mean.

All conditions are written so that NaN fails them.
"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints


def check_positive(section: Any, *names: str) -> None:
    """Raise ValueError unless every named field is > 0."""
    for name in names:
        value = getattr(section, name)
        if not value > 0:
            raise ValueError(f"--{name}={value} must be greater than 0")


def check_at_least(section: Any, minimum: float, *names: str) -> None:
    """Raise ValueError unless every named field is >= minimum."""
    for name in names:
        value = getattr(section, name)
        if not value >= minimum:
            raise ValueError(f"--{name}={value} must be at least {minimum}")


def check_fraction(section: Any, *names: str) -> None:
    """Raise ValueError unless every named field is in [0, 1]."""
    for name in names:
        value = getattr(section, name)
        if not 0 <= value <= 1:
            raise ValueError(f"--{name}={value} must be between 0 and 1")


def check_port(section: Any) -> None:
    """Raise ValueError unless the field `port` is the number of a port."""
    if not 1 <= section.port <= 65_535:
        raise ValueError(f"--port={section.port} must be between 1 and 65535")


def check_choices(section: Any) -> None:
    """Raise ValueError unless every field with a Literal type holds one of its values."""
    # The command line checks this by itself; configurations written in Python or read from cfg.json do not.
    for name, hint in get_type_hints(type(section)).items():
        value = getattr(section, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise ValueError(f"--{name}={value} is not one of {', '.join(map(str, get_args(hint)))}")
