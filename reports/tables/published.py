"""Figures of a paper beside our own: shown as printed, never ranked, compared or averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vot_memory.metrics.vots import MEASURES

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.datasets.splits import Published
    from vot_memory.results import Identity

SIGN = "¶"


@dataclass(frozen=True, eq=False)
class PublishedRows:
    """What a paper says on a split.

    Attributes:
        rows: a row a method: `method`, the measures of the overview in [0, 1] (NaN where the paper
            has none), `source` and `note`.
        note: source and caveat in a sentence.
    """

    rows: DataFrame
    note: str

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts of their columns."""
        return [
            {str(name): value for name, value in r.items()} for r in self.rows.to_dict("records")
        ]


def published_rows(published: Published | None, identity: Identity) -> PublishedRows | None:
    """The figures, if they are about the model and the prompt of our runs; else None."""
    import pandas as pd

    if published is None or identity.model.split("@")[0] != published.model:
        return None
    if identity.prompt != "mask":
        return None
    rows = [
        {"method": method}
        | {m.label: values.get(m.label, float("nan")) / 100 for m in MEASURES}
        | {"source": published.source, "note": published.note}
        for method, values in published.rows.items()
    ]
    note = f"{SIGN} published by {published.source}, without rank and difference: {published.note}"
    return PublishedRows(pd.DataFrame(rows), note)
