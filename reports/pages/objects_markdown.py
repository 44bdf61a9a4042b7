"""Every object by itself, as Markdown: a row an object, Q of each policy beside one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vot_memory.datasets.pictures import natural_key
from vot_memory.reports.scores import COUNT_COLUMNS
from vot_memory.reports.tables.ranks import UNRANKED
from vot_memory.reports.text import grid, is_defined, markdown, number

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.reports.tables.table import Table

_OBJECT = ["sequence", "object"]
_VISIBLE, _ABSENT = COUNT_COLUMNS[:3], COUNT_COLUMNS[3:]


def render_objects(table: Table) -> str:
    """The whole document; the best Q of an object is bold where its policies differ."""
    facts, quality = object_facts(table), object_quality(table)
    labels = list(table.overview["label"])
    heads = ["sequence", "object", *facts.columns]
    heads += [markdown(label) + table.signs[label] for label in labels]
    ranked = [label for label in labels if table.row(label)["policy"] not in UNRANKED]
    rows = []
    for name in sorted(facts.index, key=lambda name: tuple(map(natural_key, name))):
        values = quality.loc[name]
        best = _best([values[label] for label in ranked])
        cells = [*map(markdown, name), *(str(int(count)) for count in facts.loc[name])]
        for label in labels:
            text = number(values[label])
            cells.append(f"**{text}**" if label in ranked and text == best else text)
        rows.append(cells)
    said = (
        "Q of each object, the best in bold; the counts are of scored frames and of returns after "
        "an absence. All measures are in the CSV files beside this page."
    )
    blocks = ["# Every object", markdown(table.title), said, grid(heads, rows)]
    return "\n\n".join(blocks) + "\n"


def object_facts(table: Table) -> DataFrame:
    """Scored frames by what is annotated, and returns: a row a (sequence, object)."""
    counts = table.objects.assign(
        visible=table.objects[_VISIBLE].sum(axis=1), absent=table.objects[_ABSENT].sum(axis=1)
    )
    return counts.groupby(_OBJECT)[["visible", "absent", "returns"]].first()


def object_quality(table: Table) -> DataFrame:
    """Q: a row a (sequence, object), a column a run; NaN where it has not finished the sequence."""
    return table.objects.pivot(index=_OBJECT, columns="label", values="Q")


def _best(values: list[float]) -> str | None:
    """The highest value as it is printed; None where there is nothing to choose between."""
    printed = {number(value) for value in values if is_defined(value)}
    return max(printed, key=float) if len(printed) > 1 else None
