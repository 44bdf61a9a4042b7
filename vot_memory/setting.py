"""What was made on one model and video is refused on another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vot_memory.errors import InputError

if TYPE_CHECKING:
    from vot_memory.bank import Source


class Setting(BaseModel):
    """What decisions depend on, as files record it.

    Attributes:
        model: name and weights hash. image_size: pixels.
        slots: size of the bank, the prompt included.
        rows: temporal rows of the memories, by rank of age or by offset from the current frame.
        pointers: `recent` = the last 15 frames', `bank` = those of the stored memories.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = 1
    model: str
    image_size: int
    slots: Annotated[int, Field(ge=2, le=16)] = 7
    rows: Literal["rank", "offset"] = "rank"
    pointers: Literal["recent", "bank"] = "recent"


class Video(BaseModel):
    """Which object of which video decisions are for, as files record it.

    Attributes:
        sequence: name of the video. object: id of the object.
        num_frames: length of the whole video; None in files that do not say.
        digest: of the video's content (`Sequence.digest`); empty in files that do not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    sequence: str
    object: str
    num_frames: int | None = None
    digest: str = ""


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


def check_video(place: Path, made: str, own: Video, source: Source) -> None:
    """Refuse another video of the same name.

    Raises:
        InputError: length or content differ.
    """
    here = source.num_frames
    if None not in (here, own.num_frames) and here != own.num_frames:
        raise InputError(
            f"{place} was {made} on {own.num_frames} frames of sequence {own.sequence!r}, which "
            f"has {here} here: give the same video."
        )
    if own.digest and source.digest and own.digest != source.digest:
        raise InputError(
            f"{place} was {made} on another video or annotation named {own.sequence!r}: give the "
            "same data set."
        )
