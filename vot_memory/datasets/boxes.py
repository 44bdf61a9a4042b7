"""Data sets with one annotated box a frame."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vot_memory.datasets.sequence import Sequence


class BoxLayout(BaseModel):
    """How to read a box data set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_boxes(root: Path, layout: BoxLayout) -> list[Sequence]:
    """List the sequences of a folder."""
    raise NotImplementedError
