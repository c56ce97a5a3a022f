"""Nothing outside the folder is read, whatever links there are."""

from __future__ import annotations

import os

import pytest

from sample_factory.dashboard.contained import Contained


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text('"secret"')
    return tmp_path / "root"


def test_file_inside_is_read(root):
    (root / "a" / "file").write_text("[1]")
    files = Contained(root)
    assert files.json(root / "a" / "file") == [1]
    assert files.tail(root / "a" / "file", 2) == "1]"


def test_links_and_dots_do_not_lead_out(root):
    (root / "a" / "link").symlink_to(root.parent / "secret")
    (root / "b").symlink_to(root.parent, target_is_directory=True)
    files = Contained(root)
    for path in (root / "a" / "link", root / "b" / "secret", root / ".." / "secret", root.parent / "secret"):
        assert files.file(path) is None
        assert files.json(path) is None
        assert files.tail(path, 100) == ""


def test_root_that_is_a_link_is_what_it_leads_to(root):
    (root / "file").write_text("1")
    (root.parent / "link").symlink_to(root, target_is_directory=True)
    files = Contained(root.parent / "link")
    assert files.json(files.root / "file") == 1


def test_pipe_is_not_waited_for(root):
    os.mkfifo(root / "pipe")
    assert Contained(root).json(root / "pipe") is None


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_said(root, text):
    (root / "file").write_text(text)
    with pytest.raises(ValueError, match="file is not valid JSON"):
        Contained(root).json(root / "file")


def test_file_that_is_too_large_is_not_read(root):
    with (root / "file").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="1,073,741,824 bytes"):
        Contained(root).json(root / "file")
