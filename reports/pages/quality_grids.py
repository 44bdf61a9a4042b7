"""Q of every video and of every object: a row each, a column a policy."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any

from vot_memory.datasets.pictures import natural_key
from vot_memory.reports.pages.grids import Cell, Grid, Head, Row, numeric
from vot_memory.reports.scores import COUNT_COLUMNS
from vot_memory.reports.tables.ranks import PRIVILEGED
from vot_memory.reports.text import count, is_defined, one_line

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.reports.tables.table import Table

_OBJECT = ["sequence", "object"]
_VISIBLE, _ABSENT = COUNT_COLUMNS[:3], COUNT_COLUMNS[3:]


def sequences_grid(table: Table) -> Grid:
    """A row a video in natural order, below them the overview's means."""
    facts = table.sequences.groupby("sequence")[["objects", "frames"]].first()
    quality = table.sequences.pivot(index="sequence", columns="label", values="Q")
    heads = (
        Head("sequence", numeric=False),
        Head("objects", "that are scored"),
        Head("frames", "that are scored, of all objects together"),
        *_policy_heads(table),
    )
    rows = []
    names = sorted(facts.index, key=natural_key)
    for name, counts, values in _aligned(table, names, facts, quality):
        cells = (Cell(one_line(name)), *_counts(counts), *_quality_cells(table, values))
        rows.append(Row(name, "", "video", cells))
    rows.append(_mean_row(table))
    notes = (*(f"{line}." for line in table.legend), _coverage(table))
    return Grid("sequences", "Q of each sequence", heads, tuple(rows), notes)


def objects_grid(table: Table) -> Grid:
    """A row an object, in natural order, with what is annotated of it."""
    facts, quality = object_facts(table), object_quality(table)
    heads = (
        Head("sequence", numeric=False),
        Head("object", numeric=False),
        Head("visible", "scored frames that show it"),
        Head("absent", "scored frames on which it is away"),
        Head("returns", "how often it comes back after it was away"),
        *_policy_heads(table),
    )
    rows = []
    names = sorted(facts.index, key=lambda name: tuple(map(natural_key, name)))
    for name, counts, values in _aligned(table, names, facts, quality):
        cells = (*_counts(counts), *_quality_cells(table, values))
        rows.append(Row(name[0], "", "object", (*(Cell(one_line(part)) for part in name), *cells)))
    said = "The counts are of scored frames and of returns after an absence."
    notes = (*(f"{line}." for line in table.legend), said)
    return Grid("objects", "Q of each object", heads, tuple(rows), notes)


def object_facts(table: Table) -> DataFrame:
    """Scored frames by what is annotated, and returns: a row a (sequence, object)."""
    counts = table.objects.assign(
        visible=table.objects[_VISIBLE].sum(axis=1), absent=table.objects[_ABSENT].sum(axis=1)
    )
    return counts.groupby(_OBJECT)[["visible", "absent", "returns"]].first()


def object_quality(table: Table) -> DataFrame:
    """Q: a row a (sequence, object), a column a run; NaN where it has not finished the sequence."""
    return table.objects.pivot(index=_OBJECT, columns="label", values="Q")


def _aligned(
    table: Table, names: list[Any], facts: DataFrame, quality: DataFrame
) -> Iterator[tuple[Any, list[float], list[float]]]:
    """Each name with its facts and its Q by policy, in the table's order."""
    labels = list(table.overview["label"])
    counts = facts.loc[names].to_numpy(float).tolist()
    values = quality.loc[names, labels].to_numpy(float).tolist()
    return zip(names, counts, values, strict=True)


def _counts(numbers: Seq[float]) -> list[Cell]:
    return [Cell(str(int(n)), n) for n in numbers]


def _policy_heads(table: Table) -> list[Head]:
    labels = table.overview["label"]
    return [Head(one_line(label) + table.signs[label], group="Q") for label in labels]


def _mean_row(table: Table) -> Row:
    """Q of the overview."""
    ranked = [table.ranks.get((label, "Q")) for label in table.overview["label"]]
    pairs = zip(table.overview["Q"], ranked, strict=True)
    cells = [numeric(value)._replace(place=place) for value, place in pairs]
    return Row("mean", "", "summary", (Cell("mean"), Cell(""), Cell(""), *cells))


def _coverage(table: Table) -> str:
    """What the means are over."""
    runs = table.sequences.groupby("sequence")["label"].nunique()
    common = int((runs == len(table.overview)).sum())
    if not common:
        return "Each mean is over a policy's own sequences: they cannot be compared."
    return f"The means are over the {count(common, 'sequence')} that every policy has finished."


def _quality_cells(table: Table, values: Seq[float]) -> list[Cell]:
    """Q of the policies on one video or object, with the places in this row."""
    cells = [numeric(value) for value in values]
    policies = list(table.overview["policy"])
    taking_part = [
        round(value, 3)
        for value, policy in zip(values, policies, strict=True)
        if policy not in PRIVILEGED and is_defined(value)
    ]
    if len(set(taking_part)) < 2:  # nothing to choose between
        return cells
    places = [1 + sum(other > round(value, 3) for other in taking_part) for value in values]
    return [
        cell._replace(place=place)
        if place <= 3 and cell.sort is not None and policy not in PRIVILEGED
        else cell
        for cell, place, policy in zip(cells, places, policies, strict=True)
    ]
