"""Which seed an environment resets with next, so that no level is played twice. Knows neither levels nor a cache.

All environments that play a level share its seeds without a word between them: environment j of n only takes seeds
that leave the remainder j when divided by n. So two never take the same, whatever each of them knows of a cache that
grows, and however often one of them is killed and started again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

log = logging.getLogger(__name__)

NUM_SEEDS = 2**31 - 1
"""Seeds are smaller than this: DeepMind Lab takes a C int that is not negative."""

_MAX_DIGITS = 10


class LevelSeeds:
    """The seeds of one environment, which plays one level; each policy has its own."""

    def __init__(
        self, level: str, cached: Iterable[int], *, run_seed: int, env: int, num_envs: int, folder: Path | None
    ) -> None:
        """
        Args:
            level: path of the level.
            cached: seeds of the level that a cache has; they come first.
            run_seed: decides the order of those, and which others follow.
            env: number of this environment among the `num_envs` of the run that play the level.
            folder: the experiment's, where used seeds are recorded; None records nothing.

        Raises:
            ValueError: there is no environment of that number.
        """
        if not 0 <= env < num_envs:
            raise ValueError(f"environment {env} is none of the {num_envs} that play {level}")
        self._level, self._folder = level, folder
        self._run_seed, self._env, self._num_envs = run_seed, env, num_envs
        self._cached = sorted({seed for seed in cached if self._is_mine(seed)})
        self._unused: dict[int, Iterator[int]] = {}
        self._has_complained = False

    def next(self, policy: int) -> int:
        """A seed that this experiment has not used for the policy and the level; it is recorded as used."""
        if policy not in self._unused:
            self._unused[policy] = self._unused_seeds(policy)
        seed = next(self._unused[policy])
        self._record(policy, seed)
        return seed

    def _is_mine(self, seed: int) -> bool:
        return 0 <= seed < NUM_SEEDS and seed % self._num_envs == self._env

    def _unused_seeds(self, policy: int) -> Iterator[int]:
        used = self._read_used(policy)
        purpose = f"{self._run_seed} {policy} {self._level}"
        # By a key of each seed alone: what else the cache has changes nothing in the order of two seeds.
        cached = sorted(self._cached, key=lambda seed: hashlib.sha256(f"{purpose} {seed}".encode()).digest())
        yield from (seed for seed in cached if seed not in used)
        used.update(cached)
        # The same numbers again after each start; those that have been used are passed over.
        generator = random.Random(f"{purpose} {self._env} of {self._num_envs}")
        mine = range(self._env, NUM_SEEDS, self._num_envs)
        while True:
            seed = generator.choice(mine)
            if seed not in used:
                used.add(seed)
                yield seed

    def _read_used(self, policy: int) -> set[int]:
        """Those that this environment may take; the others' do not matter to it."""
        path = self._file(policy)
        if path is None:
            return set()
        try:
            return {seed for seed in _recorded(path.read_bytes()) if self._is_mine(seed)}
        except FileNotFoundError:
            return set()
        except OSError as error:
            self._complain(path, error)
            return set()

    def _record(self, policy: int, seed: int) -> None:
        path = self._file(policy)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _append_line(path, str(seed).encode())
        except OSError as error:
            self._complain(path, error)

    def _file(self, policy: int) -> Path | None:
        if self._folder is None:
            return None
        names = [name for name in f"_{self._level}.dm_lvl_seeds".split("/") if name not in ("", "..")]
        return self._folder.joinpath(f"dmlab_used_lvl_seeds_p{policy:02d}", *names)

    def _complain(self, path: Path, error: OSError) -> None:
        if not self._has_complained:
            log.warning(
                "Levels may be played twice after this run is resumed: cannot record used seeds in %s (said once): %s",
                path,
                error.strerror or error,
            )
            self._has_complained = True


def _recorded(contents: bytes) -> Iterator[int]:
    """The seeds of a file; what is no number is passed over. Half a number costs a seed, which nobody will miss."""
    for line in contents.split(b"\n"):
        text = line.strip()
        if text.isdigit() and len(text) <= _MAX_DIGITS:
            yield int(text)


def _append_line(path: Path, line: bytes) -> None:
    """With a single write, which other processes' lines cannot come into.

    Raises:
        OSError: it is not in the file, or not the whole of it.
    """
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(fd).st_size
        # A line that a full disk has cut off would make another number of this one. If it is only one that another
        # process is writing, an empty line comes of it.
        is_torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        text = (b"\n" if is_torn else b"") + line + b"\n"
        written = os.write(fd, text)
        if written < len(text):
            raise OSError(f"only {written} of {len(text)} bytes were written")
    finally:
        os.close(fd)
