"""The encoder of texts: an embedding of words and an LSTM over them. Knows no language and no vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_WORD_SIZE = 20
_TEXT_SIZE = 64


class TextEncoder(nn.Module):
    """The LSTM's output at the last word of each text; zeros for an empty one.

    A text stays the same for an episode and is often shared by many environments, so the LSTM reads every different
    text of a batch once, and no further than the longest of them goes.
    """

    def __init__(self, num_words: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, _WORD_SIZE, padding_idx=0)
        self.rnn = nn.LSTM(_WORD_SIZE, _TEXT_SIZE)
        self.output_size = _TEXT_SIZE
        self.hash_factors: Tensor
        factors = torch.randint(2**62, (length,), generator=torch.Generator().manual_seed(0))
        self.register_buffer("hash_factors", factors, persistent=False)

    # hot path
    def forward(self, words: Tensor) -> Tensor:
        """[N, length] int32, 0 behind the last word, to [N, output_size]."""
        texts, text_of_row = self._different(words)
        places = torch.arange(1, words.shape[1] + 1, dtype=torch.int32, device=words.device)
        lengths = ((texts != 0) * places).amax(1)
        longest = max(1, int(lengths.max()))
        outputs = self.rnn(self.embedding(texts[:, :longest].t()))[0]
        # What comes behind the last word of a shorter text has no way back to it.
        last = outputs[(lengths - 1).clamp_(min=0), torch.arange(len(texts), device=words.device)]
        features: Tensor = last.masked_fill((lengths == 0)[:, None], 0.0)
        return features.index_select(0, text_of_row)

    def _different(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """The different rows [U, length] of [N, length], and [N] int64 which of them each row is.

        Rows are compared by 64 bits of hash: two of a thousand different ones look alike once in 10^13 batches.
        """
        hashes, text_of_row = torch.unique((words * self.hash_factors).sum(1), return_inverse=True)
        rows = torch.arange(len(words), device=words.device)
        any_row = torch.empty_like(hashes).scatter_(0, text_of_row, rows)
        return words.index_select(0, any_row), text_of_row
