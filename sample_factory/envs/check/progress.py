"""What the checked environment is doing, for those who find its process dead or stuck. Knows no environment."""

from __future__ import annotations

import os
import time

from sample_factory.system.arena import Arena, ArraySpec

_TEXT_BYTES = 120


class Progress:
    """Written by the process that steps the environment, read by the one that watches it."""

    def __init__(self) -> None:
        self._arena = Arena.create({"beats": ArraySpec((4,), "int64"), "text": ArraySpec((_TEXT_BYTES,), "uint8")})
        self._last_beats, self._last_change = 0, time.monotonic()

    def begin(self, activity: str) -> None:
        """Say what begins, such as "stepping environment 0"."""
        text = activity.encode()[:_TEXT_BYTES]
        self._arena["text"][:] = list(text.ljust(_TEXT_BYTES))
        self._arena["beats"][3] = os.getpid()
        self.beat(-1)

    # hot path
    def beat(self, step: int, env: int = -1) -> None:
        """Call before each step (0 is the reset), with the number of the environment if there is one."""
        beats = self._arena["beats"]
        beats[1], beats[2] = step, env
        beats[0] += 1

    def pid(self) -> int:
        """The process that steps; 0 before it has begun anything."""
        return int(self._arena["beats"][3])

    def last(self) -> str:
        """Where it was last seen."""
        text = self._arena["text"].tobytes().rstrip(b"\0 ").decode(errors="replace")
        step, env = self.step(), int(self._arena["beats"][2])
        text += f" environment {env}" if env >= 0 else ""
        return text if step is None else f"{text}, at {'reset' if step == 0 else f'step {step}'}"

    def step(self) -> int | None:
        """The step at which it was last seen; None if it was not stepping."""
        step = int(self._arena["beats"][1])
        return None if step < 0 else step

    def silent_sec(self) -> float:
        """How long it has done nothing; to be called again and again."""
        beats, now = int(self._arena["beats"][0]), time.monotonic()
        if beats != self._last_beats:
            self._last_beats, self._last_change = beats, now
        return now - self._last_change

    def close(self) -> None:
        """Give the shared memory back."""
        self._arena.close()

    def restart(self) -> None:
        """Another process begins."""
        self._last_change = time.monotonic()
        self._arena["text"][:] = 0
        self._arena["beats"][1:] = -1, -1, 0
