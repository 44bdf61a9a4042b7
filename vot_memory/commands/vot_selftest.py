"""Try a tracker as the VOT toolkit will use it, without the toolkit, and say what failed."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vot_memory.errors import InputError
from vot_memory.trackers.vot import INSTALL, to_mask

FRAMES = 8
SIZE = 96, 128  # height, width: not square, so that exchanged axes are found out
SIDE, STEP = 28, 4  # of the squares and of their motion, pixels
COLOURS = np.array([[220, 60, 50], [60, 200, 70], [70, 90, 230]], np.uint8)
SHOWN = 12  # last lines of a tracker's messages


@dataclass(frozen=True)
class Trial:
    """What became of one generated video.

    Attributes:
        objects: number of objects in it.
        failure: why it failed, empty if it did not.
        messages: the last lines that the tracker wrote, of a failure.
        overlap: mean overlap of the answers with the truth.
        start: seconds to the first answer, weights included. frame: seconds a frame after that.
    """

    objects: int
    failure: str = ""
    messages: tuple[str, ...] = ()
    overlap: float = 0.0
    start: float = 0.0
    frame: float = 0.0


def check_installed() -> None:
    """Raise `InputError` unless vot-trax can be imported."""
    try:
        import trax  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"An entry cannot be tried without vot-trax: {INSTALL}, or give --no-test."
        ) from error


def describe(trial: Trial) -> list[str]:
    """The outcome as lines for people."""
    what = f"{trial.objects} object{'s' * (trial.objects > 1)}"
    if trial.failure:
        return [f"FAILED {what}: {trial.failure}", *(f"  | {line}" for line in trial.messages)]
    return [
        f"ok     {what}: first answer after {trial.start:.1f} s, then {trial.frame * 1000:.0f} ms "
        f"a frame, mean overlap {trial.overlap:.2f}"
    ]


def try_tracker(command: Sequence[str], objects: int, timeout: float) -> Trial:
    """Run a TraX tracker on one generated video of moving squares.

    Args:
        command: the words that start it. It runs in an empty folder, as the toolkit has it.
        objects: how many squares, 1 to 3.
        timeout: seconds that it may take to start and for each answer.
    """
    with tempfile.TemporaryDirectory(prefix="vot-memory-") as folder:
        place = Path(folder)
        pictures, truth = draw_video(place / "squares" / "color", objects)
        messages, empty = place / "messages", place / "empty"
        empty.mkdir()
        try:
            with _started(command, empty, messages, timeout) as tracker:
                overlap, seconds = _follow(tracker, pictures, truth)
        except _TrialError as error:
            lines = messages.read_text(errors="replace").splitlines()
            return Trial(objects, str(error), tuple(lines[-SHOWN:]))
    return Trial(
        objects, overlap=overlap, start=seconds[0], frame=sum(seconds[1:]) / len(seconds[1:])
    )


def draw_video(folder: Path, objects: int) -> tuple[list[Path], NDArray[np.bool_]]:
    """Squares that move to the right, as JPEG files; their masks, bool [T, objects, H, W]."""
    from PIL import Image

    folder.mkdir(parents=True)
    height, width = SIZE
    columns = np.linspace(50, 110, width, dtype=np.uint8)
    ground = np.broadcast_to(columns[None, :, None], (height, width, 3))
    truth = np.zeros((FRAMES, objects, height, width), np.bool_)
    paths = []
    for t in range(FRAMES):
        picture = ground.copy()
        for k in range(objects):
            top, left = 3 + (SIDE + 3) * k, 10 + 8 * k + STEP * t
            truth[t, k, top : top + SIDE, left : left + SIDE] = True
            picture[truth[t, k]] = COLOURS[k]
        paths.append(folder / f"{t + 1:08d}.jpg")
        Image.fromarray(picture).save(paths[-1], quality=95)
    return paths, truth


class _TrialError(Exception):
    """Why a trial failed, in one sentence."""


class _Tracker:
    """A started tracker, seen from the toolkit's side."""

    def __init__(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        from trax.client import Client

        self._process, self._timeout = process, timeout
        pipes = [pipe.fileno() for pipe in (process.stdin, process.stdout) if pipe]
        with self._patience("start"):
            self._client = Client(
                tuple(pipes), log=lambda message: None
            )  # 4.0.2 fails without a log

    def ask(self, picture: Path, begins: Sequence[Any] = ()) -> list[Any]:
        """Send a picture, and regions with the first one; the regions that answer it."""
        from trax import FileImage

        image = {"color": FileImage.create(str(picture))}
        with self._patience(f"answer {picture.name}"):
            if begins:
                answers, _ = self._client.initialize(image, [(b, {}) for b in begins], {})
            else:
                answers, _ = self._client.frame(image, {}, [])
        return [region for region, _ in answers]

    def quit(self) -> None:
        """Say goodbye."""
        self._client.quit()

    @contextmanager
    def _patience(self, task: str) -> Iterator[None]:
        """Turn what TraX raises into a reason; a tracker that does not answer is ended."""
        from trax import TraxException

        timer = threading.Timer(self._timeout, self._process.kill)
        timer.start()
        try:
            yield
        except TraxException as error:
            if timer.finished.is_set():
                reason = f"it did not {task} within {self._timeout:g} s"
            elif "session: " in str(error):  # the reason that the tracker gave
                reason = str(error).partition("session: ")[2]
            else:
                reason = f"it ended and did not {task}"
            raise _TrialError(reason) from error
        finally:
            timer.cancel()


@contextmanager
def _started(
    command: Sequence[str], folder: Path, messages: Path, timeout: float
) -> Iterator[_Tracker]:
    """A tracker that runs in a folder and writes its messages to a file; ended at the end."""
    with messages.open("wb") as errors:
        try:
            process = subprocess.Popen(  # noqa: S603
                command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        except OSError as error:
            raise _TrialError(f"{command[0]} cannot be started ({error.strerror})") from error
        with process:
            try:
                tracker = _Tracker(process, timeout)
                yield tracker
                tracker.quit()
                process.wait(timeout)
            finally:
                process.kill()


def _follow(
    tracker: _Tracker, pictures: Sequence[Path], truth: NDArray[np.bool_]
) -> tuple[float, list[float]]:
    """Track the video: mean overlap with the truth, and seconds a frame."""
    overlaps, seconds = [], []
    for t, picture in enumerate(pictures):
        start = time.perf_counter()
        regions = tracker.ask(picture, [_cropped(m) for m in truth[0]] if t == 0 else ())
        seconds.append(time.perf_counter() - start)
        if len(regions) != truth.shape[1]:
            raise _TrialError(
                f"it answered {picture.name} with {len(regions)} regions of {truth.shape[1]}"
            )
        for region, mask in zip(regions, truth[t], strict=True):
            answer = to_mask(region, SIZE)
            overlaps.append(float((answer & mask).sum() / (answer | mask).sum()))
    return float(np.mean(overlaps)), seconds


def _cropped(mask: NDArray[np.bool_]) -> Any:
    """A TraX mask as the toolkit sends it: only the object's tight box, and where that is."""
    from trax import Mask

    ys, xs = np.nonzero(mask)
    y, x = int(ys.min()), int(xs.min())
    crop = mask[y : ys.max() + 1, x : xs.max() + 1]
    return Mask.create(np.ascontiguousarray(crop, dtype=np.uint8), x, y)
