"""The fixture of a small results store on splits that `load_split` knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_results import Results

from vot_memory.datasets import splits
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Results]:
    """Make a store on a split of given sequences that `load_split` then knows."""
    known: dict[str, Results] = {}

    def load_split(name: str, limit: int | None = None, data: Path | None = None) -> Split:
        if name not in known:
            raise InputError(f"Unknown split {name!r}: choose another.")
        return known[name].split

    monkeypatch.setattr(splits, "load_split", load_split)

    def make(*sequences: Sequence, name: str = "fake") -> Results:
        known[name] = Results(tmp_path / "results", list(sequences), name)
        return known[name]

    return make


@pytest.fixture
def tables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a report, and most tests are not about it."""
    monkeypatch.setattr("vot_memory.reports.report.PLOTS", ())
    monkeypatch.setattr("vot_memory.reports.report.choose", lambda section, count, names: ())
    monkeypatch.setattr("vot_memory.reports.pages.html.render", lambda *given, room: "")
