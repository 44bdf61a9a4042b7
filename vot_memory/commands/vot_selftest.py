"""Try a tracker as the VOT toolkit will use it, without the toolkit, and say what failed."""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE, decode, encode
from vot_memory.datasets.vot_regions import (
    Region,
    format_region,
    mask_region,
    parse_region,
    rle_of_region,
)

FRAMES = 8
SIZE = 96, 128  # height, width: not square, so that exchanged axes are found out
SIDE, STEP = 28, 4  # of the squares and of their motion, pixels
COLOURS = np.array([[220, 60, 50], [60, 200, 70], [70, 90, 230]], np.uint8)
SHOWN = 12  # last lines of a tracker's messages
PREFIX, REASON = "@@TRAX:", "trax.reason="
_MESSAGE = re.compile(PREFIX + r"(\w+)(.*)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


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
    """A started tracker, seen from the toolkit's side of the TraX protocol.

    A message is a line with a prefix, a word, and arguments in double quotes; an object more is a
    line more. Lines without the prefix are what the tracker prints, and are not read. (The client
    of vot-trax 4.0 takes the whole process with it when a tracker is killed.)
    """

    def __init__(self, process: subprocess.Popen[str], timeout: float) -> None:
        self._process, self._timeout = process, timeout
        with self._patience("start"):
            self._receive("hello", 1)

    def ask(self, picture: Path, begins: Sequence[RLE], objects: int) -> list[Region]:
        """Send a picture, and first masks with the first one; a region of every object."""
        regions = [format_region(mask_region(rle)).replace("m", "mask:") for rle in begins]
        with self._patience(f"answer {picture.name}"):
            for region in regions:
                self._send("initialize", region)
            self._send("frame", f"file://{picture}")
            return [_parsed(arguments[0]) for arguments in self._receive("state", objects)]

    def quit(self) -> None:
        """Say goodbye."""
        with self._patience("end"):
            self._send("quit")
            self._process.wait()

    def _send(self, word: str, *arguments: str) -> None:
        quoted = "".join(f'"{_escaped(argument)}" ' for argument in arguments)
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(f"{PREFIX}{word} {quoted}\n")
        self._process.stdin.flush()

    def _receive(self, word: str, count: int) -> list[list[str]]:
        """The arguments of the next messages, which must all be of one kind."""
        assert self._process.stdout is not None  # noqa: S101
        messages: list[list[str]] = []
        while len(messages) < count:
            line = self._process.stdout.readline()
            if not line:
                raise EOFError
            message = _MESSAGE.search(line)
            if message is None:
                continue
            arguments = [_unescaped(text) for text in _QUOTED.findall(message[2])]
            if message[1] == "quit":
                raise _TrialError(_reason(arguments))
            if message[1] != word or (word == "state" and not arguments):
                raise _TrialError(f"it sent {line.strip()!r} where {word!r} was due")
            messages.append(arguments)
        return messages

    @contextmanager
    def _patience(self, task: str) -> Iterator[None]:
        """Say what ended a tracker before its answer; one that does not answer is ended."""
        late = threading.Event()

        def stop() -> None:
            late.set()  # before the process ends, which the other thread sees at once
            self._process.kill()

        timer = threading.Timer(self._timeout, stop)
        timer.start()
        ended: Exception | None = None
        try:
            yield
        except (EOFError, OSError) as error:
            ended = error
        finally:
            timer.cancel()
        if late.is_set():
            raise _TrialError(f"it did not {task} within {self._timeout:g} s") from ended
        if ended:
            raise _TrialError(f"it ended and did not {task}") from ended


@contextmanager
def _started(
    command: Sequence[str], folder: Path, messages: Path, timeout: float
) -> Iterator[_Tracker]:
    """A tracker that runs in a folder and writes its messages to a file; ended at the end."""
    with messages.open("wb") as errors:
        try:
            process = subprocess.Popen(  # noqa: S603
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise _TrialError(f"{command[0]} cannot be started ({error.strerror})") from error
        try:
            yield _Tracker(process, timeout)
        finally:
            process.kill()
            with suppress(OSError):  # what could not be sent any more
                process.communicate()


def _follow(
    tracker: _Tracker, pictures: Sequence[Path], truth: NDArray[np.bool_]
) -> tuple[float, list[float]]:
    """Track the video: mean overlap with the truth, and seconds a frame."""
    overlaps, seconds = [], []
    for t, picture in enumerate(pictures):
        begins = [encode(mask) for mask in truth[0]] if t == 0 else []
        start = time.perf_counter()
        regions = tracker.ask(picture, begins, truth.shape[1])
        seconds.append(time.perf_counter() - start)
        for region, mask in zip(regions, truth[t], strict=True):
            answer = decode(rle_of_region(region, SIZE))
            overlaps.append(float((answer & mask).sum() / (answer | mask).sum()))
    tracker.quit()
    return float(np.mean(overlaps)), seconds


def _parsed(argument: str) -> Region:
    try:
        return parse_region(re.sub("^mask:", "m", argument))
    except ValueError as error:
        raise _TrialError(f"its answer is no region ({error})") from error


def _reason(arguments: Sequence[str]) -> str:
    """What a tracker gives as the reason of its end."""
    given = [a.removeprefix(REASON) for a in arguments if a.startswith(REASON)]
    return given[0] if given else "it ended the conversation and gave no reason"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)
