"""Where a collection is: a folder, the web, the Hugging Face hub. Knows no policy."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from sample_factory.algorithms.appo.exported_folder import missing_package
from sample_factory.trained_policies.index import INDEX_FILE, Entry, read_index

_MAX_INDEX_BYTES = 1_000_000
_TIMEOUT_SEC = 60
_HUB = "hf://"


class Source(Protocol):
    """Files by name; / separates folders."""

    place: str

    def read(self, name: str, max_bytes: int) -> bytes:
        """Contents of a file, at most `max_bytes` and one more.

        Raises:
            ValueError: one line: it cannot be read.
        """
        ...


def open_source(place: str) -> Source:
    """The source that `--source` names."""
    if place.startswith(_HUB):
        return HubRepository(place)
    if place.startswith(("https://", "http://", "file://")):
        return WebFolder(place)
    return Folder(place)


def read_entries(source: Source) -> list[Entry]:
    """The policies of a collection.

    Raises:
        ValueError: one line: there is no collection.
    """
    return read_index(source.read(INDEX_FILE, _MAX_INDEX_BYTES), f"{INDEX_FILE} of {source.place}")


class Folder:
    """Of this machine."""

    def __init__(self, place: str) -> None:
        self.place = place

    def read(self, name: str, max_bytes: int) -> bytes:
        """Contents of a file, at most `max_bytes` and one more."""
        path = Path(self.place).expanduser() / name
        try:
            with path.open("rb") as file:
                return file.read(max_bytes + 1)
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror or error}") from None


class WebFolder:
    """An address below which the files are."""

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/")

    def read(self, name: str, max_bytes: int) -> bytes:
        """Contents of a file, at most `max_bytes` and one more."""
        address = f"{self.place}/{name}"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_SEC) as response:
                data: bytes = response.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise ValueError(f"cannot download {address}: {reason}") from None
        return data


class HubRepository:
    """hf://<owner>/<name>, a repository of models on the Hugging Face hub."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._repo_id = place.removeprefix(_HUB).rstrip("/")

    def read(self, name: str, max_bytes: int) -> bytes:
        """Contents of a file, at most `max_bytes` and one more; the hub's own cache keeps it."""
        try:
            # Only here, because the package is optional.
            import huggingface_hub
        except ModuleNotFoundError as error:
            raise missing_package(f"--source={self.place}", error, "hub") from None
        try:
            path = huggingface_hub.hf_hub_download(self._repo_id, name)
            with open(os.fspath(path), "rb") as file:
                return file.read(max_bytes + 1)
        except Exception as error:  # of its HTTP client, its own, or of the disk
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"cannot download {name} of {self.place}: {reason}") from error
