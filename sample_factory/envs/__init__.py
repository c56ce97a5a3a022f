"""The environment registry, the batched-row contract and its adapters. Knows no policy."""
