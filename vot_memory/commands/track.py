"""`vot-memory track`: follow objects through a video or a live stream, frame in, answer out.

One loop serves files, cameras and pipes: each answer is written before the next picture is read,
and nothing grows with the number of frames. Only an offline policy, which revises its masks after
the last frame, needs a second pass; a stream has no last frame, so there it is refused.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vot_memory.building import check_writable, remove_stale
from vot_memory.commands.prompts import parse_prompts, parse_size
from vot_memory.commands.track_outputs import STDOUT, JsonLines, Masks, Output, Overlay
from vot_memory.datasets.export import frame_names
from vot_memory.datasets.prompts import Prompt
from vot_memory.datasets.rle import RLE, decode, encode
from vot_memory.datasets.sequence import Picture, Sequence
from vot_memory.datasets.stream import PIPE, Stream, is_stream, open_stream
from vot_memory.datasets.video import open_video
from vot_memory.errors import InputError
from vot_memory.progress import Progress, tracking

if TYPE_CHECKING:
    from vot_memory.tracking import Answer, Tracker

Watch = Callable[[int], object]  # is told the number of frames done


@dataclass(frozen=True)
class Request:
    """What the command line asks for; the words are those of its options."""

    video: Path | str
    out: Path | None = None
    masks: Path | None = None
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
    compile: bool = False
    limit: int | None = None
    non_overlap: bool = False
    json: Path | None = None
    json_masks: bool = False
    raw: str | None = None
    live: bool | None = None
    fps: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How tracking ended.

    Attributes:
        said: what there is to say about it.
        failure: why a stream broke off; what was written until then is kept.
    """

    said: list[str]
    failure: str | None = None


def track(request: Request, progress: Progress) -> Outcome:
    """Do what is asked.

    Raises:
        InputError: something does not exist or fit; nothing was written.
        OSError: a place cannot be written; nothing was.
        KeyboardInterrupt: Ctrl-C or SIGTERM, of a stream the second; says what became of it.
    """
    _check(request)
    where = str(request.video)
    live = is_stream(where)
    try:
        with sigterm_as_ctrl_c():
            if not live:
                return _track(request, open_video(request.video), progress)
            raw = parse_size(request.raw) if request.raw else None
            with closing(open_stream(where, raw=raw, newest=request.live)) as stream:
                return _track(request, stream, progress)
    except KeyboardInterrupt:
        end = "what was written until then is kept" if live else "no file was written"
        raise KeyboardInterrupt(f"Stopped: {end}.") from None


def _track(request: Request, source: Sequence | Stream, progress: Progress) -> Outcome:
    prompts = parse_prompts(request.boxes, request.mask_files, request.points, source.size)
    run = _Run(_outputs(request, source, prompts), keep=isinstance(source, Stream))
    count = None
    if isinstance(source, Sequence):
        count = min(len(source), request.limit or len(source))
    tracker = _make_tracker(request, source, prompts, count)
    pictures = _pictures(source, request.limit)
    if isinstance(source, Sequence) and tracker.policy.spec.offline:
        found = offline_answers(source, pictures, tracker, prompts, progress.frame)
    else:
        found = online_answers(pictures, tracker, prompts, progress.frame)
    start = time.perf_counter()
    with progress.start(1), closing(pictures):
        progress.unit(source.name, tracking(count, 1), count)
        run.write(found)
        seconds = time.perf_counter() - start
        if count == run.frames:  # of a stream the last line says as much
            progress.done(source.name, seconds)
    said = f"objects: {len(prompts)}, frames: {run.frames}, {run.frames / seconds:.1f} frames/s"
    if isinstance(source, Stream) and source.dropped is not None:
        said += f", dropped: {source.dropped}"
    places = {"overlay": request.out, "masks": request.masks, "json": request.json}
    written = [f"{what}: {place}" for what, place in places.items() if place not in (None, STDOUT)]
    if written and run.abandoned and not run.keep:
        written = ["The reader of --json went away, so nothing else was written."]
    return Outcome([said, *written], run.failure)


@dataclass
class _Run:
    """Writes answers as they come.

    Attributes:
        outputs: where to.
        keep: what was written is kept when the source fails.
        frames: answers written. abandoned: nobody read on. failure: why the source broke off.
    """

    outputs: Seq[Output]
    keep: bool
    frames: int = 0
    abandoned: bool = False
    failure: str | None = None

    def write(self, found: Iterable[tuple[Picture, Answer]]) -> None:
        """Write all there is; a source that fails after its first frame is remembered if kept."""
        try:
            with ExitStack() as stack:
                for output in self.outputs:
                    stack.enter_context(output)
                for picture, answer in found:
                    for output in self.outputs:
                        output.add(picture, answer)
                    self.frames += 1
        except BrokenPipeError:
            self.abandoned = True
        except (InputError, OSError) as error:
            if not (self.keep and self.frames):
                raise
            self.failure = str(error)


def online_answers(
    pictures: Iterable[Picture], tracker: Tracker, prompts: Mapping[str, Prompt], watch: Watch
) -> Iterator[tuple[Picture, Answer]]:
    """Track objects that begin on the first picture; every answer comes at once and stands.

    Args:
        pictures: RGB uint8 [H, W, 3].
        tracker: fresh, for this video.
        prompts: object id -> prompt on the first picture.
        watch: is told the number of frames done.
    """
    for t, picture in enumerate(pictures):
        yield picture, tracker.track(picture, prompts if t == 0 else None)
        watch(t + 1)


def offline_answers(
    video: Sequence,
    pictures: Iterable[Picture],
    tracker: Tracker,
    prompts: Mapping[str, Prompt],
    watch: Watch,
) -> Iterator[tuple[Picture, Answer]]:
    """The same for an offline policy, with the masks that it revises after the last frame.

    Pictures are decoded again from the video, so none has to be kept; masks wait as run lengths.
    """
    waiting: list[tuple[Answer, dict[str, RLE]]] = []
    for _, answer in online_answers(pictures, tracker, prompts, watch):
        rles = {name: encode(answer.mask(name)) for name in answer.objects}
        waiting.append((replace(answer, masks=answer.masks[:0].copy()), rles))
    unrevised = (
        (t, {name: decode(rle) for name, rle in rles.items()})
        for t, (_, rles) in enumerate(waiting)
    )
    for t, masks in tracker.finish() or unrevised:
        answer, _ = waiting[t]
        stacked = np.stack([masks[name] for name in answer.objects])
        yield video.frames[t], replace(answer, masks=stacked)


def _pictures(source: Sequence | Stream, limit: int | None) -> Generator[Picture]:
    if isinstance(source, Stream):
        return until_stopped(islice(source, limit))
    frames = source.frames
    return (frames[t] for t in range(min(len(frames), limit or len(frames))))


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, which schedulers send, end things as Ctrl-C does: with nothing half-written."""

    def stop(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the cleaning up
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def until_stopped(pictures: Iterable[Picture]) -> Generator[Picture]:
    """Pictures of a stream until Ctrl-C or SIGTERM, which is the normal way to end it.

    The wait for a picture ends at once; work on a picture is finished first, unless the signal
    comes a second time.
    """
    waiting = stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        if waiting or stopped:
            raise KeyboardInterrupt
        stopped = True

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        source = iter(pictures)
        while not stopped:
            waiting = True
            picture = next(source, None)
            waiting = False
            if picture is None:
                return
            yield picture
    except KeyboardInterrupt:
        return
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _check(request: Request) -> None:
    """Refuse what does not fit together, before anything is opened."""
    where = str(request.video)
    if not (request.out or request.masks or request.json):
        raise InputError(
            "Nothing would be written: give --out overlay.mp4, --masks FOLDER or --json -."
        )
    if request.json_masks and not request.json:
        raise InputError("--json-masks says what --json writes: give --json FILE too, or -.")
    if request.limit is not None and request.limit < 1:
        raise InputError(f"The limit of {request.limit} frames leaves nothing: give 1 or more.")
    if request.fps is not None and not 0 < request.fps <= 1000:
        raise InputError(f"--fps {request.fps:g} is no frame rate: give more than 0, up to 1000.")
    if request.raw and where != PIPE:
        raise InputError(f"--raw is for what comes through a pipe, not for {where}: leave it out.")
    if request.live and not is_stream(where):
        raise InputError(f"--live is for streams, and {where} waits: leave it out.")


def _outputs(
    request: Request, source: Sequence | Stream, prompts: Mapping[str, Prompt]
) -> list[Output]:
    """What is to be written; their places are checked, and nothing is written yet."""
    outputs: list[Output] = []
    whole = isinstance(source, Sequence)
    length = len(source) if isinstance(source, Sequence) else None
    if request.out:
        fps = request.fps or source.fps
        outputs.append(Overlay(request.out, fps, length, whole=whole))
    if request.masks:
        name = frame_names(source).__getitem__ if isinstance(source, Sequence) else "{:05d}".format
        outputs.append(Masks(request.masks, prompts, name, whole=whole))
    if request.json:
        outputs.append(JsonLines(request.json, masks=request.json_masks, whole=whole))
    for place in (request.out, request.masks, request.json):
        if place and place != STDOUT:
            check_writable(place)
            remove_stale(place)
    return outputs


def _make_tracker(
    request: Request,
    source: Sequence | Stream,
    prompts: Mapping[str, Prompt],
    num_frames: int | None,
) -> Tracker:
    from vot_memory.models import load_model
    from vot_memory.ranges import check_prompt_kinds
    from vot_memory.registry import load_policy, policies_with_options
    from vot_memory.trackers.sam2 import Sam2
    from vot_memory.tracking import Tracker

    ((name, options),) = policies_with_options([request.policy], request.settings)
    policy = load_policy(name, options)
    check_prompt_kinds(policy, prompts, 0)
    if isinstance(source, Stream) and policy.spec.offline:
        raise InputError(
            f"Policy {name!r} answers after the last frame, which a stream does not have: give "
            "an online policy such as sam2long-online."
        )
    backbone = load_model(
        request.model,
        request.checkpoint,
        device=request.device,
        dtype=request.dtype,
        compile=request.compile,
        image_size=request.image_size,
    )
    kind = next(iter(prompts.values())).kind  # the same for all; see `parse_prompts`
    return Tracker(
        Sam2(backbone, prompt=kind).host(policy).engine,
        policy,
        num_frames=num_frames,
        non_overlap=request.non_overlap,
        sequence=Path(request.video).stem,
    )
