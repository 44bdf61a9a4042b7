"""What was made on one model and video is refused on another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vot_memory.errors import InputError

if TYPE_CHECKING:
    from vot_memory.bank import Source


class Setting(Protocol):
    """What decisions depend on, as files record it.

    Attributes:
        model: name and weights hash. image_size: pixels.
        slots: size of the bank, the prompt included.
        rows: temporal rows of the memories, `rank` or `offset`.
    """

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def image_size(self) -> int: ...  # noqa: D102
    @property
    def slots(self) -> int: ...  # noqa: D102
    @property
    def rows(self) -> str: ...  # noqa: D102


def check_setting(place: Path, made: str, own: Setting, source: Source, num_maskmem: int) -> None:
    """Refuse to play decisions on another model.

    Args:
        place: the file they come from.
        made: how, for the sentence: "recorded" or "trained".
        own: what they were made on.
        source: what is run now.
        num_maskmem: temporal rows of its model.

    Raises:
        InputError: weights or resolution differ, or slots by rank exceed the model's rows.
    """
    check_model(place, made, own, source)
    check_rows(place, own, num_maskmem)


def check_model(
    place: Path,
    made: str,
    own: Setting,
    source: Source,
    mend: str = "play it in its own setting",
) -> None:
    """Refuse other weights or another resolution; `mend` says what to do then.

    Raises:
        InputError: they differ.
    """
    for what, there, here in (
        ("model", own.model, source.model),
        ("image size", own.image_size, source.image_size),
    ):
        if there != here:
            raise InputError(
                f"{place} was {made} with {what} {there}, this run has {here}: {mend}."
            )


def check_rows(place: Path, own: Setting, num_maskmem: int) -> None:
    """Refuse a model that cannot number the slots.

    Raises:
        InputError: slots by rank exceed the model's temporal rows.
    """
    if own.rows == "rank" and own.slots > num_maskmem:
        raise InputError(
            f"{place} numbers {own.slots} slots by rank, the model has {num_maskmem} temporal "
            "rows: make it with fewer, or with rows by offset."
        )


def check_length(place: Path, made: str, sequence: str, own: int | None, length: int) -> None:
    """Refuse a video of another length; None and, of a stream, 0 or less are not known.

    Raises:
        InputError: the lengths differ.
    """
    if length > 0 and own is not None and own != length:
        raise InputError(
            f"{place} was {made} on {own} frames of sequence {sequence!r}, which has {length} "
            "here: give the same video."
        )
