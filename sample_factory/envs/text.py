"""Texts as fixed numbers of word numbers: the same in every process and every run. Knows no environment and no network.

Words that are known beforehand have numbers of their own, in the order in which they are given; all others share the
numbers behind those, by a hash that does not depend on the process. So words may be added to the end of a list, as long
as old checkpoints need not tell the new ones apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from sample_factory.rl.spaces import TextSpace

_WORD = re.compile(r"[a-z0-9]+")
_MAX_CACHED = 10_000


class Vocabulary:
    """Which number stands for which word; 0 for none.

    Args:
        words: known words, lower case, all different.
        length: words that are kept of a text; the rest is cut off.
        size: of the vocabulary, with 0 and the numbers that unknown words share.
    """

    def __init__(self, words: Sequence[str] = (), length: int = 16, size: int = 1000) -> None:
        if len(words) + 1 >= size or len(set(words)) != len(words):
            raise ValueError(f"{len(words)} words, all different, must fit into a vocabulary of {size}")
        self.space = TextSpace(size, length)
        self._words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(words, 1)}
        self._length, self._size = length, size
        self._cache: dict[str, np.ndarray] = {}

    # hot path
    def encode(self, text: str) -> np.ndarray:
        """A text as int32 [length], zeros behind the last word; not to be written to.

        Words are letters and digits; case and punctuation make no difference.
        """
        encoded = self._cache.get(text)
        if encoded is None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            encoded = self._cache[text] = self._encode(text)
        return encoded

    def decode(self, encoded: np.ndarray) -> str:
        """The words of an encoded text; those that were not known as `<number>`."""
        numbers = encoded[encoded != 0].tolist()
        return " ".join(self._words[n - 1] if n <= len(self._words) else f"<{n}>" for n in numbers)

    def _encode(self, text: str) -> np.ndarray:
        encoded = np.zeros(self._length, np.int32)
        numbers = [self._number(word) for word in _WORD.findall(text.lower())[: self._length]]
        encoded[: len(numbers)] = numbers
        encoded.flags.writeable = False
        return encoded

    def _number(self, word: str) -> int:
        first = len(self._words) + 1
        return self._numbers.get(word) or first + _hash(word) % (self._size - first)


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.md5(word.encode(), usedforsecurity=False).digest()[:8], "big")
