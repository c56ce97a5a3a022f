"""Seeds for run scripts. Knows no experiment."""

from __future__ import annotations

import random


def seeds(num_seeds: int) -> list[int]:
    """So many different seeds below 10,000,000; always the same, so that names stay the same when a study goes on."""
    generator = random.Random(0)
    found: list[int] = []
    while len(found) < num_seeds:
        seed = generator.randrange(10_000_000)
        if seed not in found:
            found.append(seed)
    return found
