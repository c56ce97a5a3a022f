"""Entries of a collection as a table: for the screen, and in README.md. Knows no file."""

from __future__ import annotations

from collections.abc import Sequence

from sample_factory.trained_policies.index import VIDEO_FILE, Entry

BEGIN, END = "<!-- the table is written by the command `add` -->", "<!-- end of the table -->"


def as_text(entries: Sequence[Entry]) -> str:
    """Columns for the screen."""
    rows = [("name", "environment", "score", "episodes", "frames", "time"), *map(_cells, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_markdown(entries: Sequence[Entry]) -> str:
    """A table, and under it the two commands of each policy."""
    lines = ["| policy | environment | score | episodes | frames | training |", "|---|---|---|---|---|---|"]
    for entry in entries:
        name, *cells = _cells(entry)
        lines.append(f"| [{name}](#{_anchor(name)}) | {' | '.join(cells)} |")
    for entry in entries:
        lines += ["", *_section(entry)]
    return "\n".join(lines)


def with_table(readme: str, entries: Sequence[Entry]) -> str:
    """The text with its table, which is between two marks, as the entries are now.

    Raises:
        ValueError: one line: there are no marks.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md of the collection has no place for the table: lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{as_markdown(entries)}\n\n{END}{after}"


def show_command(name: str) -> str:
    """What plays a policy of a checkout."""
    return f"python -m sample_factory.algorithms.appo.enjoy_appo --train_dir=trained_policies --experiment={name}"


def _section(entry: Entry) -> list[str]:
    kind = "most probable actions" if entry.score.deterministic else "random actions"
    return [
        f"### {entry.name}",
        "",
        f"![{entry.name}]({entry.name}/{VIDEO_FILE})",
        "",
        f"Score: mean {entry.score.of.replace('_', ' ')} of {entry.score.episodes} episodes with {kind} and its "
        "standard error. Trained with the first command, shown by the second:",
        "",
        "```",
        entry.train,
        show_command(entry.name),
        "```",
    ]


def _cells(entry: Entry) -> tuple[str, ...]:
    score = entry.score
    return entry.name, entry.env, str(score), str(score.episodes), f"{entry.frames:,}".replace(",", " "), entry.time


def _anchor(name: str) -> str:
    return name.lower().replace(".", "")
