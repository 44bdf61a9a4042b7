"""Areas and intersections of the masks of a whole video, straight from their run lengths.

The frames of a video are laid end to end (each column by column, as COCO does), so that one object
is one long row of runs and a few numpy calls measure all its frames. No picture is ever decoded;
the result is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE
from vot_memory.errors import InputError

Mask = RLE | NDArray[np.bool_] | NDArray[np.uint8]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class MaskStack:
    """The masks of one object over a video.

    Attributes:
        edges: int64 [E], sorted: positions where the mask switches on, off, on, ... on the axis of
            all pixels of all frames (frame-major, then column-major). Edges may coincide.
        length: number of frames.
        size: (height, width) in pixels; None when no frame has a mask.
    """

    edges: Ints
    length: int
    size: tuple[int, int] | None

    def areas(self) -> Ints:
        """Mask area of each frame in pixels, int64 [length]; 0 where there is no mask."""
        if self.size is None:
            return np.zeros(self.length, np.int64)
        on, off = self.edges[::2], self.edges[1::2]
        area = np.concatenate([[0], np.cumsum(off - on)])  # of the first 0, 1, 2, ... runs
        return np.diff(area[np.searchsorted(on, _limits(self.length, self.size))])


def stack_masks(masks: Sequence[Mask | None], what: str = "mask") -> MaskStack:
    """Lay the masks of a video end to end.

    Args:
        masks: one entry a frame: COCO RLE, an array [H, W] (non-zero inside), or None (no mask;
            counts as empty here).
        what: what the masks are, for error messages ("prediction", ...).

    Raises:
        InputError: the masks differ in size or a run-length string is damaged.
    """
    frames = [t for t, mask in enumerate(masks) if mask is not None]
    sizes = [_size(masks[t], what, t) for t in frames]
    for t, size in zip(frames, sizes, strict=True):
        if size != sizes[0]:
            raise InputError(
                f"{what} of frame {t} is {size[0]}x{size[1]} pixels but that of frame {frames[0]}"
                f" is {sizes[0][0]}x{sizes[0][1]}; give all masks of a video one size."
            )
    if not frames:
        return MaskStack(np.empty(0, np.int64), len(masks), None)
    pixels = sizes[0][0] * sizes[0][1]
    texts, text_frames, parts = [], [], []
    for t in frames:
        mask = masks[t]
        if isinstance(mask, dict):
            texts.append(_counts(mask, what, t))
            text_frames.append(t)
        elif mask is not None:
            parts.append(_array_edges(mask) + t * pixels)
    if texts:
        parts.append(_coco_edges(texts, text_frames, pixels, what))
    # Each frame has its own stretch of the axis, so sorting only interleaves the two kinds.
    edges = parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts), kind="stable")
    return MaskStack(edges, len(masks), sizes[0])


def shared_areas(a: MaskStack, b: MaskStack, ignore: MaskStack | None = None) -> list[Ints]:
    """Area of a, of b and of their intersection in each frame, without ignored pixels.

    Args:
        a: masks of a video.
        b: masks of the same video.
        ignore: pixels that are taken out of both.

    Returns:
        Three int64 arrays [length].

    Raises:
        InputError: the stacks differ in length or picture size.
    """
    stacks = [a, b] if ignore is None else [a, b, ignore]
    size = _common_size(stacks)
    if size is None:
        return [np.zeros(a.length, np.int64) for _ in range(3)]
    limits = _limits(a.length, size)
    parts = [*(stack.edges for stack in stacks), limits]
    cuts = np.concatenate(parts)
    order = np.argsort(cuts, kind="stable")
    source = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part) for part in parts])[order]
    # Between two neighbouring cuts a stack is inside when it has switched an odd number of times.
    inside = [np.cumsum(source[:-1] == i) & 1 for i in range(len(stacks))]
    width = np.diff(cuts[order])
    if ignore is not None:
        width *= 1 - inside[2]
    frame_start = np.flatnonzero(source == len(stacks))
    regions = (inside[0], inside[1], inside[0] & inside[1])
    totals = [np.concatenate([[0], np.cumsum(width * region)]) for region in regions]
    return [np.diff(total[frame_start]) for total in totals]


def mask_iou(a: MaskStack, b: MaskStack) -> NDArray[np.float64]:
    """Intersection over union of each frame, float64 [length]; 1 where both masks are empty."""
    area_a, area_b, both = shared_areas(a, b)
    union = area_a + area_b - both
    return np.where(union > 0, both / np.maximum(union, 1), 1.0)


def _limits(length: int, size: tuple[int, int]) -> Ints:
    """Where each frame begins, and the end of the last."""
    return np.arange(length + 1, dtype=np.int64) * (size[0] * size[1])


def _common_size(stacks: Sequence[MaskStack]) -> tuple[int, int] | None:
    lengths = {s.length for s in stacks}
    sizes = {s.size for s in stacks if s.size is not None}
    if len(lengths) > 1:
        raise InputError(
            f"masks cover {' and '.join(map(str, sorted(lengths)))} frames; "
            "compare masks of the same video."
        )
    if len(sizes) > 1:
        named = " and ".join(f"{h}x{w}" for h, w in sorted(sizes))
        raise InputError(f"masks have sizes {named} pixels; bring them to one picture size first.")
    return next(iter(sizes), None)


def _size(mask: Any, what: str, t: int) -> tuple[int, int]:
    size = mask.get("size") if isinstance(mask, dict) else mask.shape
    if size is None or len(size) != 2 or min(size) < 1:
        raise InputError(f"{what} of frame {t} has no size [height, width]; write it again.")
    return int(size[0]), int(size[1])


def _counts(rle: RLE, what: str, t: int) -> str:
    counts = rle.get("counts")
    if not isinstance(counts, str) or not counts or not counts.isascii():
        raise InputError(f"{what} of frame {t} has no compressed COCO run lengths; write it again.")
    return counts


def _array_edges(mask: NDArray[Any]) -> Ints:
    flat = np.zeros(mask.size + 2, np.int8)
    flat[1:-1] = (mask != 0).ravel(order="F")
    return np.flatnonzero(np.diff(flat)).astype(np.int64)


def _coco_edges(texts: list[str], frames: list[int], pixels: int, what: str) -> Ints:
    """Decode many compressed COCO strings at once into switch positions.

    A count is written in base 32, lowest digit first, one character (code - 48) a digit; bit 5 says
    that more follow, bit 4 of the last is the sign. From the fourth count on, the difference to
    the count two places before is written. (pycocotools, common/maskApi.c, rleToString.)
    """
    char = np.frombuffer("".join(texts).encode("ascii"), np.uint8) - np.uint8(48)
    last = np.flatnonzero(char & 32 == 0)  # last digit of each number
    text_end = np.cumsum([len(text) for text in texts])
    number_end = np.searchsorted(last, text_end)  # index after the last number of each mask
    broken = char[text_end - 1] & 32 != 0
    first = np.concatenate([[0], last[:-1] + 1])
    digits = last - first + 1
    if broken.any() or char.max() > 63:
        raise _damaged(what, frames[int(np.argmax(broken))] if broken.any() else None)
    value = (char[first] & 31).astype(np.int64)
    value -= (char[last] & 16).astype(np.int64) << (5 * digits - 4)
    for place in range(1, int(digits.max())):
        longer = np.flatnonzero(digits > place)
        value[longer] += (char[first[longer] + place] & 31).astype(np.int64) << (5 * place)

    number_start = np.concatenate([[0], number_end[:-1]])
    numbers = number_end - number_start
    local = np.arange(len(value)) - np.repeat(number_start, numbers)
    odd = local & 1
    for chain in (odd, (odd ^ 1) * (local > 0)):  # undo "the difference to two places before"
        total = np.cumsum(value * chain)
        before = total[number_start - 1] * (number_start > 0)
        value = np.where(chain, total - np.repeat(before, numbers), value)

    edges = np.cumsum(value)  # every mask fills its frame, so the next begins where it ends
    wrong = edges[number_end - 1] != np.arange(1, len(texts) + 1) * pixels
    if wrong.any() or value.min() < 0:
        raise _damaged(what, frames[int(np.argmax(wrong))] if wrong.any() else None)
    if frames[-1] >= len(frames):  # some frames have no mask
        edges += np.repeat((np.asarray(frames) - np.arange(len(frames))) * pixels, numbers)
    # An odd number of counts ends with background: its last position is no switch.
    return np.delete(edges, number_end[numbers % 2 == 1] - 1)


def _damaged(what: str, frame: int | None) -> InputError:
    where = "one frame" if frame is None else f"frame {frame}"
    return InputError(
        f"{what} of {where} does not fill its picture: the run lengths are damaged; "
        "delete the record and run again."
    )
