"""From the flat command line to a root configuration. Does not know what any option means.

Precedence: default of the dataclass < default of the environment family < saved experiment < command line.
The library tyro parses the strings and writes the help; what a user can get wrong ends in a ValueError of one line.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
import re
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import field, make_dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import Any, TypeVar, get_args, get_origin

import tyro

from sample_factory.config.config import Config
from sample_factory.config.values import (
    META_KEYS,
    Option,
    build,
    build_sections,
    convert,
    describe,
    is_optional,
    members,
    options,
)

Root = TypeVar("Root")

_log = logging.getLogger(__name__)
_TYRO = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff)
_HELP = ("help", "h")
_FLAG = re.compile(r"--?(?P<name>[A-Za-z][\w-]*)(=(?P<value>.*))?", re.DOTALL)
_SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d*)?[eE]\+?\d{1,2}")
# Where the experiment is found, and what to do with it, is said anew at every start.
_NEVER_SAVED = ("experiment", "experiments_root", "train_dir", "restart_behavior")


def parse(
    argv: Sequence[str],
    root_type: type[Root],
    family_options: type | None = None,
    defaults: Mapping[str, Any] | None = None,
    saved: Mapping[str, Any] | None = None,
) -> Root:
    """Build the configuration that the command line asks for; prints help and exits with status 0 for --help.

    Args:
        argv: arguments without the program's name.
        root_type: Config or DummyConfig.
        family_options: frozen dataclass with the environment family's own options.
        defaults: the family's values for options of any section; names that only other roots have are passed over.
        saved: contents of cfg.json, if an experiment is resumed.

    Raises:
        ValueError: an unknown flag, a bad value, a missing --env or a contradiction; always one line.
    """
    known = options(root_type, family_options)
    values = _family_values(known, defaults or {}) | _saved_values(known, saved or {})
    given = given_on_command_line(argv)
    if any(name in given for name in _HELP):
        _print_help(root_type, family_options, values)
    values |= _command_line_values(known, given)
    for option in known.values():
        if option.is_required and option.name not in values:
            raise ValueError(f"--{option.name} is required")
    return build(root_type, family_options, values)


def peek(argv: Sequence[str], flag: str) -> str | None:
    """Value of a flag (name without dashes) before anything can be parsed; None if it is not given."""
    values = given_on_command_line(argv).get(flag)
    return values[-1] if values else None


def name_leading(argv: Sequence[str], flag: str) -> list[str]:
    """Arguments before the first flag become the values of `flag` (name without dashes)."""
    count = next((i for i, argument in enumerate(argv) if _FLAG.fullmatch(argument)), len(argv))
    return [f"--{flag}", *argv] if count else list(argv)


def given_on_command_line(argv: Sequence[str]) -> dict[str, list[str]]:
    """Flag name -> the strings given for it; a repeated flag overrides itself, a bare flag has no strings.

    Raises:
        ValueError: an argument is neither a flag nor the value of one.
    """
    given: dict[str, list[str]] = {}
    name = None
    for argument in argv:
        flag = _FLAG.fullmatch(argument)
        if flag:
            name = flag["name"]
            given[name] = [] if flag["value"] is None else [flag["value"]]
        elif name is None or argument == "--":
            raise ValueError(f"unexpected argument {argument!r}; options are written --name=value")
        else:
            given[name].append(argument)
    return given


def _family_values(known: Mapping[str, Option], defaults: Mapping[str, Any]) -> dict[str, Any]:
    anywhere = known.keys() | options(Config, None).keys()
    for name in defaults:
        if name not in anywhere:
            hint = _suggestion(name, anywhere)
            raise ValueError(f"the environment family has a default for the unknown option --{name}{hint}")
    source = "defaults of the environment family"
    return {name: convert(known[name], value, source) for name, value in defaults.items() if name in known}


def _saved_values(known: Mapping[str, Option], saved: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(saved.keys() - known.keys() - set(META_KEYS))
    if unknown:
        _log.warning("cfg.json has options that no longer exist, passed over: %s", ", ".join(unknown))
    return {
        name: convert(known[name], value, "cfg.json")
        for name, value in saved.items()
        if name in known and name not in _NEVER_SAVED
    }


def _command_line_values(known: Mapping[str, Option], given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    for name in given:
        if name not in known:
            raise ValueError(f"unknown flag --{name}{_suggestion(name, known)}")
    return _parse_strings({known[name]: strings for name, strings in given.items()})


def _suggestion(name: str, known: Mapping[str, Any] | Set[str]) -> str:
    matches = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
    return f"; did you mean --{matches[0]}?" if matches else ""


def _parse_strings(given: Mapping[Option, Sequence[str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for_tyro: dict[Option, Sequence[str]] = {}
    for option, strings in given.items():
        _check_count(option, strings)
        if not strings and option.is_bare:
            values[option.name] = True
        elif is_optional(option.hint) and [text.lower() for text in strings] == ["none"]:
            values[option.name] = None
        else:
            for_tyro[option] = strings
    return values | _run_tyro(for_tyro)


def _check_count(option: Option, strings: Sequence[str]) -> None:
    if _is_list(option) or len(strings) == 1 or (not strings and option.is_bare):
        return
    if not strings:
        raise ValueError(f"--{option.name} needs a value: {describe(option.hint)}")
    raise ValueError(f"--{option.name} takes one value, not {len(strings)}: {' '.join(strings)}")


def _is_list(option: Option) -> bool:
    return get_origin(option.hint) is tuple


def _tyro_arguments(option: Option, strings: Sequence[str]) -> list[str]:
    hints = get_args(option.hint) if _is_list(option) else members(option.hint)
    texts = list(strings)
    if bool in hints:
        texts = [text.capitalize() for text in texts]
    if int in hints:
        texts = [str(int(Decimal(text))) if _is_whole_scientific(text) else text for text in texts]
    if _is_list(option):
        return [f"--{option.name}", *(text for text in texts if text)]
    return [f"--{option.name}={texts[0]}"]


def _is_whole_scientific(text: str) -> bool:
    return bool(_SCIENTIFIC.fullmatch(text)) and Decimal(text) == int(Decimal(text))


def _run_tyro(given: Mapping[Option, Sequence[str]]) -> dict[str, Any]:
    form = make_dataclass("Form", [(option.name, option.hint) for option in given])
    arguments = [argument for option, strings in given.items() for argument in _tyro_arguments(option, strings)]
    try:
        # tyro prints a box of several lines and exits; all that is wanted of it is that something was wrong.
        with contextlib.redirect_stderr(io.StringIO()):
            parsed: Any = tyro.cli(form, args=arguments, config=_TYRO, use_underscores=True, console_outputs=False)
            return dict(vars(parsed))
    except SystemExit:
        if len(given) == 1:
            raise ValueError(_bad_value(*next(iter(given.items())))) from None
    for option, strings in given.items():
        _run_tyro({option: strings})
    raise AssertionError(f"parse one by one but not together: {arguments}")


def _bad_value(option: Option, strings: Sequence[str]) -> str:
    return f"bad value for --{option.name}: {' '.join(strings)!r} is not {describe(option.hint)}"


def _print_help(root_type: type, family_options: type | None, values: Mapping[str, Any]) -> None:
    """Print all options, by section, with the defaults in effect for this environment and experiment; exits."""
    required = {name: tyro.MISSING for name, option in options(root_type, family_options).items() if option.is_required}
    sections = build_sections(root_type, family_options, required | dict(values))
    # Not the root itself: its family section has no type of its own, and its checks are not for placeholders.
    form = make_dataclass(
        "Options", [(name, type(section), field(default=section)) for name, section in sections.items()]
    )
    path = PurePath(sys.argv[0])
    program = path.parent.name if path.stem == "__main__" else path.name
    tyro.cli(form, args=["--help"], config=_TYRO, use_underscores=True, prog=program, description="")
