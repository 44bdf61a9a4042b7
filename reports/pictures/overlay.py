"""A tracked video as people look at it: outlined masks, scores, and which frames are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vot_memory.building import Building, check_new_folder
from vot_memory.datasets.export import davis_palette
from vot_memory.datasets.sequence import Picture
from vot_memory.errors import InputError

VIDEO_SUFFIXES = {".mp4": "mp4v", ".avi": "MJPG"}
MIN_WIDTH = 480  # smaller pictures are enlarged, or their text could not be read
LINE = 18  # pixels a line of text
FILL = 0.35  # opacity of a mask


@dataclass(frozen=True)
class Shown:
    """What is shown of one object on one frame.

    Attributes:
        name: the object's id. mask: bool [H, W]. score: object score, logit.
        memory: frames in the bank, the prompt's first; -1 = empty slot.
        prompted: this is the frame of its prompt.
    """

    name: str
    mask: NDArray[np.bool_]
    score: float
    memory: Sequence[int]
    prompted: bool = False

    @property
    def text(self) -> str:
        """Its line under the picture."""
        prompt, *rest = (frame for frame in self.memory if frame >= 0)
        stored = " ".join(str(frame) for frame in [prompt, *sorted(rest)])
        state = "prompt" if self.prompted else f"score {self.score:+.1f}"
        return f"object {self.name}: {state}, memory {stored}"


def draw_frame(
    picture: Picture, frame: int, num_frames: int | None, objects: Sequence[Shown]
) -> Picture:
    """Draw one frame.

    Args:
        picture: RGB uint8 [H, W, 3].
        frame: its index.
        num_frames: length of the video, None for a stream.
        objects: in a fixed order, which gives the colours.

    Returns:
        RGB uint8 [H', W', 3] with even sides: the picture, enlarged by a whole factor where it is
        small, above one line of text for the frame and one for each object.
    """
    import cv2

    factor = max(1, -(-MIN_WIDTH // picture.shape[1]))
    canvas = picture.repeat(factor, 0).repeat(factor, 1)
    for index, shown in enumerate(objects):
        _draw_mask(canvas, shown.mask.repeat(factor, 0).repeat(factor, 1), object_color(index))
    position = f"frame {frame}" if num_frames is None else f"frame {frame} of {num_frames}"
    lines = [(position, (255, 255, 255))]
    lines += [(shown.text, object_color(index)) for index, shown in enumerate(objects)]
    height, width = canvas.shape[0], canvas.shape[1]
    bottom = LINE * len(lines) + 6
    # Video codecs halve the colour planes, so both sides must be even.
    pads = ((0, bottom + (height + bottom) % 2), (0, width % 2), (0, 0))
    canvas = np.ascontiguousarray(np.pad(canvas, pads))
    for index, (text, color) in enumerate(lines):
        natural = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
        scale = 0.45 * min(1.0, (width - 12) / natural)
        at = (6, height + LINE * (index + 1) - 4)
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)
    return canvas


class OverlayWriter:
    """Writes pictures to a video file or a new folder.

    Args:
        out: .mp4 or .avi for a video, no suffix for a folder of PNG files.
        fps: frames per second of a video.
        whole: nothing stands there unless all went well. Else, as for a live stream, what was
            written stays, and pictures appear in the folder as they come.

    Raises:
        InputError: another suffix, or a folder that is not empty.
    """

    def __init__(self, out: Path, fps: float, *, whole: bool = True) -> None:
        if out.suffix and out.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(
                f"{out} is no kind of overlay: give a name that ends in .mp4 or .avi, or a folder."
            )
        if not out.suffix:
            check_new_folder(out)
        elif out.is_dir():
            raise InputError(f"{out} is a folder: give the name of a video file.")
        self.out, self.fps = out, fps
        self._building = Building(out, whole=whole, hidden=whole or bool(out.suffix))
        self._video: Any = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def write(self, picture: Picture) -> None:
        """Append an RGB picture uint8 [H, W, 3]; all have one size."""
        import cv2

        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if self.out.suffix:
            if self._video is None:
                self._video = self._open(picture.shape[1], picture.shape[0])
            self._video.write(bgr)
        else:
            folder = self._building.path
            folder.mkdir(parents=True, exist_ok=True)
            with Building(folder / f"{self._count:05d}.png") as path:  # others may read meanwhile
                if not cv2.imwrite(str(path), bgr):
                    raise InputError(f"{self.out} cannot be written: make room on its disk.")
        self._count += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._video is not None:
            self._video.release()
        self._building.end(failed=kind is not None)

    def _open(self, width: int, height: int) -> Any:
        import cv2

        self.out.parent.mkdir(parents=True, exist_ok=True)
        codec = cv2.VideoWriter.fourcc(*VIDEO_SUFFIXES[self.out.suffix.lower()])
        video = cv2.VideoWriter(str(self._building.path), codec, self.fps, (width, height))
        if not video.isOpened():
            raise InputError(
                f"This OpenCV cannot write {self.out}: give --out a folder, for pictures."
            )
        return video


def _draw_mask(canvas: Picture, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    import cv2

    tint = np.array(color, dtype=np.float32)
    canvas[mask] = (canvas[mask] * (1 - FILL) + tint * FILL).astype(np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, color, 2)


def object_color(index: int) -> tuple[int, int, int]:
    """A bright colour for the index-th object; the palette's own are dark on black."""
    red, green, blue = davis_palette()[3 * (index + 1) : 3 * (index + 1) + 3]
    brightest = max(red, green, blue)
    return tuple(min(255, 90 + channel * 165 // brightest) for channel in (red, green, blue))  # type: ignore[return-value]
