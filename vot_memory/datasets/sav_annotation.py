"""The annotation files of SA-V's training set, `sav_000001_manual.json` beside `sav_000001.mp4`.

`masklet[i][k]` is the mask of masklet `masklet_id[k]` on video frame 4 i as COCO RLE; null is not
annotated. `masklet_first_appeared_frame` counts annotations too; the masks say the same, and only
they are read. Numbers of frames and pixels are written as floats.
(sav_dataset/README.md of facebookresearch/sam2)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, PositiveInt, ValidationError

from vot_memory.datasets.loading import open_each
from vot_memory.datasets.pictures import describe_size
from vot_memory.datasets.rle import RLE
from vot_memory.errors import InputError

ANNOTATED_EVERY = 4  # video frames
MANUAL = "_manual.json"


@dataclass(frozen=True)
class Masklet:
    """Masks of one object.

    Attributes:
        id: its number in the video.
        rles: one entry an annotated frame; None where this masklet is not annotated.
        appears: index of the first entry whose mask is not empty.
    """

    id: str
    rles: tuple[RLE | None, ...]
    appears: int


@dataclass(frozen=True)
class Annotation:
    """What is read of a file.

    Attributes:
        size: (height, width) of the video. video_length: its number of frames.
        masklets: at least one, in the order of the file.
    """

    size: tuple[int, int]
    video_length: int
    masklets: tuple[Masklet, ...]


def annotation_of(video: Path) -> Path:
    """Where the annotation of a video stands."""
    return video.with_name(video.stem + MANUAL)


def read_annotation(video: Path, first_only: bool = False) -> Annotation:
    """Read and check the annotation of a video.

    Args:
        video: the mp4, which is not opened.
        first_only: read only the masklet that the file lists first.

    Raises:
        InputError: the file is damaged, contradicts itself or is about another video, or a masklet
            that is read never appears.
    """
    path = annotation_of(video)
    try:
        found = _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{key}: " for key in first["loc"])
        raise InputError(
            f"{path} is no annotation of SA-V ({place}{first['msg']}): replace it by a whole copy."
        ) from error
    if wrong := _contradiction(found, video.stem):
        raise InputError(f"{path} {wrong}: replace it by the published file.")
    count = 1 if first_only else len(found.masklet_id)
    chosen = [str(k) for k in range(count)]
    masklets = open_each(chosen, lambda k: _read_masklet(path, found, int(k)))
    if not masklets:  # each is wrong, which has been told
        raise InputError(f"{path} has no masklet that can be used: replace it.")
    return Annotation(found.size, found.video_frame_count, tuple(masklets))


class _Mask(BaseModel):
    size: tuple[int, int]
    counts: str


class _File(BaseModel):
    video_id: str
    video_frame_count: PositiveInt
    video_height: PositiveInt
    video_width: PositiveInt
    masklet_id: list[int]
    masklet: list[list[_Mask | None] | None]

    @property
    def size(self) -> tuple[int, int]:
        return self.video_height, self.video_width


def _contradiction(found: _File, video_id: str) -> str:
    """What is wrong with a file in itself; an empty text if nothing is."""
    ids = found.masklet_id
    if found.video_id != video_id:
        return f"is about the video {found.video_id}"
    if not ids:
        return "has no masklet"
    if twice := [i for i in ids if ids.count(i) > 1]:
        return f"has masklet {twice[0]} twice"
    expected = -(-found.video_frame_count // ANNOTATED_EVERY)
    if len(found.masklet) != expected:
        return (
            f"has {len(found.masklet)} annotated frames where a video of "
            f"{found.video_frame_count} frames has {expected}, every {ANNOTATED_EVERY}th"
        )
    for i, row in enumerate(found.masklet):
        if row is not None and len(row) != len(ids):
            return f"has {len(row)} masks for {len(ids)} masklets on annotated frame {i}"
    return ""


def _read_masklet(path: Path, found: _File, k: int) -> Masklet:
    """The k-th masklet of a file."""
    identity = found.masklet_id[k]
    masks = [None if row is None else row[k] for row in found.masklet]
    for i, mask in enumerate(masks):
        if mask is not None and mask.size != found.size:
            raise InputError(
                f"{path} has masklet {identity} as {describe_size(mask.size)} on annotated frame "
                f"{i}, but its video is {describe_size(found.size)}: "
                "replace it by the published file."
            )
    rles = [None if m is None else {"size": list(m.size), "counts": m.counts} for m in masks]
    shown = [i for i, rle in enumerate(rles) if rle and _area(path, identity, i, rle)]
    if not shown:
        raise InputError(f"Masklet {identity} never appears in {path}: leave the video out.")
    return Masklet(str(identity), tuple(rles), shown[0])


def _area(path: Path, identity: int, i: int, rle: RLE) -> int:
    """Pixels of a mask; its run lengths have to fill the picture."""
    from vot_memory.metrics.overlap import stack_masks

    try:
        return int(stack_masks([rle]).areas()[0])
    except InputError as error:
        raise InputError(
            f"{path} has damaged run lengths of masklet {identity} on annotated frame {i}: "
            "replace it by a whole copy."
        ) from error
