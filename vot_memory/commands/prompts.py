"""From the words of a command line to prompts; every refusal says how to write it instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vot_memory.datasets.pictures import VOID, read_labels, used_labels
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from vot_memory.errors import InputError


def parse_prompts(
    boxes: Sequence[str], masks: Sequence[Path], points: Sequence[str], size: tuple[int, int]
) -> dict[str, Prompt]:
    """The prompts of the first frame, checked against a picture of (height, width).

    A box or a set of points starts object "1"; a mask picture starts an object for each of its
    labels.

    Raises:
        InputError: none, more than one for an object, or one that does not fit the picture.
    """
    given = [("--box", len(boxes)), ("--mask", len(masks)), ("--point", min(len(points), 1))]
    total = sum(count for _, count in given)
    if total == 0:
        raise InputError("Nothing says what to track: give --box, --mask or --point.")
    if total > 1:
        names = " and ".join(name for name, count in given for _ in range(count))
        raise InputError(f"Object 1 gets a second prompt ({names}): give one prompt an object.")
    prompts: dict[str, Prompt]
    if boxes:
        prompts = {"1": parse_box(boxes[0])}
    elif masks:
        prompts = dict(read_masks(masks[0]))
    else:
        prompts = {"1": parse_points(points)}
    for prompt in prompts.values():
        prompt.validate(size)
    return prompts


def parse_box(text: str) -> BoxPrompt:
    """Read "x,y,w,h", in pixels."""
    numbers = _numbers(text)
    if len(numbers) != 4:
        raise InputError(f"The box {text!r} is not four numbers: write --box x,y,w,h in pixels.")
    return BoxPrompt.from_xywh(*numbers)


def parse_points(texts: Sequence[str]) -> PointPrompt:
    """Read "x,y" or "x,y,label" each; label 1 (default) is on the object, 0 is not."""
    clicks = []
    for text in texts:
        numbers = _numbers(text)
        if len(numbers) not in (2, 3) or numbers[2:] not in ([], [0.0], [1.0]):
            raise InputError(
                f"The point {text!r} is not x,y or x,y,label: write it in pixels, label 1 or 0."
            )
        clicks.append([*numbers, 1.0][:3])
    table = np.array(clicks, dtype=np.float64)
    return PointPrompt(table[:, :2], table[:, 2].astype(np.int64))


def parse_size(text: str) -> tuple[int, int]:
    """Read "WIDTHxHEIGHT" as (height, width)."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not found:
        raise InputError(f"The size {text!r} is not WIDTHxHEIGHT: write --raw 640x480, in pixels.")
    return int(found[2]), int(found[1])


def read_masks(path: Path) -> dict[str, MaskPrompt]:
    """One prompt for each label of a picture; 255 alone, as in binary masks, is object "1"."""
    picture = read_labels(path)
    labels = [label for label in used_labels(picture) if label != VOID]
    if not labels:
        return {"1": MaskPrompt(picture != 0)}
    return {str(label): MaskPrompt(picture == label) for label in labels}


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []
