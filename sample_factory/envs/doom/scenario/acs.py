"""Assembles the scripts that give a Doom level its rules. Knows no scenario.

The result is a BEHAVIOR lump in the oldest of the engine's script formats ("ACS" and a zero byte): 32-bit words of
code, a directory of scripts and the strings. Scripts run on a stack: an operation takes its arguments from it and
leaves its result there, but words that follow the operation in the code are its own operands.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple, TypeAlias


class Op(IntEnum):
    """Operations of the script machine; comments show the operands, then what they take -> what they leave."""

    TERMINATE = 1
    PUSH = 3  # value; -> value
    SPECIAL_1 = 4  # number of a line special; argument ->
    SPECIAL_1_DIRECT = 9  # number of a line special, argument
    SPECIAL_2_DIRECT = 10  # number of a line special, two arguments
    EQUAL = 19
    LESS = 21
    SET_LOCAL = 25  # variable; value ->
    SET_MAP = 26  # variable; value ->
    PUSH_LOCAL = 28  # variable; -> value
    PUSH_MAP = 29  # variable; -> value
    INCREMENT_LOCAL = 46  # variable
    INCREMENT_MAP = 47  # variable
    GO_TO = 52  # address
    GO_TO_IF = 53  # address; condition ->
    DROP = 54  # value ->
    DELAY_DIRECT = 56  # tics
    RANDOM_DIRECT = 58  # lowest, highest; -> value
    GO_TO_IF_NOT = 79  # address; condition ->
    CLEAR_INVENTORY = 142
    GIVE_INVENTORY_DIRECT = 144  # class name, amount
    SPAWN = 149  # class name, x, y, z, tid, angle (of 256) -> number of things that found room
    SET_THING_SPECIAL = 180  # tid, special, five arguments ->
    ADD_GLOBAL = 183  # variable; value ->
    INCREMENT_GLOBAL = 188  # variable
    SET_ACTOR_PROPERTY = 245  # tid, property, value ->
    PLAYER_NUMBER = 247  # -> number of the player who set off the script, -1 for anybody else
    SET_ACTOR_ANGLE = 276  # tid, angle (of 65536) ->
    SET_ACTOR_POSITION = 283  # tid, x, y, z, with fog -> whether there was room


class Kind(IntEnum):
    """What starts a script."""

    CALLED = 0
    OPEN = 1
    """The level begins."""
    ENTER = 4
    """A player enters the level."""


class Special(IntEnum):
    """Line specials, the actions that scripts and things can set off."""

    DAMAGE = 73  # health, kind of death; hurts the activator
    REMOVE_THING = 132  # tid
    EXECUTE_SCRIPT = 226  # script, map (0: this one), three arguments; any number of copies can run at a time
    HEAL = 248  # health, the most there may be; heals the activator


class Text(NamedTuple):
    """An operand: this string."""

    content: str


class Label:
    """In the place of an instruction: marks the next one. As an operand: its address, in the same script."""


Word: TypeAlias = int | Text | Label
Instruction: TypeAlias = tuple[Word, ...] | Label

FIXED_POINT = 1 << 16
"""The engine's 1.0 in coordinates and rewards."""
ACTIVATOR = 0
"""The tid that stands for whoever set off the script."""
HEALTH_PROPERTY = 0

# Global variables of the script machine that VizDoom reads.
REWARD = 0
USER1 = 1
USER2 = 2


class Script(NamedTuple):
    """A numbered piece of code; arguments are its first local variables."""

    number: int
    code: Sequence[Instruction]
    kind: Kind = Kind.CALLED
    num_arguments: int = 0


def push(*values: Word) -> list[Instruction]:
    """Instructions that put these values on the stack."""
    return [(Op.PUSH, value) for value in values]


def call(script: int) -> Instruction:
    """Starts another script without arguments, with the same activator; it runs after this one, in the same tic."""
    return (Op.SPECIAL_1_DIRECT, Special.EXECUTE_SCRIPT, script)


def every(tics: int, instructions: Sequence[Instruction]) -> list[Instruction]:
    """Code that runs the instructions after this many tics, and again and again."""
    again = Label()
    return [again, (Op.DELAY_DIRECT, tics), *instructions, (Op.GO_TO, again)]


def repeat(times: int, instructions: Sequence[Instruction], counter: int) -> list[Instruction]:
    """Code that runs the instructions so many times; the counter is a local variable that nothing else uses."""
    again = Label()
    count = [(Op.INCREMENT_LOCAL, counter), (Op.PUSH_LOCAL, counter), (Op.PUSH, times), (Op.LESS,)]
    return [*push(0), (Op.SET_LOCAL, counter), again, *instructions, *count, (Op.GO_TO_IF, again)]


def behavior(scripts: Sequence[Script]) -> bytes:
    """The BEHAVIOR lump of these scripts."""
    strings: list[str] = []
    code, directory = bytearray(), bytearray()
    for script in scripts:
        address = _PREFIX.size + len(code)
        directory += struct.pack("<3i", script.number + 1000 * script.kind, address, script.num_arguments)
        code += _assemble(script.code, address, strings)
    directory_at = _PREFIX.size + len(code)
    head = _PREFIX.pack(_MAGIC, directory_at) + code + struct.pack("<i", len(scripts)) + directory
    return head + _string_table(strings, len(head))


_MAGIC = b"ACS\0"
_PREFIX = struct.Struct("<4si")  # magic, address of the directory
_WORD_BYTES = 4


def _assemble(code: Sequence[Instruction], address: int, strings: list[str]) -> bytes:
    """Bytes of one script; adds to `strings` what it needs."""
    labels = dict(_label_addresses(code, address))
    words = (word for instruction in code if not isinstance(instruction, Label) for word in instruction)
    return b"".join(struct.pack("<i", _value(word, labels, strings)) for word in words)


def _label_addresses(code: Sequence[Instruction], address: int) -> Iterator[tuple[Label, int]]:
    for instruction in code:
        if isinstance(instruction, Label):
            yield instruction, address
        else:
            address += _WORD_BYTES * len(instruction)


def _value(word: Word, labels: dict[Label, int], strings: list[str]) -> int:
    if isinstance(word, Label):
        return labels[word]
    if isinstance(word, Text):
        if word.content not in strings:
            strings.append(word.content)
        return strings.index(word.content)
    return word


def _string_table(strings: Sequence[str], address: int) -> bytes:
    """Number of strings, the address of each, and their bytes; the table begins at `address`."""
    contents = [string.encode("ascii") + b"\0" for string in strings]
    content_at = address + _WORD_BYTES * (1 + len(strings))
    addresses = [content_at + sum(map(len, contents[:index])) for index in range(len(strings))]
    return struct.pack(f"<{1 + len(strings)}i", len(strings), *addresses) + b"".join(contents)
