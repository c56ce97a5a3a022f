"""What is under a frame, and that the frame stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from sample_factory.system.captions import with_caption

_TEXTS = {"health": "100", "ammo": "26", "kills": "3", "reward": "1.25", "value": "0.50", "action": "forward, attack"}


def _frame(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "factor"), [(120, 160, 4), (144, 256, 3), (480, 640, 1), (720, 1280, 1), (120, 8 * 160, 1)]
)
def test_the_frame_keeps_its_pixels_and_small_ones_are_enlarged(height, width, factor):
    frame = _frame(height, width)
    result = with_caption(frame, [_TEXTS])
    assert result.dtype == np.uint8 and result.shape[0] > factor * height and result.shape[1] == factor * width
    np.testing.assert_array_equal(result[: factor * height : factor, ::factor], frame)


def test_the_text_is_bright_on_dark_and_depends_on_the_values():
    frame = _frame(120, 160)
    first, second = (with_caption(frame, [{**_TEXTS, "health": health}])[480:] for health in ("100", "7"))
    assert first.max() > 200 and np.median(first) < 40
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first[:, 320:], second[:, 320:])  # values that did not change stay where they are


def test_the_size_does_not_depend_on_the_values():
    frame = _frame(120, 160)
    long = {name: "123456789 " * 20 for name in _TEXTS}
    assert with_caption(frame, [_TEXTS]).shape == with_caption(frame, [long]).shape
    empty = dict.fromkeys(_TEXTS, "")
    assert with_caption(frame, [_TEXTS]).shape == with_caption(frame, [empty]).shape


@pytest.mark.parametrize("num_agents", [1, 2, 4, 8])
def test_every_agent_has_its_text_under_its_own_part(num_agents):
    frame = _frame(120, num_agents * 160)
    empty = dict.fromkeys(_TEXTS, "")
    nobody = with_caption(frame, [empty] * num_agents)
    for agent in range(num_agents):
        result = with_caption(frame, [_TEXTS if i == agent else empty for i in range(num_agents)])
        columns = np.flatnonzero((result != nobody).any(axis=(0, 2)))
        width = result.shape[1] // num_agents
        assert agent * width <= columns.min() and columns.max() < (agent + 1) * width
