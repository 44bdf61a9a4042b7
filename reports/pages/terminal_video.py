"""One video in the terminal: numbers of each object, and what every run did to it over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.metrics.events import LOOKALIKE, OCCLUDED, RETURNED, find_events
from vot_memory.metrics.vots import FrameOverlaps
from vot_memory.reports.gather import Section
from vot_memory.reports.pages.terminal import literal, new_grid, print_title, prose
from vot_memory.reports.scores import COUNT_COLUMNS, RunScores
from vot_memory.reports.style import OVERLAP_COLORS, overlap_bin
from vot_memory.reports.tables.table import Table
from vot_memory.reports.text import count, number, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

WIDTH = 60  # letters of a timeline
_BLOCKS = "▁▂▃▄▅▆▇█"
_UNSCORED, _ABSENT, _HALLUCINATED, _DRIFTED, _MISSED = " ", "·", "!", "x", "_"
_MEANINGS = {  # sign -> what it means in a run's line
    _DRIFTED: "drifted: its mask misses the object",
    _MISSED: "missed: no mask",
    _ABSENT: "the object is absent and there is no mask",
    _HALLUCINATED: "it is absent, but there is a mask",
}
_EVENTS = {OCCLUDED: "o", LOOKALIKE: "l", RETURNED: "r"}  # in the line of the truth
_LOST = f"bold {OVERLAP_COLORS[0]}"


def print_sequence(section: Section, name: str, console: Console) -> None:
    """Print every object of a video: a row of numbers and a timeline for each run.

    Raises:
        KeyError: the split has no such video.
    """
    from rich.text import Text

    sequence = section.sequence(name)
    runs = section.runs_on(name)
    print_title(section.table, console)
    used: set[str] = set()
    for track in sequence.objects:
        what = f"{one_line(name)}, object {one_line(track.id)}, {count(len(sequence), 'frame')}"
        console.print(Text(what, style="bold"))
        console.print(_numbers(section.table, runs, name, track.id))
        console.print(_timelines(section.table, runs, sequence, track, used))
    step = -(-len(sequence) // WIDTH)
    console.print(prose(_legend(used, step), console, "dim"))
    for line in section.table.legend:
        console.print(prose(line, console, "dim"))


def timeline(frames: FrameOverlaps) -> str:
    """What a run did to an object, a letter for every `ceil(T / WIDTH)` frames.

    Blocks are the mean overlap where the object is visible; other letters say that it is lost or
    absent, as most frames of the letter have it.
    """
    step = -(-len(frames.overlap) // WIDTH)
    letters = []
    for begin in range(0, len(frames.overlap), step):
        part = slice(begin, begin + step)
        visible = frames.visible[part]
        absent = frames.scored[part] & ~visible
        overlap, predicted = frames.overlap[part], frames.predicted[part]
        if not visible.any() and not absent.any():
            letters.append(_UNSCORED)
        elif absent.sum() > visible.sum():
            shown = 2 * (predicted & absent).sum() >= absent.sum()
            letters.append(_HALLUCINATED if shown else _ABSENT)
        elif overlap[visible].any():
            level = float(overlap[visible].mean())
            letters.append(_BLOCKS[min(int(level * len(_BLOCKS)), len(_BLOCKS) - 1)])
        else:
            drifted = 2 * (predicted & visible).sum() >= visible.sum()
            letters.append(_DRIFTED if drifted else _MISSED)
    return "".join(letters)


def _numbers(table: Table, runs: list[RunScores], name: str, track: str) -> Grid:
    """Measures of an object and its frames by outcome; those of absence only where it is absent."""
    rows = [_row(run, name, track) for run in runs]
    counts = COUNT_COLUMNS[:3]
    absent = [int(row["hallucinated"] + row["silent"]) for row in rows]
    further = [c for c in ("J&F", "AUC") if all(c in row for row in rows)]
    hallucinated = ["hallucinated"] if any(absent) else []
    grid = new_grid("policy", "Q", "A", "R", *further, *counts, *hallucinated)
    for run, row, away in zip(runs, rows, absent, strict=True):
        numbers = [number(row[column]) for column in ("Q", "A", "R", *further)]
        cells = [str(int(row[column])) for column in counts]
        cells += [f"{int(row['hallucinated'])} of {away}"] if hallucinated else []
        grid.add_row(literal(run.label + table.signs[run.label]), *numbers, *cells)
    return grid


def _row(run: RunScores, name: str, track: str) -> dict[str, Any]:
    chosen = run.objects[(run.objects["sequence"] == name) & (run.objects["object"] == track)]
    return {str(column): value for column, value in chosen.to_dict("records")[0].items()}


def _timelines(
    table: Table, runs: list[RunScores], sequence: Sequence, track: ObjectTrack, used: set[str]
) -> Grid:
    """A line a run below one of the truth; their letters are added to `used`."""
    step = -(-len(sequence) // WIDTH)
    grid = new_grid("policy", _ruler(len(sequence), step))
    grid.columns[1].justify = "left"
    labels = sequence.labels if len(sequence.objects) == 1 else {}
    frames = runs[0].frames[sequence.name, track.id]
    truth = _truth(frames, track.first_frame, labels, step)
    used.update(truth)
    grid.add_row("[dim]truth[/]", f"[dim]{truth}[/]")
    for run in runs:
        line = timeline(run.frames[sequence.name, track.id])
        used.update(line)
        grid.add_row(literal(run.label + table.signs[run.label]), _colored(line))
    return grid


def _truth(frames: FrameOverlaps, first_frame: int, labels: Any, step: int) -> str:
    """What happens: visible, absent, or one of `_EVENTS`; blank before the prompt."""
    letters = np.full(len(frames.overlap), _UNSCORED)
    letters[frames.visible] = "─"
    for event, chosen in find_events(frames, first_frame, labels).items():
        letters[chosen] = _EVENTS.get(event, "─")
    letters[frames.scored & ~frames.visible] = _ABSENT
    letters[first_frame] = "P"
    line = []
    for begin in range(0, len(letters), step):
        here = letters[begin : begin + step].tolist()
        line.append("P" if "P" in here else max(here, key=here.count))
    return "".join(line)


def _ruler(frames: int, step: int) -> str:
    """Numbers of frames above every tenth letter."""
    ruler = ""
    for letter in range(0, -(-frames // step), 10):
        ruler = ruler.ljust(letter) + str(letter * step)
    return ruler


def _colored(line: str) -> Text:
    from rich.text import Text

    text = Text()
    for letter in line:
        text.append(letter, _style(letter))
    return text


def _style(letter: str) -> str:
    if letter in _BLOCKS:
        place = overlap_bin((_BLOCKS.index(letter) + 0.5) / len(_BLOCKS))
        return "" if place is None else OVERLAP_COLORS[place]
    return "dim" if letter in (_ABSENT, _UNSCORED) else _LOST


def _legend(used: set[str], step: int) -> str:
    said = [f"A letter stands for {count(step, 'frame')}", "P: the prompt"]
    if used & set(_BLOCKS):
        said.append(f"{_BLOCKS}: mean overlap")
    said += [f"{sign} {text}" for sign, text in _MEANINGS.items() if sign in used]
    said += [f"truth {sign}: {event}" for event, sign in _EVENTS.items() if sign in used]
    return f"{'; '.join(said)}."
