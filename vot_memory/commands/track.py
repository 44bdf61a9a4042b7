"""`vot-memory track`: follow objects through one video and show what the memory holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.commands.options import parse_prompts, policies_with_options
from vot_memory.datasets.export import export_vos
from vot_memory.datasets.pictures import PictureFrames
from vot_memory.datasets.prompts import Prompt
from vot_memory.datasets.rle import RLE, decode, encode
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.video import open_video
from vot_memory.errors import InputError
from vot_memory.reports.overlay import OverlayWriter, Shown, check_new_folder, draw_frame

if TYPE_CHECKING:
    from vot_memory.progress import Progress
    from vot_memory.tracking import Answer, Tracker

Watch = Callable[[int], object]  # is told the number of frames done


@dataclass(frozen=True)
class Request:
    """What the command line asks for; the words are those of its options."""

    video: Path
    out: Path | None
    masks: Path | None
    boxes: tuple[str, ...] = ()
    mask_files: tuple[Path, ...] = ()
    points: tuple[str, ...] = ()
    policy: str = "fifo"
    settings: tuple[str, ...] = ()
    model: str = "nano"
    checkpoint: Path | None = None
    image_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    limit: int | None = None
    non_overlap: bool = False


@dataclass(frozen=True)
class Step:
    """What the tracker said of one object on one frame, small enough to keep for a whole video."""

    mask: RLE
    score: float
    memory: tuple[int, ...]
    prompted: bool


Steps = dict[str, list[Step]]  # object -> one a frame


def track(request: Request, progress: Progress) -> list[str]:
    """Do what is asked; returns what there is to say about it.

    Raises:
        InputError: something does not exist or fit; nothing was written.
    """
    if request.out is None and request.masks is None:
        raise InputError("Nothing would be written: give --out overlay.mp4, or --masks FOLDER.")
    video = open_video(request.video)
    writer = OverlayWriter(request.out, video.fps) if request.out else None
    if request.masks:
        check_new_folder(request.masks)
    prompts = parse_prompts(request.boxes, request.mask_files, request.points, video.size)
    if request.limit is not None and request.limit < 1:
        raise InputError(f"The limit of {request.limit} frames leaves nothing: give 1 or more.")
    count = min(len(video), request.limit or len(video))
    tracker = _make_tracker(request, prompts, count)
    start = time.perf_counter()
    with progress.start(1):
        progress.unit(video.name, 1, count)
        steps = follow(video, tracker, prompts, count, progress.frame)
        progress.done(video.name, time.perf_counter() - start)
    rate = count / (time.perf_counter() - start)
    said = [f"objects: {len(prompts)}, frames: {count}, {rate:.1f} frames/s"]
    if writer:
        write_overlay(video, steps, writer)
        said.append(f"overlay: {request.out}")
    if request.masks:
        write_masks(video, steps, request.masks)
        said.append(f"masks: {request.masks}")
    return said


def follow(
    video: Sequence, tracker: Tracker, prompts: Mapping[str, Prompt], count: int, watch: Watch
) -> Steps:
    """Track objects that begin on the first frame; an offline policy's revised masks are taken.

    Args:
        video: the pictures.
        tracker: fresh, for this video.
        prompts: object id -> prompt on frame 0.
        count: frames to track.
        watch: is told the number of frames done.
    """
    steps: Steps = {name: [] for name in prompts}
    for t in range(count):
        answer = tracker.track(video.frames[t], prompts if t == 0 else None)
        for index, name in enumerate(answer.objects):
            steps[name].append(_step(answer, index))
        watch(t + 1)
    for t, masks in tracker.finish() or ():
        for name, mask in masks.items():
            steps[name][t] = replace(steps[name][t], mask=encode(mask))
    return steps


def write_overlay(video: Sequence, steps: Steps, writer: OverlayWriter) -> None:
    """Draw masks, scores and memories; frames are decoded again, so none has to be kept."""
    with writer:
        for t, of_objects in enumerate(zip(*steps.values(), strict=True)):
            shown = [
                Shown(name, decode(s.mask), s.score, s.memory, s.prompted)
                for name, s in zip(steps, of_objects, strict=True)
            ]
            writer.write(draw_frame(video.frames[t], t, len(video), shown))


def write_masks(video: Sequence, steps: Steps, folder: Path) -> None:
    """Write the masks as palette PNG files, named as the frames are."""
    rles = {name: [step.mask for step in of_object] for name, of_object in steps.items()}
    count = min(len(of_object) for of_object in rles.values())
    export_vos(rles, video.size, folder, frame_names(video)[:count])


def frame_names(video: Sequence) -> list[str]:
    """File names of the pictures without suffix; numbers of five digits where there are none."""
    if isinstance(video.frames, PictureFrames):
        return [path.stem for path in video.frames.paths]
    return [f"{t:05d}" for t in range(len(video))]


def _make_tracker(request: Request, prompts: Mapping[str, Prompt], num_frames: int) -> Tracker:
    from vot_memory.models import load_model
    from vot_memory.ranges import check_prompt_kinds
    from vot_memory.registry import load_policy
    from vot_memory.trackers.sam2 import Sam2
    from vot_memory.tracking import Tracker

    ((name, options),) = policies_with_options([request.policy], request.settings)
    policy = load_policy(name, options)
    check_prompt_kinds(policy, prompts, 0)
    backbone = load_model(
        request.model,
        request.checkpoint,
        device=request.device,
        dtype=request.dtype,
        image_size=request.image_size,
    )
    kind = next(iter(prompts.values())).kind  # the same for all; see `parse_prompts`
    return Tracker(
        Sam2(backbone, prompt=kind).host(policy).engine,
        policy,
        num_frames=num_frames,
        non_overlap=request.non_overlap,
        sequence=request.video.stem,
    )


def _step(answer: Answer, index: int) -> Step:
    return Step(
        mask=encode(answer.masks[index]),
        score=float(answer.object_score[index]),
        memory=tuple(answer.memory[index].tolist()),
        prompted=bool(answer.written[index] == 0),
    )
