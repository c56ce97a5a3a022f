"""Between nested sections and flat option names: look up, convert, build. Does not know where values come from."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from sample_factory.config.config import NoFamilyOptions

Root = TypeVar("Root")

META_KEYS = ("command_line", "cli_args", "git_hash", "git_repo_name", "wandb_unique_id")
"""What cfg.json says besides the options."""


class Option(NamedTuple):
    """One field of one section."""

    name: str
    section: str
    hint: Any
    """Resolved type annotation."""
    is_bare: bool
    """The flag may be given without a value, which means True."""
    is_required: bool


def section_types(root_type: type, family_options: type | None) -> dict[str, type]:
    """Section name -> dataclass, with the environment family's own in its place."""
    found: dict[str, type] = {name: hint for name, hint in get_type_hints(root_type).items() if name != "family"}
    found["family"] = family_options or NoFamilyOptions
    return found


def options(root_type: type, family_options: type | None) -> dict[str, Option]:
    """Flag name -> option, in the order of the sections.

    Raises:
        ValueError: the family has an option with the name of a built-in one.
    """
    found: dict[str, Option] = {}
    for section, section_type in section_types(root_type, family_options).items():
        hints = get_type_hints(section_type)
        for item in fields(section_type):
            if item.name in found:
                raise ValueError(f"option --{item.name} of {section_type.__name__} already exists")
            is_required = item.default is MISSING and item.default_factory is MISSING
            is_bare = bool(item.metadata.get("bare"))
            found[item.name] = Option(item.name, section, hints[item.name], is_bare, is_required)
    return found


def build(root_type: type[Root], family_options: type | None, values: Mapping[str, Any]) -> Root:
    """Root configuration with `values` by option name, and defaults for the rest."""
    return root_type(**build_sections(root_type, family_options, values))


def build_sections(root_type: type, family_options: type | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Section name -> section, each checked by itself."""
    return {
        section: section_type(**{item.name: values[item.name] for item in fields(section_type) if item.name in values})
        for section, section_type in section_types(root_type, family_options).items()
    }


def flat(config: Any) -> dict[str, Any]:
    """All values of a root configuration by option name."""
    sections = [getattr(config, item.name) for item in fields(config)]
    return {item.name: getattr(section, item.name) for section in sections for item in fields(section)}


def namespace(config: Any) -> types.SimpleNamespace:
    """All values as attributes: what environment factories receive as `cfg`."""
    return types.SimpleNamespace(**flat(config))


def convert(option: Option, value: Any, source: str) -> Any:
    """Turn a JSON or Python value into what the annotation says: lists to tuples, 1e6 to an int, an int to a float.

    Raises:
        ValueError: the value does not fit, naming `source`, the option and the value.
    """
    try:
        return _convert(option.hint, value)
    except TypeError:
        raise ValueError(f"{source}: bad value for --{option.name}: {value!r} is not {describe(option.hint)}") from None


def members(hint: Any) -> tuple[Any, ...]:
    """The type itself, or the two alternatives of a union: any type, then words that may be said instead, or None."""
    found = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    found = tuple(sorted(found, key=_is_exception))
    assert len(found) == 1 or (len(found) == 2 and _is_exception(found[1])), (
        f"options are X, X | None or X | Literal, not {hint}"
    )
    return found


def _is_exception(hint: Any) -> int:
    origin: Any = get_origin(hint)
    return 2 if hint is type(None) else int(origin is Literal)


def is_optional(hint: Any) -> bool:
    """Whether None is allowed."""
    return type(None) in members(hint)


def describe(hint: Any) -> str:
    """What a value must be, for error messages."""
    if len(members(hint)) > 1:
        return " or ".join(describe(member) for member in members(hint))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"{describe(get_args(hint)[0])}, or several separated by spaces"
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "None"}
    return names.get(hint, str(hint))


def _convert(hint: Any, value: Any) -> Any:
    """Raises TypeError if the value does not fit."""
    if is_optional(hint):
        return None if value is None else _convert(members(hint)[0], value)
    if len(members(hint)) > 1:
        word = members(hint)[1]
        return value if value in get_args(word) else _convert(members(hint)[0], value)
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        return tuple(_convert(get_args(hint)[0], item) for item in value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int and is_number and value == value // 1:
        return int(value)
    if hint is float and is_number:
        return float(value)
    if isinstance(hint, type) and hint not in (int, float) and isinstance(value, hint):
        return value
    raise TypeError
