"""Sequences in the format of the VOT toolkit."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vot_memory.datasets.sequence import Sequence

LISTS = ("list.txt", "sequences/list.txt")


class VotLayout(BaseModel):
    """How to read sequences of the VOT toolkit."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_vot(root: Path, layout: VotLayout) -> list[Sequence]:
    """List the sequences of a folder."""
    raise NotImplementedError
