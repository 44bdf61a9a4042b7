"""The panel of the page that compares two runs: where one is better, by how much, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from vot_memory.reports.pages.markers import marker_svg
from vot_memory.reports.pages.templating import environment
from vot_memory.reports.plots.canvas import row_name, row_styles
from vot_memory.reports.tables.comparison import OUTCOMES, Comparison, Part
from vot_memory.reports.tables.finding import (
    LEAST,
    NAMES,
    better_equal_worse,
    explain,
    find_apart,
    find_caveats,
    find_words,
    own_legend,
    tell_cause,
    tell_returns,
)
from vot_memory.reports.tables.notes import NANO
from vot_memory.reports.tables.table import Table
from vot_memory.reports.text import MINUS, count, interval, is_defined, number, one_line

_EXTREMES = 5  # videos in rows, on either side
_HALF = 100.0  # units from the middle of a drawing to its edge


class Bar(NamedTuple):
    """A part of the difference as bars to both sides of a middle line, in units of `_HALF`."""

    kind: str
    meaning: str
    gain: float
    loss: float
    net: float
    number: str
    title: str


class Chart(NamedTuple):
    """The differences of all videos as a drawing one unit wide a video and `_HALF` high.

    Attributes:
        top, bottom: the largest difference and the smallest, as text; "" where they touch 0.
        zero: where 0 stands, from the top.
        good, bad: outlines of the bars above and below 0.
    """

    top: str
    bottom: str
    zero: float
    good: str
    bad: str


def pair_panel(comparison: Comparison, table: Table, link: Callable[[str], str]) -> str:
    """The panel as a fragment of HTML, below the class `pair-panel`.

    Args:
        comparison: of two runs of the table.
        table: says what is remarkable about them, and their markers.
        link: where a video is shown, by its name: "#s0-12".
    """
    a, b = comparison.a, comparison.b
    styles = row_styles(table)
    rows = _videos(comparison, link)
    return (
        environment()
        .get_template("pair.html")
        .render(
            a={"name": row_name(table, a), "marker": marker_svg(styles[a])},
            b={"name": row_name(table, b), "marker": marker_svg(styles[b])},
            minus=MINUS,
            finding=find_words(comparison),
            reason=explain(comparison),
            measures=_measures(comparison),
            groups=_groups(comparison),
            returns=tell_returns(comparison),
            videos=rows,
            chart=_chart([row["difference"] for row in rows]),
            best=_extremes(rows, 1),
            worst=_extremes(reversed(rows), -1),
            notes=_notes(comparison, table),
        )
    )


def _notes(comparison: Comparison, table: Table) -> list[str]:
    """What the signs of the two mean, and what has to be known about the numbers."""
    known = [NANO] if NANO in table.notes else []
    return [*own_legend(comparison, table), *find_caveats(comparison), *known]


def _measures(comparison: Comparison) -> list[dict[str, Any]]:
    """Cells of the table of measures."""
    rows = []
    for row in comparison.rows():
        low, high = row["difference_low"], row["difference_high"]
        arrow = "↑" if row["higher_is_better"] else "↓"
        rows.append(
            {
                "name": f"{NAMES.get(row['measure'], row['measure'])} {arrow}",
                "values": (number(row["a"]), number(row["b"])),
                "gap": number(row["difference"], signed=True),
                "apart": find_apart(row),
                "interval": interval(low, high, signed=True),
                "counts": " / ".join(map(str, better_equal_worse(row))),
                "videos": int(row["videos"]),
            }
        )
    return rows


def _groups(comparison: Comparison) -> list[tuple[str, list[Bar]]]:
    """The parts of the difference in Q, all on one scale."""
    groups = (
        ("By what the two answer", comparison.outcomes),
        ("By what happens in the video", comparison.events),
    )
    sizes = [max(part.gain, -part.loss) for _, parts in groups for part in parts]
    scale = _HALF / max(*sizes, LEAST) if sizes else _HALF
    a, b = one_line(comparison.a), one_line(comparison.b)
    return [
        (title, [_bar(part, scale, a, b) for part in parts])
        for title, parts in groups
        if any(is_defined(part.net) for part in parts)
    ]


def _bar(part: Part, scale: float, a: str, b: str) -> Bar:
    gain, loss = number(part.gain, signed=True), number(part.loss, signed=True)
    return Bar(
        part.kind,
        OUTCOMES.get(part.kind, ""),
        round(part.gain * scale, 1),
        round(-part.loss * scale, 1),
        round(part.net * scale, 1),
        number(part.net, signed=True),
        f"{part.kind}: {gain} for {a}, {loss} for {b}, from {count(part.frames, 'frame')}",
    )


def _videos(comparison: Comparison, link: Callable[[str], str]) -> list[dict[str, Any]]:
    """Every video with a difference, by falling difference."""
    rows = comparison.videos.dropna(subset=["difference"]).to_dict("records")
    return [
        {str(key): value for key, value in row.items()}
        | {
            "name": one_line(row["sequence"]),
            "href": link(row["sequence"]),
            "numbers": (number(row["a"]), number(row["b"])),
            "gap": number(row["difference"], signed=True),
        }
        for row in rows
    ]


def _extremes(rows: Iterable[dict[str, Any]], sign: int) -> list[dict[str, Any]]:
    """The first videos on one side of 0, and what moves them."""
    chosen = [row for row in rows if sign * row["difference"] >= LEAST]
    return [row | {"cause": tell_cause(row)} for row in chosen[:_EXTREMES]]


def _chart(differences: list[float]) -> Chart:
    top, bottom = max(0.0, *differences, 0.0), min(0.0, *differences, 0.0)
    scale = _HALF / max(top - bottom, LEAST)
    zero = round(top * scale, 1)
    bars = [
        (gap > 0, f"M{x} {zero}v{round(-gap * scale, 1)}h1V{zero}z")
        for x, gap in enumerate(differences)
        if abs(gap) >= LEAST
    ]
    ends = [number(end, 2, signed=True) if abs(end * scale) > 8 else "" for end in (top, bottom)]
    good, bad = ("".join(d for above, d in bars if above is side) for side in (True, False))
    return Chart(ends[0], ends[1], zero, good, bad)
