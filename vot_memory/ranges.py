"""Every answer of a policy is checked before it is executed.

A policy is foreign code. An answer of another shape, or one that points outside the bank, is
refused in words that name the policy, the object and the frame, before it can corrupt a memory.
What one of its methods raises is told in the same way.

Values are looked at on the host, as plain numbers: a row has some forty, and a loop over them costs
less than a few torch kernels. A device is waited for once a check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vot_memory.bank import EMPTY
from vot_memory.errors import InputError, PolicyError, described
from vot_memory.policy import (
    ANCHOR,
    DISCARD,
    UNUSED,
    MemoryPolicy,
    Prompts,
    ReadPlan,
    Selection,
    State,
    Write,
)
from vot_memory.reading import exact
from vot_memory.track import Track

if TYPE_CHECKING:
    from vot_memory.candidates import Candidates
    from vot_memory.datasets.prompts import Prompt
    from vot_memory.log import Log

LABELS = range(-1, 4)  # of the prompt encoder: none, click off and on the object, corners of a box


@contextmanager
def asking(track: Track, method: str, objects: Sequence[str] | None = None) -> Iterator[None]:
    """What a policy's method raises becomes a `PolicyError` that names policy, objects and frame.

    Args:
        track: whose policy is asked.
        method: its name.
        objects: that it is asked about; None = all of the track.
    """
    try:
        yield
    except InputError:  # the policy itself says what is wrong with its input
        raise
    except Exception as error:
        what = described(error, type(track.policy))
        raise PolicyError(f"{_blame(track, objects)}: {method} raised {what}.") from error


def check_prompts_taken(track: Track, prompts: Mapping[str, Prompt], frame: int) -> None:
    """Refuse a second prompt for an object, and kinds that the policy does not take."""
    for name in prompts:
        if name in track.objects:
            raise InputError(
                f"Object {name!r} got a second prompt at frame {frame}: one prompt an object is "
                "supported; give a new object another id."
            )
    check_prompt_kinds(track.policy, prompts, frame)


def check_prompt_kinds(policy: MemoryPolicy, prompts: Mapping[str, Prompt], frame: int) -> None:
    """Refuse prompts of a kind that the policy does not take."""
    takes = policy.spec.prompts
    for name, prompt in prompts.items():
        if prompt.kind not in takes:
            raise InputError(
                f"Policy {policy.name!r}, object {name!r}, frame {frame}: a {prompt.kind} prompt "
                f"is not taken; begin the object with a {' or '.join(takes)}."
            )


def check_state(
    track: Track, state: State, rows: int, objects: Sequence[str] | None = None
) -> None:
    """Refuse private state that is no dict of tensors with `rows` rows."""
    if not isinstance(state, dict):
        raise PolicyError(f"{_blame(track, objects)}: reset answers {_seen(state)}, not a dict.")
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.shape[:1] != (rows,):
            raise PolicyError(
                f"{_blame(track, objects)}: state[{key!r}] is {_seen(value)}, it must be a tensor "
                f"of {rows} rows."
            )


def check_same_state(track: Track, fresh: State, objects: Sequence[str]) -> None:
    """Refuse new rows whose private state has other entries than that of the rows before."""
    if fresh.keys() != track.state.keys():
        raise PolicyError(
            f"{_blame(track, objects)}: reset answers with {sorted(fresh)}, other rows have "
            f"{sorted(track.state)}; make all entries in reset."
        )


def check_plan(track: Track, read: ReadPlan) -> None:
    """Refuse reads outside the bank or of memories that are not there."""
    bank, b = track.bank, track.bank.rows
    _expect(track, "read", read, ReadPlan)
    _tensor(track, "ReadPlan.slots", read.slots, torch.int64, (b, "S"))
    _tensor(track, "ReadPlan.ptrs", read.ptrs, torch.int64, (b, "P"))
    s, p = read.slots.shape[1], read.ptrs.shape[1]
    _tensor(track, "ReadPlan.tpos", read.tpos, torch.int64, (b, s))
    _tensor(track, "ReadPlan.dist", read.dist, torch.float32, (b, p))
    _tensor(track, "ReadPlan.ptr_norm", read.ptr_norm, torch.float32, (b,))
    values = _values(
        read.slots, read.tpos, read.ptrs, read.dist, read.ptr_norm, bank.frame, bank.ring_frame
    )
    for row, (slots, tpos, ptrs, dist, norm, held, ring) in enumerate(zip(*values, strict=True)):
        wrong = _wrong_slots(slots, tpos, held, bank.num_maskmem)
        wrong = wrong or _wrong_pointers(ptrs, dist, norm, held + ring)
        if wrong:
            raise PolicyError(f"{_blame_row(track, row)}: {wrong}.")
    if not (read.key_scale is read.ptr_scale is read.key_mask is None):
        _check_keys(track, read)


def check_prompts(track: Track, own: Prompts) -> None:
    """Refuse a policy's own prompts that the prompt encoder cannot take."""
    b, side = track.bank.rows, 4 * track.bank.memory_shape[-1]
    _expect(track, "prompts", own, Prompts)
    _tensor(track, "Prompts.points", own.points, torch.float32, (b, "N", 2))
    _tensor(track, "Prompts.labels", own.labels, torch.int32, (b, own.points.shape[1]))
    points, labels = _values(own.points, own.labels)
    for row in range(b):
        for point, label in zip(points[row], labels[row], strict=True):
            if not (isfinite(point[0]) and isfinite(point[1]) and label in LABELS):
                raise PolicyError(
                    f"{_blame_row(track, row)}: prompts has point {point} with label {label}; "
                    f"points are finite and labels {LABELS[0]}..{LABELS[-1]}."
                )
    if own.dense is None:
        return
    _tensor(track, "Prompts.dense", own.dense, torch.float32, (b, 1, side, side))
    finite = own.dense.isfinite().flatten(1).all(1)
    if own.dense_valid is not None:
        _tensor(track, "Prompts.dense_valid", own.dense_valid, torch.bool, (b,))
        finite = finite | ~own.dense_valid
    if False in (good := finite.tolist()):
        raise PolicyError(f"{_blame_row(track, good.index(False))}: Prompts.dense is not finite.")


def check_selection(track: Track, selection: Selection, candidates: Candidates) -> None:
    """Refuse candidates that do not exist, and parents or answers that are not of the object."""
    b, count, per = track.bank.rows, candidates.ious.shape[1], track.policy.spec.rows_per_object
    _expect(track, "select", selection, Selection)
    _tensor(track, "Selection.mask", selection.mask, torch.int64, (b,))
    given = [selection.mask]
    for name, x, n in (("parent", selection.parent, b), ("output", selection.output, b // per)):
        if x is not None:
            _tensor(track, f"Selection.{name}", x, torch.int64, (n,))
            given.append(x)
    mask, *others = _values(*given)
    for row, candidate in enumerate(mask):
        if not 0 <= candidate < count:
            raise PolicyError(
                f"{_blame_row(track, row)}: chooses candidate {candidate}, there are {count}."
            )
    if selection.parent is not None:
        # Rows of an object stand together: `engine.Engine.prompt` adds them so.
        for row, parent in enumerate(others[0]):
            if parent // per != row // per:
                raise PolicyError(
                    f"{_blame_row(track, row)}: continues row {parent} of another object."
                )
    if selection.output is not None:
        for group, place in enumerate(others[-1]):
            if not 0 <= place < per:
                raise PolicyError(
                    f"{_blame_row(track, group * per)}: answers with row {place} of its group, "
                    f"which has 0..{per - 1}."
                )


def check_write(track: Track, write: Write) -> None:
    """Refuse slots that do not exist and the prompt's."""
    b, last = track.bank.rows, track.bank.slots - 1
    _expect(track, "write", write, Write)
    _tensor(track, "Write.slot", write.slot, torch.int64, (b,))
    given = [write.slot]
    if write.tag is not None:
        _tensor(track, "Write.tag", write.tag, torch.int8, (b,))
        given.append(write.tag)
    if write.hard is not None:
        _tensor(track, "Write.hard", write.hard, torch.bool, (b,))
    slots, *tags = _values(*given)
    for row, slot in enumerate(slots):
        if slot != DISCARD and not 1 <= slot <= last:
            raise PolicyError(
                f"{_blame_row(track, row)}: writes slot {slot}; slots 1..{last} can be replaced, "
                "slot 0 holds the prompt."
            )
    for row, tag in enumerate(tags[0] if tags else ()):
        if not 0 <= tag <= ANCHOR:
            raise PolicyError(f"{_blame_row(track, row)}: tag {tag} is outside 0..{ANCHOR}.")


def check_revision(track: Track, rows: Tensor, log: Log) -> None:
    """Refuse an answer of `finish` in which an object lacks a row that was there."""
    per, objects = track.policy.spec.rows_per_object, len(track.objects)
    shape = log.frames, objects
    _tensor(track, "the answer of finish", rows, torch.int64, shape, torch.device("cpu"))
    for frame, answer in enumerate(rows.tolist()):
        there = log.rows(frame)
        for group, row in enumerate(answer):
            begun = group * per < there
            if not (0 <= row < there if begun else row == UNUSED):
                raise PolicyError(
                    f"{_blame(track, [track.objects[group]])}: finish answers row {row} for its "
                    f"frame {frame}, which has {there}; -1 is for frames before an object begins."
                )


# ---- parts -----------------------------------------------------------------------------------


def _wrong_slots(
    slots: list[int], tpos: list[int], held: list[int], num_maskmem: int
) -> str | None:
    """What is wrong with a row's spatial reads; `held` is the frame in each slot."""
    for slot, position in zip(slots, tpos, strict=True):
        if slot == UNUSED:
            continue
        if not 0 <= slot < len(held):
            return f"reads slot {slot}, which does not exist (0..{len(held) - 1})"
        if held[slot] == EMPTY:
            return f"reads slot {slot}, which is empty"
        if not 0 <= position < num_maskmem:
            return f"temporal row {position} is outside 0..{num_maskmem - 1}"
    if slots.count(UNUSED) == len(slots):
        return "reads no memory; read at least slot 0"
    return None


def _wrong_pointers(ptrs: list[int], dist: list[float], norm: float, held: list[int]) -> str | None:
    """What is wrong with a row's pointers; `held` is the frame in each slot and ring position."""
    for pointer, distance in zip(ptrs, dist, strict=True):
        if pointer == UNUSED:
            continue
        if not 0 <= pointer < len(held):
            return f"reads pointer {pointer}, which does not exist (0..{len(held) - 1})"
        if held[pointer] == EMPTY:
            return f"reads pointer {pointer}, which is empty"
        if not isfinite(distance):
            return f"pointer {pointer} has distance {distance}"
    if not 0 < norm < inf:
        return f"ptr_norm is {norm:g}; distances are divided by it, so it has to be above 0"
    return None


def _check_keys(track: Track, read: ReadPlan) -> None:
    """Refuse factors that are not finite and masks that leave a row nothing to read."""
    spatial, pointer = read.slots != UNUSED, read.ptrs != UNUSED
    for name, scale, used in (
        ("key_scale", read.key_scale, spatial),
        ("ptr_scale", read.ptr_scale, pointer),
    ):
        if scale is not None:
            _tensor(track, f"ReadPlan.{name}", scale, torch.float32, used.shape)
            good = (scale.isfinite() | ~used).all(1).tolist()
            if False in good:
                row = good.index(False)
                raise PolicyError(f"{_blame_row(track, row)}: ReadPlan.{name} is not finite.")
    if read.key_mask is not None:
        area = track.bank.memory_shape[1] * track.bank.memory_shape[2]
        _tensor(track, "ReadPlan.key_mask", read.key_mask, torch.bool, (*spatial.shape, area))
        good = ((read.key_mask.any(2) & spatial).any(1) | pointer.any(1)).tolist()
        if False in good:
            raise PolicyError(
                f"{_blame_row(track, good.index(False))}: ReadPlan.key_mask hides all that is "
                "read; leave a pixel or a pointer."
            )


def _expect(track: Track, method: str, answer: object, kind: type) -> None:
    if not isinstance(answer, kind):
        raise PolicyError(
            f"{_blame(track)}: {method} answers {_seen(answer)}, it must be a {kind.__name__}."
        )


def _tensor(
    track: Track,
    name: str,
    x: object,
    dtype: torch.dtype,
    shape: Sequence[int | str],
    device: torch.device | None = None,
) -> None:
    """Refuse what is not a tensor of this type and shape; a letter stands for any size."""
    device = track.bank.frame.device if device is None else device
    if (
        not isinstance(x, Tensor)
        or x.dtype is not dtype
        or x.device != device
        or (x.shape != shape and not _fits(x.shape, shape))
    ):
        wanted = f"{_word(dtype)} [{', '.join(map(str, shape))}] on {device}"
        raise PolicyError(f"{_blame(track)}: {name} is {_seen(x)}, it must be {wanted}.")


def _fits(found: Sequence[int], wanted: Sequence[int | str]) -> bool:
    return len(found) == len(wanted) and all(
        isinstance(want, str) or n == want for n, want in zip(found, wanted, strict=True)
    )


def _values(*tensors: Tensor) -> list[Any]:
    """The tensors as (nested) lists."""
    if tensors[0].device.type != "cpu":
        tensors = tuple(_brought(tensors))
    return [x.tolist() for x in tensors]


def _brought(tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    """Tensors on the host in one transfer; the wide type holds every index exactly."""
    wide, start = exact(tensors[0].device), 0
    flat = torch.cat([x.flatten().to(wide) for x in tensors]).cpu()
    for x in tensors:
        yield flat[start : start + x.numel()].view(x.shape).to(x.dtype)
        start += x.numel()


def _seen(x: object) -> str:
    if not isinstance(x, Tensor):
        return "None" if x is None else f"a {type(x).__name__}"
    return f"{_word(x.dtype)} {list(x.shape)} on {x.device}"


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _blame_row(track: Track, row: int) -> str:
    return _blame(track, [track.objects[int(track.bank.group[row])]])


def _blame(track: Track, objects: Sequence[str] | None = None) -> str:
    names = track.objects if objects is None else objects
    if not names:
        return f"Policy {track.policy.name!r}, before its first object"
    few = ", ".join(repr(name) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    word = "object" if len(names) == 1 else "objects"
    return f"Policy {track.policy.name!r}, {word} {few}{more}, frame {track.frame}"
