"""SA-V as it is published for training."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vot_memory.datasets.sequence import Sequence


class SavLayout(BaseModel):
    """How to read SA-V."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lowest: int | None = None
    ids: tuple[str, ...] | None = None


def load_sav(root: Path, layout: SavLayout) -> list[Sequence]:
    """List the sequences of a folder."""
    raise NotImplementedError
