"""The encoder of texts: an embedding of words and an LSTM over them. Knows no language and no vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sample_factory.models.tracing import is_being_traced

_WORD_SIZE = 20
_TEXT_SIZE = 64
_MAX_REMEMBERED = 10_000


class TextEncoder(nn.Module):
    """The LSTM's output at the last word of each text; zeros for an empty one.

    A text stays the same for an episode and is often shared by many environments. So the LSTM reads every different
    text of a batch once, no further than the longest of them goes, and without gradients only the texts that were not
    read yet with these weights: 60 instead of 190 us for a batch that has one text of twelve words.
    """

    def __init__(self, num_words: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, _WORD_SIZE, padding_idx=0)
        self.rnn = nn.LSTM(_WORD_SIZE, _TEXT_SIZE)
        self.output_size = _TEXT_SIZE
        self.hash_factors: Tensor
        factors = torch.randint(2**62, (length,), generator=torch.Generator().manual_seed(0))
        self.register_buffer("hash_factors", factors, persistent=False)
        self._read_with: list[Tensor] = []  # a copy of the weights that gave what is remembered
        self._remembered: dict[int, int] = {}  # rows of the table by hash
        self._table = torch.empty(0)
        self._is_autocast = False

    # hot path
    def forward(self, words: Tensor) -> Tensor:
        """[N, length] int32, 0 behind the last word, to [N, output_size]."""
        if is_being_traced():
            return self._read_whole(words)
        # Of a thousand different texts, two have the same 64 bits once in 10^13 batches.
        hashes = (words * self.hash_factors).sum(1)
        if not torch.is_grad_enabled() and words.device.type == "cpu":
            return self._remember(words, hashes.tolist())
        different, text_of_row = torch.unique(hashes, return_inverse=True)
        rows = torch.arange(len(words), device=words.device)
        any_row = torch.empty_like(different).scatter_(0, text_of_row, rows)
        return self._read(words.index_select(0, any_row)).index_select(0, text_of_row)

    def _read(self, texts: Tensor) -> Tensor:
        """[U, length] to [U, output_size]."""
        places = torch.arange(1, texts.shape[1] + 1, dtype=torch.int32, device=texts.device)
        lengths = ((texts != 0) * places).amax(1)
        longest = max(1, int(lengths.max()))
        outputs = self.rnn(self.embedding(texts[:, :longest].t()))[0]
        # What comes behind the last word of a shorter text has no way back to it.
        last: Tensor = outputs[(lengths - 1).clamp_(min=0).long(), torch.arange(len(texts), device=texts.device)]
        return last.masked_fill((lengths == 0)[:, None], 0.0)

    def _read_whole(self, texts: Tensor) -> Tensor:
        """What `_read` gives, without a look at the texts: a traced model does the same whatever it is given."""
        places = torch.arange(1, texts.shape[1] + 1, dtype=torch.int32, device=texts.device)
        lengths = ((texts != 0) * places).amax(1)
        outputs = self.rnn(self.embedding(texts.t()))[0]
        at_last_word = (lengths - 1).clamp(min=0).long()[None, :, None].expand(1, -1, self.output_size)
        last: Tensor = outputs.gather(0, at_last_word)[0]
        return last * (lengths > 0).to(last.dtype)[:, None]

    def _remember(self, words: Tensor, hashes: list[int]) -> Tensor:
        if not self._has_weights_of_table() or len(self._remembered) > _MAX_REMEMBERED:
            self._read_with = [weight.detach().clone() for weight in self.parameters()]
            self._is_autocast = torch.is_autocast_enabled("cpu")
            self._remembered.clear()
        places = list(map(self._remembered.get, hashes))
        if None in places:
            new = {value: row for row, value in enumerate(hashes) if value not in self._remembered}
            features = self._read(words[list(new.values())])
            self._table = torch.cat((self._table, features)) if self._remembered else features
            for value in new:
                self._remembered[value] = len(self._remembered)
            places = list(map(self._remembered.get, hashes))
        return self._table[places]

    def _has_weights_of_table(self) -> bool:
        # Value by value, which takes 30 us: torch does not count what is written to tensors in inference mode.
        old, new = self._read_with, list(self.parameters())
        return (
            self._is_autocast == torch.is_autocast_enabled("cpu")
            and len(old) == len(new)
            and all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(old, new, strict=True))
        )
