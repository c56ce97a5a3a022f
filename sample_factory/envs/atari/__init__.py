"""Atari games as natively batched environments."""
