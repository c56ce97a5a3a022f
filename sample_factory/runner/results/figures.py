"""Pictures of a study for papers: learning curves, one panel an environment, and performance profiles.

Knows no file of an experiment. Colours are those of Okabe and Ito, which colour-blind people can tell apart.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # no display is needed to write a file

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sample_factory.runner.results.report import metric_name
from sample_factory.runner.results.settings import Key, Setting, differing_names, short
from sample_factory.runner.results.study import EnvResults, SettingResults, Study

FORMATS = ("png", "svg")
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DARK, _GREY, _PALE = "#1b1f24", "#5f6670", "#e6e8eb"
_OTHERS = "#c3c8ce"
"""Of more settings than there are colours only the best ones have one."""
_MOST_BANDS = 4
"""Bands of more profiles hide each other."""
_PANEL_INCHES = (3.5, 2.5)
_SINGLE_INCHES = (4.4, 2.9)
_INCHES_PER_LETTER = 0.075
"""Of a legend beside a panel."""
_MOST_COLUMNS = 4
_DPI = 200
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlecolor": _DARK,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _DARK,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _PALE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 8.5,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "sample-factory",  # the same study gives the same file
}
_UNITS = ((1e9, "billion frames"), (1e6, "million frames"), (1e3, "thousand frames"), (1.0, "frames"))
_SCORES = {"score": "score", "reference": "normalized score", "study": "score, 0: worst, 1: best of the study"}


class _Look(NamedTuple):
    """How a setting is drawn; one without a colour of its own stays behind the others."""

    colour: str
    is_other: bool


class _Legend(NamedTuple):
    """The names of hyper-parameters, and a line for each choice of values."""

    names: list[str]
    lines: list[tuple[str, _Look]]


_BEHIND = _Look(_OTHERS, True)


def draw(study: Study, folder: Path) -> list[Path]:
    """Write curves.png, curves.svg, profiles.png and profiles.svg; returns what was written.

    Raises:
        OSError: they cannot be written.
    """
    written: list[Path] = []
    with mpl.rc_context(_STYLE):
        if any(run.curve is not None for results in study.envs for one in results.settings for run in one.runs):
            written += _save(_curves(study), folder, "curves")
        if study.overall:
            written += _save(_profiles(study), folder, "profiles")
    return written


def _save(figure: Figure, folder: Path, name: str) -> Iterator[Path]:
    try:
        for kind in FORMATS:
            path, partial = folder / f"{name}.{kind}", folder / f".{name}.{kind}.partial"
            metadata = {"Date": None} if kind == "svg" else {}
            figure.savefig(partial, format=kind, dpi=_DPI, metadata=metadata)
            os.replace(partial, path)
            yield path
    finally:
        plt.close(figure)


def _curves(study: Study) -> Figure:
    count = len(study.envs)
    # As square as it goes, because a page is: 6 panels are 3 x 2, not 4 + 2.
    columns = count if count < _MOST_COLUMNS else min(_MOST_COLUMNS, math.ceil(math.sqrt(count)))
    rows = -(-count // columns)
    shared = _shared_looks(study)
    looks = [shared or _looks(_settings(results)) for results in study.envs]
    legends = [_legend(results.settings, look) for results, look in zip(study.envs, looks, strict=True)]
    is_below = shared is not None and count > 1
    beside = 0.0 if is_below else max(map(_width, legends))
    width, height = _SINGLE_INCHES if count == 1 else _PANEL_INCHES
    figure, axes = plt.subplots(
        rows, columns, figsize=((width + beside) * columns, height * rows), layout="constrained", squeeze=False
    )
    for panel in axes.flat[count:]:
        panel.set_visible(False)
    for position, results in enumerate(study.envs):
        panel = axes.flat[position]
        _draw_env(panel, results, looks[position])
        if position % columns == 0 or results.metric != study.envs[position - 1].metric:
            panel.set_ylabel(metric_name(results.metric))
        if not is_below:
            _put_legend(panel, legends[position])
    if shared is not None and is_below:
        _put_below(figure, _legend(_with_most_runs(study, shared), shared))
    return figure


def _draw_env(panel: Axes, results: EnvResults, looks: Mapping[Key, _Look]) -> None:
    # Worst first, so that the best lies on top.
    for one in reversed(results.settings):
        look = looks[one.setting.key]
        order = 1 if look.is_other else 2
        band = one.band
        panel.fill_between(
            results.grid, band.low, band.high, color=look.colour, alpha=0.0 if look.is_other else 0.18, linewidth=0,
            zorder=order,
        )  # fmt: skip
        # Where some have ended or not got to yet, the mean is of other runs than before.
        of_all = np.where(band.num_runs == band.num_runs.max(), band.mean, np.nan)
        width = 0.9 if look.is_other else 1.6
        panel.plot(results.grid, band.mean, color=look.colour, linewidth=0.75 * width, linestyle=":", zorder=order)
        panel.plot(results.grid, of_all, color=look.colour, linewidth=width, zorder=order + 1)
    panel.set_title(results.env, loc="left", fontweight="bold")
    _scale_frames(panel, results.grid[-1])
    panel.yaxis.set_major_locator(MaxNLocator(nbins=5))
    panel.tick_params(length=0)


def _scale_frames(panel: Axes, end: float) -> None:
    size, name = next(unit for unit in _UNITS if end >= 2 * unit[0] or unit[0] == 1.0)
    panel.set_xlim(0, end)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda frames, position: f"{frames / size:g}"))
    panel.set_xlabel(name)


def _profiles(study: Study) -> Figure:
    ranked = _settings(study.envs[0]) if len(study.envs) == 1 else [one.setting for one in study.overall]
    looks = _shared_looks(study) or _looks(ranked)
    names = differing_names([one.setting.values for one in study.overall])
    texts = [(_text(one.setting, names), looks[one.setting.key]) for one in study.overall]
    legend = _Legend(names, [*((text, look) for text, look in texts if not look.is_other), *_others(looks)])
    beside = _width(legend)
    figure, panel = plt.subplots(figsize=(_SINGLE_INCHES[0] + beside, _SINGLE_INCHES[1]), layout="constrained")
    for one in reversed(study.overall):
        look = looks[one.setting.key]
        order = 1 if look.is_other else 2
        if one.profile_limits is not None and len(study.overall) <= _MOST_BANDS:
            panel.fill_between(
                study.thresholds, one.profile_limits[0], one.profile_limits[1], color=look.colour, alpha=0.18,
                linewidth=0, step="mid", zorder=order,
            )  # fmt: skip
        panel.plot(
            study.thresholds, one.profile, color=look.colour, linewidth=0.9 if look.is_other else 1.6,
            drawstyle="steps-mid", zorder=order + 1,
        )  # fmt: skip
    panel.set_xlim(study.thresholds[0], study.thresholds[-1])
    panel.set_ylim(0, 1.02)
    panel.set_xlabel(_SCORES[study.scale])
    panel.set_ylabel("share of runs with a higher score")
    panel.tick_params(length=0)
    if names:
        _put_legend(panel, legend)
    return figure


def _settings(results: EnvResults) -> list[Setting]:
    return [one.setting for one in results.settings]


def _shared_looks(study: Study) -> dict[Key, _Look] | None:
    """One look for a setting in all panels, if they have the same settings."""
    settings = [_settings(results) for results in study.envs]
    keys = {setting.key for setting in settings[0]}
    if any({setting.key for setting in of_env} != keys for of_env in settings):
        return None
    if len(keys) <= len(_COLOURS):
        # In the order of the values: which colour a setting has must not depend on luck.
        return _looks(sorted(settings[0], key=lambda setting: _sortable(setting.values)))
    ranked = {setting.key: setting for setting in (*(one.setting for one in study.overall), *settings[0])}
    return _looks(list(ranked.values()))


def _looks(settings: Sequence[Setting]) -> dict[Key, _Look]:
    """By rank."""
    coloured = [_Look(colour, False) for colour in _COLOURS]
    return {setting.key: coloured[rank] if rank < len(coloured) else _BEHIND for rank, setting in enumerate(settings)}


def _sortable(values: Mapping[str, Any]) -> list[tuple[bool, float, str]]:
    """Numbers by size, then everything else by its text."""
    is_number = [isinstance(value, (int, float)) for value in values.values()]
    return [
        (not number, float(value) if number else 0.0, "" if number else str(value))
        for number, value in zip(is_number, values.values(), strict=True)
    ]


def _with_most_runs(study: Study, looks: Mapping[Key, _Look]) -> list[SettingResults]:
    """Each setting where it has the most runs: a legend for all panels says how many there are at most."""
    found: dict[Key, SettingResults] = {}
    for results in study.envs:
        for one in results.settings:
            known = found.get(one.setting.key)
            if known is None or one.band.num_runs.max() > known.band.num_runs.max():
                found[one.setting.key] = one
    return [found[key] for key in looks]


def _legend(settings: Sequence[SettingResults], looks: Mapping[Key, _Look]) -> _Legend:
    names = differing_names([one.setting.values for one in settings])
    lines = []
    for one in settings:
        text = _text(one.setting, names) if names else "mean, 95 % interval"
        lines.append((f"{text} (n = {one.band.num_runs.max()})", looks[one.setting.key]))
    return _Legend(names, [*(line for line in lines if not line[1].is_other), *_others(looks)])


def _others(looks: Mapping[Key, _Look]) -> list[tuple[str, _Look]]:
    count = sum(look.is_other for look in looks.values())
    return [(f"{count} other{'s' if count > 1 else ''}", _BEHIND)] if count else []


def _put_legend(panel: Axes, legend: _Legend) -> None:
    """Beside the panel, where it hides nothing; a single line finds a place inside."""
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.03)} if legend.names else {"loc": "best"}
    panel.legend(handles=_handles(legend), **_legend_style(legend), **place)


def _put_below(figure: Figure, legend: _Legend) -> None:
    columns = min(len(legend.lines), _MOST_COLUMNS)
    figure.legend(handles=_handles(legend), **_legend_style(legend), loc="outside lower center", ncols=columns)


def _handles(legend: _Legend) -> list[Line2D]:
    return [Line2D([], [], color=look.colour, linewidth=1.8, label=text) for text, look in legend.lines]


def _legend_style(legend: _Legend) -> dict[str, Any]:
    title = ", ".join(legend.names) or None
    return {"title": title, "alignment": "left", "handlelength": 1.6, "labelcolor": _DARK}


def _width(legend: _Legend) -> float:
    """About how many inches it takes beside a panel."""
    if not legend.names:
        return 0.0
    longest = max(len(", ".join(legend.names)), *(len(text) + 4 for text, _ in legend.lines))
    return longest * _INCHES_PER_LETTER


def _text(setting: Setting, names: Sequence[str]) -> str:
    """Only the values: the names are the title of the legend."""
    return ", ".join(short(setting.values.get(name)) for name in names)
