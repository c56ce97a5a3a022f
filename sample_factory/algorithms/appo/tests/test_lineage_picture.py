"""Labels and numbers of the picture of a lineage."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from sample_factory.algorithms.appo.lineage_picture import number, spread


def test_labels_that_are_far_enough_apart_stay_where_they_are():
    assert spread({0: 0.9, 1: 0.1, 2: 0.5}, 0.2) == {1: 0.1, 2: 0.5, 0: 0.9}


def test_labels_never_overlap_nor_leave_the_panel_nor_change_their_order():
    moved = spread({0: 1.0, 1: 1.0, 2: 0.99, 3: 0.0, 4: 0.01}, 0.1)
    heights = [moved[policy] for policy in (3, 4, 2, 0, 1)]
    assert heights == pytest.approx([0.0, 0.1, 0.8, 0.9, 1.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.02, "0.02"), (3e-4, "3e-4"), (1.2e-4, "1.2e-4"), (1e-5, "1e-5"), (128, "128"), (-0.5, "-0.5")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text
