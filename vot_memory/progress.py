"""How a run tells what it does: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from rich.console import Console


class Progress(Protocol):
    """What a run reports; one unit is one sequence under all its policies."""

    def start(self, total: int) -> AbstractContextManager[object]:
        """The run begins, with so many units; the context ends with it."""

    def unit(self, sequence: str, policies: int, frames: int | None) -> None:
        """A unit begins; the length of a stream is not known (None)."""

    def frame(self, done: int) -> None:
        """So many frames of the current unit are done."""

    def done(self, sequence: str, seconds: float) -> None:
        """The current unit is complete."""

    def skipped(self, sequence: str) -> None:
        """A unit was complete already."""

    def failed(self, sequence: str, reason: str) -> None:
        """Something of the current unit failed; the run goes on."""


class Silent:
    """Reports nothing."""

    def start(self, total: int) -> AbstractContextManager[object]:
        """Say nothing."""
        return nullcontext()

    def unit(self, sequence: str, policies: int, frames: int | None) -> None:
        """Say nothing."""

    def frame(self, done: int) -> None:
        """Say nothing."""

    def done(self, sequence: str, seconds: float) -> None:
        """Say nothing."""

    def skipped(self, sequence: str) -> None:
        """Say nothing."""

    def failed(self, sequence: str, reason: str) -> None:
        """Say nothing."""


class Lines(Silent):
    """One line for each unit that was run, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._finished = self._skipped = 0
        self._unit = ""

    @contextmanager
    def start(self, total: int) -> Iterator[None]:
        """Remember how much there is to do."""
        self._total, self._finished, self._skipped = total, 0, 0
        yield
        self._tell_skipped()

    def unit(self, sequence: str, policies: int, frames: int | None) -> None:
        """Remember what the coming line is about."""
        self._tell_skipped()
        plural = "policy" if policies == 1 else "policies"
        length = "a stream" if frames is None else f"{frames} frames"
        self._unit = f"{length}, {policies} {plural}"
        self._finished += 1

    def done(self, sequence: str, seconds: float) -> None:
        """Print a line."""
        self._print(f"[{self._finished}/{self._total}] {sequence}: {self._unit}, {seconds:.1f} s")

    def skipped(self, sequence: str) -> None:
        """Count; one line tells of all."""
        self._finished += 1
        self._skipped += 1

    def failed(self, sequence: str, reason: str) -> None:
        """Print a line."""
        self._print(f"[{self._finished}/{self._total}] {sequence} FAILED: {reason}")

    def _tell_skipped(self) -> None:
        if self._skipped:
            plural = "sequence was" if self._skipped == 1 else "sequences were"
            self._print(f"{self._skipped} {plural} complete already")
            self._skipped = 0

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Bar:
    """A live bar over all units, one over the frames of the current unit, failures above them."""

    def __init__(self, console: Console) -> None:
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=console,
        )
        self._units = self._bar.add_task("sequences", total=None)
        self._frames = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.update(self._frames, visible=False)
        self._bar.stop()

    def start(self, total: int) -> AbstractContextManager[object]:
        """Show the bar."""
        self._bar.reset(self._units, total=total)
        return self

    def unit(self, sequence: str, policies: int, frames: int | None) -> None:
        """Begin the lower bar anew."""
        self._bar.reset(self._frames, total=frames, description=sequence, visible=True)

    def frame(self, done: int) -> None:
        """Advance the lower bar."""
        self._bar.update(self._frames, completed=done)

    def done(self, sequence: str, seconds: float) -> None:
        """Advance the upper bar."""
        self._bar.advance(self._units)

    def skipped(self, sequence: str) -> None:
        """Advance the upper bar."""
        self._bar.advance(self._units)

    def failed(self, sequence: str, reason: str) -> None:
        """Leave a line above the bars."""
        self._bar.console.print(f"{sequence} FAILED: {reason}", markup=False, style="red")
        self._bar.advance(self._units)


def make_progress(console: Console) -> Progress:
    """A bar where someone can see it, else lines."""
    return Bar(console) if console.is_terminal else Lines(console)
