"""Instructions of language levels as numbers of words. Knows no level and no network.

Both encodings depend on the word alone, so a policy means the same by it in every process and every run. Texts longer
than `LENGTH` words are cut off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from sample_factory.envs.text import Vocabulary
from sample_factory.rl.spaces import TextSpace

LENGTH = 16
SIZE = 1000
"""Numbers of words, 0 for none included."""

_COLORS = "red green blue yellow cyan magenta white black orange purple pink brown"
_OBJECTS = (
    "apple ball balloon banana bottle cake can car cassette chair cherries cow flower fork fridge guitar "
    "hammer hat jug key knife ladder mug pencil pig pincer plant racket saxophone shoe spoon suitcase tennis "
    "tomato toothbrush tree tv wine glass zebra brush hair ice lolly"
)
_OTHERS = (
    "pick the object in room every near is are there more or than how many which color colour a an of to go and then "
    "answer question yes no small medium large big tiny left right area corner inside next most least"
)
WORDS = tuple(f"{_COLORS} {_OBJECTS} {_OTHERS}".split())
"""Words with numbers of their own in `Vocabulary`; to be added to only at the end."""

Encode = Callable[[str], np.ndarray]


def instruction_space() -> TextSpace:
    """The space of encoded instructions, int32 [LENGTH]."""
    return TextSpace(SIZE, LENGTH)


def make_encoder(vocabulary: str) -> Encode:
    """The function from a text to int32 [LENGTH], zeros behind the last word; not to be written to.

    Args:
        vocabulary: "md5" shares `SIZE` - 1 numbers by a hash of each word as it is written, as Sample Factory 1 does,
            whose policies need it; "words" gives those of `WORDS` numbers of their own, without regard to case and
            punctuation.
    """
    return Vocabulary(WORDS, LENGTH, SIZE).encode if vocabulary == "words" else _HashedWords(SIZE, LENGTH).encode


def word_bucket(word: str, size: int = SIZE) -> int:
    """Number of a word, 1 to `size` - 1, by its MD5 hash; two words may share one."""
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16) % (size - 1) + 1


class _HashedWords:
    _MAX_CACHED = 10_000

    def __init__(self, size: int, length: int) -> None:
        self._size, self._length = size, length
        self._cache: dict[str, np.ndarray] = {}

    # hot path
    def encode(self, text: str) -> np.ndarray:
        encoded = self._cache.get(text)
        if encoded is None:
            if len(self._cache) >= self._MAX_CACHED:
                self._cache.clear()
            encoded = np.zeros(self._length, np.int32)
            buckets = [word_bucket(word, self._size) for word in text.split()[: self._length]]
            encoded[: len(buckets)] = buckets
            encoded.flags.writeable = False
            self._cache[text] = encoded
        return encoded
