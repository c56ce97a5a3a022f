"""Scripts become the bytes that the engine reads."""

import struct

from sample_factory.envs.doom.scenario.acs import Kind, Label, Op, Script, Text, behavior, push


def test_a_script_becomes_code_directory_and_strings():
    again = Label()
    code = [again, *push(Text("Clip")), (Op.GO_TO, again)]
    words = (1, 5 + 4000, 8, 0)  # one script: number and kind, address, arguments
    expected = b"ACS\0" + struct.pack("<i", 24)
    expected += struct.pack("<4i", Op.PUSH, 0, Op.GO_TO, 8)
    expected += struct.pack("<4i", *words)
    expected += struct.pack("<2i", 1, 48) + b"Clip\0"
    assert behavior([Script(5, code, Kind.ENTER)]) == expected


def test_equal_strings_are_stored_once_and_labels_belong_to_their_script():
    first, second = Label(), Label()
    scripts = [
        Script(1, [*push(Text("A"), Text("B")), first, (Op.GO_TO, first)]),
        Script(2, [second, *push(Text("B")), (Op.GO_TO, second)]),
    ]
    words = struct.unpack_from("<10i", behavior(scripts), 8)
    assert words == (Op.PUSH, 0, Op.PUSH, 1, Op.GO_TO, 24, Op.PUSH, 1, Op.GO_TO, 32)
