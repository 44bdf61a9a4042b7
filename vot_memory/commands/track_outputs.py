"""What `vot-memory track` writes, frame by frame: overlay, mask pictures, lines of JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

import numpy as np

from vot_memory.building import Building, check_new_folder
from vot_memory.datasets.export import MaskWriter
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import Picture, bounding_box
from vot_memory.errors import InputError
from vot_memory.reports.pictures.overlay import OverlayWriter, Shown, draw_frame

if TYPE_CHECKING:
    from vot_memory.tracking import Answer

STDOUT = Path("-")


class Output(Protocol):
    """Takes the answers in order; as a context it begins and ends what it writes."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...

    def add(self, picture: Picture, answer: Answer) -> None:
        """Write what was answered to a picture, RGB uint8 [H, W, 3]."""


class Overlay(OverlayWriter):
    """Pictures with masks, scores and the frames in memory.

    Args:
        out: see `OverlayWriter`, as are fps and whole.
        fps: frames per second of a video.
        num_frames: length of the video, None for a stream.
        whole: nothing is left after an error.
    """

    def __init__(
        self, out: Path, fps: float, num_frames: int | None, *, whole: bool = True
    ) -> None:
        super().__init__(out, fps, whole=whole)
        self.num_frames = num_frames

    def add(self, picture: Picture, answer: Answer) -> None:
        """Draw one frame."""
        shown = [
            Shown(
                name=name,
                mask=answer.masks[index],
                score=float(answer.object_score[index]),
                memory=answer.memory[index].tolist(),
                prompted=bool(answer.written[index] == 0),
            )
            for index, name in enumerate(answer.objects)
        ]
        self.write(draw_frame(picture, answer.frame, self.num_frames, shown))


class Masks(MaskWriter):
    """Masks as palette PNG files.

    Args:
        folder: see `MaskWriter`, as are identities and whole.
        identities: ids of all objects.
        name: of a frame's file, without suffix.
        whole: nothing is left after an error.

    Raises:
        InputError: the folder holds something.
    """

    def __init__(
        self,
        folder: Path,
        identities: Iterable[str],
        name: Callable[[int], str],
        *,
        whole: bool = True,
    ) -> None:
        check_new_folder(folder)
        super().__init__(folder, identities, whole=whole)
        self.name = name

    def add(self, picture: Picture, answer: Answer) -> None:
        """Write one frame."""
        masks = dict(zip(answer.objects, answer.masks, strict=True))
        self.write(self.name(answer.frame), masks)


class JsonLines:
    """One line of JSON a frame, flushed, so that another program can follow.

    Args:
        out: a file, or "-" for standard output.
        masks: with the masks as COCO run lengths.
        whole: the file appears when all is written, and not after an error.

    Raises:
        InputError: the file cannot be one.
    """

    def __init__(self, out: Path, *, masks: bool = False, whole: bool = True) -> None:
        if out.is_dir():
            raise InputError(f"{out} is a folder: give --json the name of a file, or -.")
        self._building = None if out == STDOUT else Building(out, whole=whole, hidden=whole)
        self._masks = masks
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._building:
            if self._file:
                self._file.close()
            self._building.end(failed=kind is not None)

    def add(self, picture: Picture, answer: Answer) -> None:
        """Write one line.

        Raises:
            BrokenPipeError: nobody reads on.
        """
        objects = [self._object(answer, index) for index in range(len(answer.objects))]
        line = json.dumps({"frame": answer.frame, "objects": objects}, allow_nan=False)
        file = self._file = self._file or self._open()
        try:
            file.write(line + "\n")
            file.flush()
        except BrokenPipeError:
            # Python flushes what is left when it ends, which must not fail a second time.
            os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())
            raise

    def _open(self) -> TextIO:
        if not self._building:
            return sys.stdout
        self._building.path.parent.mkdir(parents=True, exist_ok=True)
        return self._building.path.open("w", encoding="utf-8")

    def _object(self, answer: Answer, index: int) -> dict[str, Any]:
        mask = answer.masks[index]
        found = {
            "id": answer.objects[index],
            "box": bounding_box(mask),
            "object_score": _number(answer.object_score[index]),
            "iou": _number(answer.ious[index, answer.chosen[index]]),
            "memory": sorted(frame for frame in answer.memory[index].tolist() if frame >= 0),
        }
        return found | ({"mask": encode(mask)} if self._masks else {})


def _number(value: np.float32) -> float | None:
    """Four decimals; JSON knows no nan."""
    number = float(value)
    return round(number, 4) if math.isfinite(number) else None
