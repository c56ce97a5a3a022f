"""The picture of a family tree: weights, objectives and one hyper-parameter over frames. Knows no lineage file.

Every policy has a colour. In the uppermost panel a line has the colour of the policy from whose beginning the weights
descend; in the others it has that of the policy itself. There are twelve colours; more policies share them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO, Any, NamedTuple

import matplotlib as mpl

mpl.use("Agg")  # no display is needed to write a file

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from sample_factory.algorithms.appo.family_tree import FamilyTree, Replacement

_COLOURS = (
    "#2f6fde", "#e8553a", "#2e9e55", "#e0a100", "#8e4ec6", "#12a5a5",
    "#d6409f", "#8d6748", "#7fb2ff", "#1f2d3d", "#9bb51c", "#9aa0a6",
)  # fmt: skip
_SIZE = (10.0, 8.0)
"""Inches."""
_ROWS_PER_TREE = 12
"""Policies for which the tree has room; more make the picture higher."""
_INCHES_PER_ROW = 0.25
_DARK, _GREY, _PALE = "#1b1f24", "#5f6670", "#e6e8eb"
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _GREY,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _PALE,
    "svg.fonttype": "none",  # text stays text
}
_UNITS = ((1_000_000, "million frames"), (1_000, "thousand frames"), (1, "frames"))
_MARGIN = 1.01
_ARROW_GAP = 0.006
"""Part of the width by which arrows that would hide each other are moved apart."""
_LABEL_GAP = 0.068
"""Part of a panel's height between labels, at least."""
_NARROW = 3.0
"""Largest ratio of values between which the marks 1, 2 and 5 of a logarithmic axis are too few."""


class _Line(NamedTuple):
    """Frames of a policy in which its weights had the same founder."""

    begin: int
    end: int
    founder: int


def draw(tree: FamilyTree, parameter: str, title: str, out: Path | IO[bytes]) -> None:
    """Write the picture, in the format that the file's name says; a file that is already open gets SVG.

    Args:
        parameter: name of one of the values of every stretch.

    Raises:
        OSError: it cannot be written.
    """
    with mpl.rc_context(_STYLE):
        more = max(0, len(tree.stretches) - _ROWS_PER_TREE) * _INCHES_PER_ROW
        figure, (weights, objectives, values) = plt.subplots(
            3, 1, sharex=True, figsize=(_SIZE[0], _SIZE[1] + more), layout="constrained",
            gridspec_kw={"height_ratios": (3.0 + more, 2.2, 1.9)},
        )  # fmt: skip
        try:
            figure.suptitle(f"{title}: {_summary(tree)}", x=0.01, ha="left", fontsize=11, color=_DARK)
            _scale_frames(values, tree.end)
            _draw_weights(weights, tree)
            _draw_objectives(objectives, tree)
            _draw_values(values, tree, parameter)
            figure.savefig(out, dpi=120, format=None if isinstance(out, Path) else "svg")
        finally:
            plt.close(figure)


def spread(heights: Mapping[int, float], gap: float) -> dict[int, float]:
    """Heights in the same order, at least `gap` apart and at most 1; those that are far enough apart stay.

    Args:
        heights: in [0, 1].
        gap: at most 1 / (number of heights).
    """
    names = sorted(heights, key=lambda name: heights[name])
    moved = [heights[name] for name in names]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    top = 1.0
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], top)
        top = moved[i] - gap
    return dict(zip(names, moved, strict=True))


def number(value: float) -> str:
    """A short text: 0.02, 3e-4 instead of 0.0003, 1.2e-4."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    return f"{value / 10**exponent:.3g}e{exponent}"


def _summary(tree: FamilyTree) -> str:
    left = sorted(set(tree.founders))
    count = len(tree.replacements)
    whose = f"all weights descend from policy {left[0]}" if len(left) == 1 else f"weights of {len(left)} founders left"
    return f"{len(tree.stretches)} policies, {count} replacement{'' if count == 1 else 's'}, {whose}"


def _scale_frames(panel: Axes, end: int) -> None:
    size, name = next(unit for unit in _UNITS if end >= 2 * unit[0] or unit[0] == 1)
    panel.set_xlim(0, end * _MARGIN)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda frames, position: f"{frames / size:g}"))
    panel.set_xlabel(name)


def _draw_weights(panel: Axes, tree: FamilyTree) -> None:
    thickness = 4.0 if len(tree.stretches) <= _ROWS_PER_TREE // 2 else 3.0
    for policy in tree.stretches:
        for line in _lines(tree, policy):
            panel.plot(
                [line.begin, line.end], [policy, policy], color=_colour(line.founder), linewidth=thickness,
                solid_capstyle="butt", zorder=2,
            )  # fmt: skip
    for one, x in _apart(tree.replacements, _ARROW_GAP * tree.end):
        _draw_arrow(panel, one, x, thickness)
    panel.plot(
        [one.env_steps for one in tree.mutations], [one.policy for one in tree.mutations], linestyle="", marker="|",
        markersize=thickness + 5, markeredgewidth=1.1, color=_DARK, zorder=3.5,
    )  # fmt: skip
    policies = sorted(tree.stretches)
    panel.set_yticks(policies, [str(policy) for policy in policies])
    for label, policy in zip(panel.get_yticklabels(), policies, strict=True):
        label.set(color=_colour(policy), fontweight="bold")
    panel.set_ylim(policies[-1] + 0.6, policies[0] - 0.6)
    panel.set_ylabel("policy")
    panel.tick_params(axis="both", length=0)
    panel.spines["left"].set_visible(False)
    _legend(panel)
    for policy, founder in zip(policies, tree.founders, strict=True):
        panel.text(
            1.008, policy, f"from {founder}", transform=panel.get_yaxis_transform(), va="center", fontsize=8,
            color=_colour(founder), fontweight="bold",
        )  # fmt: skip


def _draw_arrow(panel: Axes, one: Replacement, x: float, thickness: float) -> None:
    colour = _colour(one.founder)
    panel.annotate(
        "", (x, one.policy), (x, one.source), zorder=4,
        arrowprops={
            "arrowstyle": "-|>,head_length=0.4,head_width=0.2", "color": colour, "linewidth": 1.2,
            "shrinkA": 0, "shrinkB": 0,
        },
    )  # fmt: skip
    panel.plot([x], [one.source], "o", color=colour, markersize=thickness + 1.5, zorder=3)


def _legend(panel: Axes) -> None:
    line = Line2D([], [], color=_GREY, linewidth=3, label="colour: policy from whose beginning the weights descend")
    arrow = Line2D([], [], color=_GREY, marker=r"$\rightarrow$", markersize=11, linestyle="", label="weights replaced")
    mark = Line2D([], [], color=_DARK, marker="|", markersize=9, linestyle="", label="hyper-parameters mutated")
    panel.legend(
        handles=[line, arrow, mark], loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False,
        borderaxespad=0.2, handletextpad=0.6, labelcolor=_GREY,
    )  # fmt: skip


def _draw_objectives(panel: Axes, tree: FamilyTree) -> None:
    last: dict[int, float] = {}
    for policy, stretches in tree.stretches.items():
        judged = [(one.end, one.objective) for one in stretches if one.objective is not None]
        if judged:
            frames, objectives = zip(*judged, strict=True)
            panel.plot(frames, objectives, "o-", color=_colour(policy), markersize=3, linewidth=1.3, alpha=0.9)
            last[policy] = objectives[-1]
    panel.set_ylabel("objective when judged")
    panel.grid(axis="y")
    if last:
        _label_ends(panel, last)
    else:
        panel.set_yticks([])
        panel.text(0.5, 0.5, "nobody has been judged yet", transform=panel.transAxes, ha="center", color=_GREY)


def _draw_values(panel: Axes, tree: FamilyTree, parameter: str) -> None:
    values = {policy: [one.values[parameter] for one in stretches] for policy, stretches in tree.stretches.items()}
    for policy, stretches in tree.stretches.items():
        frames = [one.begin for one in stretches] + [stretches[-1].end]
        steps = [*values[policy], values[policy][-1]]
        panel.plot(frames, steps, drawstyle="steps-post", color=_colour(policy), linewidth=1.4, alpha=0.9)
    _scale_values(panel, [value for of_policy in values.values() for value in of_policy])
    panel.set_ylabel(parameter)
    panel.grid(axis="y")
    _label_ends(panel, {policy: of_policy[-1] for policy, of_policy in values.items()})


def _scale_values(panel: Axes, values: Sequence[float]) -> None:
    """Logarithmic, unless there are values that have no logarithm."""
    low, high = min(values), max(values)
    if low > 0:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(
            MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10])
            if high <= _NARROW * low
            else LogLocator(subs=(1.0, 2.0, 5.0), numticks=12)
        )
        panel.yaxis.set_minor_locator(NullLocator())
        if low == high:
            panel.set_ylim(low / 1.5, high * 1.5)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, position: number(value)))


def _label_ends(panel: Axes, heights: Mapping[int, float]) -> None:
    """Write the number of each policy to the right of its line, but never one over another.

    Args:
        heights: where the lines end, in the panel's units.
    """
    panel.autoscale_view(scalex=False)
    panel.set_ylim(panel.get_ylim())
    to_panel = panel.transScale + panel.transLimits
    wanted = {policy: float(to_panel.transform((1.0, height))[1]) for policy, height in heights.items()}
    for policy, height in spread(wanted, min(_LABEL_GAP, 1 / len(wanted))).items():
        colour = _colour(policy)
        panel.plot(
            [0.995, 1.004, 1.018, 1.021], [wanted[policy], wanted[policy], height, height], transform=panel.transAxes,
            color=colour, linewidth=0.7, clip_on=False, scalex=False, scaley=False,
        )  # fmt: skip
        panel.text(
            1.025, height, str(policy), transform=panel.transAxes, va="center", fontsize=8, color=colour,
            fontweight="bold",
        )  # fmt: skip


def _lines(tree: FamilyTree, policy: int) -> list[_Line]:
    groups = groupby(tree.stretches[policy], key=lambda one: one.founder)
    parts = [(founder, list(stretches)) for founder, stretches in groups]
    return [_Line(stretches[0].begin, stretches[-1].end, founder) for founder, stretches in parts]


def _apart(replacements: Sequence[Replacement], gap: float) -> list[tuple[Replacement, float]]:
    """Each with the place of its arrow, moved by as few gaps as there must be for none to lie on another."""
    placed: list[tuple[float, int, int]] = []
    found = []
    for one in replacements:
        low, high = sorted((one.policy, one.source))
        shift, x = 0, float(one.env_steps)
        while any(abs(x - other) < gap and low <= top and bottom <= high for other, bottom, top in placed):
            shift = -shift if shift > 0 else 1 - shift  # 1, -1, 2, -2, ...
            x = one.env_steps + shift * gap
        placed.append((x, low, high))
        found.append((one, x))
    return found


def _colour(policy: int) -> str:
    return _COLOURS[policy % len(_COLOURS)]
