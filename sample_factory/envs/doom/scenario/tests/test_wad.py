"""WADs can be read back, and damaged ones are refused with their reason."""

import pytest

from sample_factory.envs.doom.scenario.wad import Lump, read_wad, write_wad

_LUMPS = [Lump("MAP01"), Lump("TEXTMAP", b"namespace"), Lump("ENDMAP")]


def test_lumps_come_back_in_order():
    assert read_wad(write_wad(_LUMPS)) == _LUMPS


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin with"),
        (b"hello, this is a text file", "does not begin with"),
        (b"PWAD\1\0\0", "ends within its header"),
        (write_wad(_LUMPS)[:-1], "cut short"),
        (write_wad(_LUMPS).replace(b"\x09\0\0\0TEXT", b"\xff\xff\0\0TEXT"), "'TEXTMAP' lies beyond"),
    ],
)
def test_what_is_no_wad_is_refused(data, reason):
    with pytest.raises(ValueError, match=reason):
        read_wad(data)
