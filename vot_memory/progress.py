"""How a run tells what it does: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from rich.console import Console


class Progress(Protocol):
    """What a run reports; of a run of trackers one unit is one sequence under all its policies."""

    def start(self, total: int, kind: str = "sequence") -> AbstractContextManager[object]:
        """The run begins, with so many units of a kind; the context ends with it."""

    def unit(self, name: str, work: str, steps: int | None) -> None:
        """A unit begins; `work` says in words what it takes. None: it may take any number."""

    def frame(self, done: int) -> None:
        """So many steps of the current unit are done, which are frames of a video."""

    def done(self, name: str, seconds: float) -> None:
        """The current unit is complete."""

    def skipped(self, name: str) -> None:
        """A unit was complete already."""

    def failed(self, name: str, reason: str) -> None:
        """Something of the current unit failed; the run goes on."""


def tracking(frames: int | None, policies: int) -> str:
    """The words for a unit that runs policies; the length of a stream is not known (None)."""
    length = "a stream" if frames is None else f"{frames} frames"
    return f"{length}, {policies} {'policy' if policies == 1 else 'policies'}"


class Silent:
    """Reports nothing."""

    def start(self, total: int, kind: str = "sequence") -> AbstractContextManager[object]:
        """Say nothing."""
        return nullcontext()

    def unit(self, name: str, work: str, steps: int | None) -> None:
        """Say nothing."""

    def frame(self, done: int) -> None:
        """Say nothing."""

    def done(self, name: str, seconds: float) -> None:
        """Say nothing."""

    def skipped(self, name: str) -> None:
        """Say nothing."""

    def failed(self, name: str, reason: str) -> None:
        """Say nothing."""


class Lines(Silent):
    """One line for each unit that was run, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._finished = self._skipped = 0
        self._kind = self._work = ""

    @contextmanager
    def start(self, total: int, kind: str = "sequence") -> Iterator[None]:
        """Remember how much there is to do."""
        self._total, self._finished, self._skipped, self._kind = total, 0, 0, kind
        yield
        self._tell_skipped()

    def unit(self, name: str, work: str, steps: int | None) -> None:
        """Remember what the coming line is about."""
        self._tell_skipped()
        self._work = work
        self._finished += 1

    def done(self, name: str, seconds: float) -> None:
        """Print a line."""
        self._print(f"[{self._finished}/{self._total}] {name}: {self._work}, {seconds:.1f} s")

    def skipped(self, name: str) -> None:
        """Count; one line tells of all."""
        self._finished += 1
        self._skipped += 1

    def failed(self, name: str, reason: str) -> None:
        """Print a line."""
        self._print(f"[{self._finished}/{self._total}] {name} FAILED: {reason}")

    def _tell_skipped(self) -> None:
        if self._skipped:
            words = f"{self._kind} was" if self._skipped == 1 else f"{_several(self._kind)} were"
            self._print(f"{self._skipped} {words} complete already")
            self._skipped = 0

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Bar:
    """A live bar over all units, one over the steps of the current unit, failures above them."""

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
        self._units = self._bar.add_task("", total=None)
        self._frames = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.update(self._frames, visible=False)
        self._bar.stop()

    def start(self, total: int, kind: str = "sequence") -> AbstractContextManager[object]:
        """Show the bar."""
        self._bar.reset(self._units, total=total, description=_several(kind))
        return self

    def unit(self, name: str, work: str, steps: int | None) -> None:
        """Begin the lower bar anew."""
        self._bar.reset(self._frames, total=steps, description=name, visible=True)

    def frame(self, done: int) -> None:
        """Advance the lower bar."""
        self._bar.update(self._frames, completed=done)

    def done(self, name: str, seconds: float) -> None:
        """Advance the upper bar."""
        self._bar.advance(self._units)

    def skipped(self, name: str) -> None:
        """Advance the upper bar."""
        self._bar.advance(self._units)

    def failed(self, name: str, reason: str) -> None:
        """Leave a line above the bars."""
        self._bar.console.print(f"{name} FAILED: {reason}", markup=False, style="red")
        self._bar.advance(self._units)


def _several(kind: str) -> str:
    return kind + ("es" if kind.endswith("ch") else "s")


def make_progress(console: Console) -> Progress:
    """A bar where someone can see it, else lines."""
    return Bar(console) if console.is_terminal else Lines(console)
