"""What the page of one experiment shows, as values. Knows no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from sample_factory.dashboard.commands import Command, commands_for
from sample_factory.dashboard.contained import Contained
from sample_factory.dashboard.experiment import Experiment
from sample_factory.dashboard.overview import REWARD, TRUE_REWARD, Overview, last_value
from sample_factory.dashboard.players import Lineage, Rating, read_lineage, read_ratings
from sample_factory.dashboard.svg import NUM_COLOURS, Line, chart, chart_curve, spark_curve, sparkline
from sample_factory.runner.ledger import Entry
from sample_factory.runner.results.experiments import Points

_Policies = Mapping[int, Mapping[str, Points]]

_CHARTS = (
    ("Reward", REWARD, "mean, lowest and highest of the last episodes"),
    ("True reward", TRUE_REWARD, "by which the environment judges"),
    ("Elo", "self_play/elo", "against the other policies and their past versions"),
    ("Frames per second", "0_aux/_fps", "all policies together"),
    ("Episode length", "0_aux/avg_len", "steps of the environment"),
    ("Entropy", "train/entropy", ""),
    ("Value loss", "train/value_loss", ""),
    ("KL divergence", "train/kl_divergence", "acting to learning policy"),
    ("Learning rate", "train/lr", ""),
    ("Policy lag", "train/version_diff_avg", "updates between acting and learning"),
)
_MOST_DECISIONS = 30


class Chart(NamedTuple):
    """One learning curve, or one for each policy."""

    title: str
    note: str
    picture: Markup


class Statistic(NamedTuple):
    """One summary."""

    tag: str
    values: list[float | None]
    """The newest of each policy."""
    spark: Markup


class Section(NamedTuple):
    """Summaries whose tags begin alike."""

    name: str
    statistics: list[Statistic]


class Swatch(NamedTuple):
    """A colour and whose it is."""

    name: str
    colour: int


@dataclass(frozen=True)
class Page:
    """Everything on it."""

    overview: Overview
    folder: str
    swatches: list[Swatch]
    """Empty with one policy."""
    policies: list[int]
    charts: list[Chart]
    sections: list[Section]
    ratings: list[Rating]
    lineage: Lineage | None
    decisions: list[tuple[str, ...]]
    """The newest of the lineage, as text: time, frames, policy, source, why."""
    commands: list[Command]
    entry: Entry | None
    options: list[tuple[str, str]]
    """Those that differ from the defaults because the user said so."""
    notes: list[str]
    """What could not be read, in sentences."""


def make_page(experiment: Experiment, files: Contained, entry: Entry | None) -> Page:
    """As it is now."""
    policies = experiment.policies()
    notes: list[str] = []
    ratings: list[Rating] = []
    lineage: Lineage | None = None
    try:
        ratings = read_ratings(experiment.folder, files)
    except ValueError as error:
        notes.append(str(error))
    try:
        lineage = read_lineage(experiment.folder, files)
    except ValueError as error:
        notes.append(str(error))
    env = experiment.overview.env
    return Page(
        overview=experiment.overview,
        folder=str(experiment.folder),
        swatches=[Swatch(str(n), i % NUM_COLOURS) for i, n in enumerate(policies)] if len(policies) > 1 else [],
        policies=list(policies),
        charts=_charts(policies),
        sections=_sections(policies),
        ratings=ratings,
        lineage=lineage,
        decisions=[] if lineage is None else _decisions(lineage),
        commands=commands_for(files.root, experiment.folder, env, lineage is not None) if env else [],
        entry=entry,
        options=_options(experiment),
        notes=notes,
    )


def _charts(policies: _Policies) -> list[Chart]:
    found = []
    for title, tag, note in _CHARTS:
        lines = [
            line
            for colour, (number, tags) in enumerate(policies.items())
            if (line := _line(number, colour, tags, tag, len(policies))) is not None
        ]
        if lines:
            found.append(Chart(title, note if tag != REWARD or lines[0].low else "", chart(lines, title)))
    return found


def _line(number: int, colour: int, tags: Mapping[str, Points], tag: str, num_policies: int) -> Line | None:
    curve = chart_curve(tags[tag]) if tag in tags else None
    if curve is None:
        return None
    name = f"policy {number}" if num_policies > 1 else tag
    low, high = tags.get(f"{tag}_min"), tags.get(f"{tag}_max")
    if num_policies > 1 or low is None or high is None:  # bands of several policies hide each other
        return Line(name, colour, curve)
    return Line(name, colour, curve, chart_curve(low), chart_curve(high))


def _sections(policies: _Policies) -> list[Section]:
    tags = sorted({tag for of_policy in policies.values() for tag in of_policy}, key=lambda tag: (_section(tag), tag))
    return [
        Section(name, [_statistic(tag, policies) for tag in members]) for name, members in groupby(tags, key=_section)
    ]


def _section(tag: str) -> str:
    return tag.split("/")[0] if "/" in tag else ""


def _statistic(tag: str, policies: _Policies) -> Statistic:
    values = [last_value(tags[tag]) if tag in tags else None for tags in policies.values()]
    curves = [curve for tags in policies.values() if tag in tags and (curve := spark_curve(tags[tag])) is not None]
    return Statistic(tag, values, sparkline(curves))


def _decisions(lineage: Lineage) -> list[tuple[str, ...]]:
    return [
        (
            str(one.time),
            f"{one.env_steps:,}",
            str(one.policy),
            "" if one.source is None else str(one.source),
            str(one.why),
        )
        for one in lineage.decisions[: -_MOST_DECISIONS - 1 : -1]
    ]


def _options(experiment: Experiment) -> list[tuple[str, str]]:
    given = experiment.cfg.get("cli_args")
    return [(str(name), str(value)) for name, value in given.items()] if isinstance(given, dict) else []
