"""index.json of a collection: its policies, their claimed scores, their files with checksums. Knows no place."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sample_factory.algorithms.appo.exported_folder import CFG_FILE, DESCRIPTION_FILE, WEIGHTS_FILE

INDEX_FILE = "index.json"
VIDEO_FILE = "replay.gif"
FILES = (WEIGHTS_FILE, CFG_FILE, DESCRIPTION_FILE, VIDEO_FILE)
"""What a policy consists of; all in the folder of its name."""
MAX_BYTES = 10_000_000
"""Of all files of a policy."""
FORMAT_VERSION = 1
_NAME = re.compile(r"\w[\w.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Score:
    """Mean of an evaluation."""

    of: str
    """reward or true_objective."""
    mean: float
    standard_error: float
    episodes: int
    deterministic: bool

    def __str__(self) -> str:
        return f"{self.mean:.3g} ± {self.standard_error:.2g}"


@dataclass(frozen=True)
class FileEntry:
    """A file of a policy."""

    size_bytes: int
    sha256: str

    def is_of(self, data: bytes) -> bool:
        """Whether these are the file's contents."""
        return len(data) == self.size_bytes and hashlib.sha256(data).hexdigest() == self.sha256


@dataclass(frozen=True)
class Entry:
    """A policy of a collection."""

    name: str
    env: str
    score: Score
    frames: int
    """Of training."""
    time: str
    """Of training, in words."""
    train: str
    """The command that trained it."""
    files: Mapping[str, FileEntry]


def describe_file(data: bytes) -> FileEntry:
    """What index.json says of a file."""
    return FileEntry(len(data), hashlib.sha256(data).hexdigest())


def write_index(entries: Sequence[Entry]) -> str:
    """The text of index.json."""
    policies = [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.name)]
    return json.dumps({"format_version": FORMAT_VERSION, "policies": policies}, indent=2) + "\n"


def read_index(text: bytes | str, where: str) -> list[Entry]:
    """The entries of an index.json that may come from anybody.

    Raises:
        ValueError: one line: it is no index, or names files that a policy does not have.
    """
    try:
        contents = json.loads(text)
        if contents["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {contents['format_version']!r} is not {FORMAT_VERSION}")
        entries = [_entry(policy) for policy in contents["policies"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{where} is not the index of a collection: {reason}") from None
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise ValueError(f"{where} has a policy twice")
    return entries


def find(entries: Sequence[Entry], name: str) -> Entry:
    """The policy of that name.

    Raises:
        ValueError: one line: there is none.
    """
    for entry in entries:
        if entry.name == name:
            return entry
    raise ValueError(f"there is no policy {name}; there are {', '.join(entry.name for entry in entries) or 'none'}")


def check_name(name: str) -> str:
    """The name, which is one of a folder as well.

    Raises:
        ValueError: one line: it is not.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a policy: letters, digits, _ - and . (not first)")
    return name


def _entry(policy: Any) -> Entry:
    score = policy["score"]
    files = {name: FileEntry(int(file["size_bytes"]), str(file["sha256"])) for name, file in policy["files"].items()}
    name = check_name(policy["name"])
    if sorted(files) != sorted(FILES):
        raise ValueError(f"{name} has the files {', '.join(sorted(files))}, not {', '.join(sorted(FILES))}")
    if not all(file.size_bytes >= 0 and _SHA256.fullmatch(file.sha256) for file in files.values()):
        raise ValueError(f"{name} has files without size and SHA-256")
    if sum(file.size_bytes for file in files.values()) > MAX_BYTES:
        raise ValueError(f"{name} has more than {MAX_BYTES // 1_000_000} MB")
    return Entry(
        name=name,
        env=str(policy["env"]),
        score=Score(
            of=str(score["of"]),
            mean=float(score["mean"]),
            standard_error=float(score["standard_error"]),
            episodes=int(score["episodes"]),
            deterministic=bool(score["deterministic"]),
        ),
        frames=int(policy["frames"]),
        time=str(policy["time"]),
        train=str(policy["train"]),
        files=files,
    )
