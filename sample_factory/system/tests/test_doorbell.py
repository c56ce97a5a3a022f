"""Rings wake, count once, and never block. Knows no process."""

from __future__ import annotations

import threading

from sample_factory.system.doorbell import Doorbell


def test_rings_before_the_wait_count_once() -> None:
    doorbell = Doorbell()
    for _ in range(3):
        doorbell.bell.ring()
    assert doorbell.wait(0.0)
    assert not doorbell.wait(0.0)
    doorbell.close()


def test_ringing_never_blocks() -> None:
    doorbell = Doorbell()
    for _ in range(100_000):  # a pipe holds 65,536
        doorbell.bell.ring()
    assert doorbell.wait(0.0)
    doorbell.close()


def test_a_ring_ends_the_wait() -> None:
    doorbell = Doorbell()
    timer = threading.Timer(0.05, doorbell.bell.ring)
    timer.start()
    assert doorbell.wait(30.0)
    timer.join()
    doorbell.close()
