"""Play recorded decisions: what search, an agent or a person found for one video.

Action space of SAM2RL (arXiv 2507.08548, section 3): 0 discards the new memory, k replaces the k-th
stored one from oldest to newest; the prompt is never replaced. While the bank fills, every frame is
stored and no decision is recorded.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import Field, ValidationError, model_validator

from vot_memory import reading
from vot_memory.errors import InputError
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, ReadPlan, Selection, State, Write
from vot_memory.setting import Setting, Video, check_setting, check_video

if TYPE_CHECKING:
    from torch import Tensor

    from vot_memory.bank import Bank, Entry, Source
    from vot_memory.candidates import Candidates

NO_DECISION = -1


class Decisions(Video):
    """Decisions for one object.

    Attributes:
        actions: one for every frame from the first on which the bank is full.
    """

    actions: list[Annotated[int, Field(ge=0, le=15)]]


class ReplayFile(Setting):
    """A file of recorded decisions and the setting they were recorded in (JSON).

    Attributes:
        tracks: the decisions.
    """

    tracks: list[Decisions]

    @model_validator(mode="after")
    def _playable(self) -> ReplayFile:
        """One entry an object, and no action beyond the bank."""
        known = set()
        for own in self.tracks:
            what = f"object {own.object!r} of sequence {own.sequence!r}"
            if (own.sequence, own.object) in known:
                raise ValueError(f"{what} is there twice")
            if max(own.actions, default=0) >= self.slots:
                raise ValueError(
                    f"{what} has action {max(own.actions)}, with {self.slots} slots the actions "
                    f"are 0..{self.slots - 1}"
                )
            known.add((own.sequence, own.object))
        return self

    @classmethod
    def of(cls, setting: Setting, tracks: Iterable[Decisions]) -> ReplayFile:
        """Decisions that were made in a setting."""
        common = setting.model_dump(include=set(Setting.model_fields))
        return cls(**common, tracks=list(tracks))


@dataclass(frozen=True)
class ReplayConfig:
    """Options of replay.

    Attributes:
        file: a ReplayFile.
    """

    file: Path = Path()


class Replay(BasePolicy):
    """Play a file of decisions, on the model, resolution and videos it was recorded on."""

    name = "replay"
    Config = ReplayConfig
    spec = PolicySpec(
        source="recorded decisions, action space of arXiv 2507.08548",
        parity="FIFO as a stream of actions equals FIFO (tested)",
    )

    def __init__(
        self, config: ReplayConfig | None = None, recorded: ReplayFile | None = None
    ) -> None:
        """Play the configured file, or decisions that are in no file."""
        super().__init__(config)
        self._place = Path(self.config.file)
        if recorded is None:
            self.recorded, self._digest = _read(self._place)
        else:
            self._place = Path("decisions")
            self.recorded, self._digest = recorded, _sha256(recorded.model_dump_json().encode())
        self._of = {(own.sequence, own.object): own for own in self.recorded.tracks}
        self._longest = max((len(d.actions) for d in self.recorded.tracks), default=0)
        self.spec = dataclasses.replace(self.spec, slots=self.recorded.slots)

    def fingerprint(self) -> dict[str, Any]:
        """The file's content names the policy, not its path."""
        return {"file_sha256": self._digest}

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """Room for the decisions of every row."""
        decisions = torch.full((rows, self._longest), NO_DECISION, dtype=torch.int8, device=device)
        return super().reset(rows, device, num_frames) | {"decisions": decisions}

    def check(self, sources: Iterable[Source], num_maskmem: int) -> None:
        """Refuse what nothing was recorded for; see `BasePolicy.check`."""
        for source in sources:
            self.find(source, num_maskmem)

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """Look up what was recorded for these objects; refuse another setting."""
        if entry.source is None:
            raise InputError("A replay needs to know which video it plays: name the sequence.")
        found = self.find(entry.source, bank.num_maskmem)
        for row, own in zip(entry.rows.tolist(), found, strict=True):
            actions = torch.tensor(own.actions, dtype=torch.int8)
            state["decisions"][row, : len(actions)] = actions

    def find(self, source: Source, num_maskmem: int) -> list[Decisions]:
        """What was recorded for each of the objects.

        Raises:
            InputError: nothing was, or in another setting or on another video.
        """
        place = self._place
        check_setting(place, "recorded", self.recorded, source, num_maskmem)
        room = None if source.num_frames is None else max(source.num_frames - self.spec.slots, 0)
        found = []
        for name in source.objects:
            own = self._of.get((source.sequence, name))
            if own is None:
                raise InputError(
                    f"{place} has no decisions for object {name!r} of sequence "
                    f"{source.sequence!r}: replay the videos it was recorded on."
                )
            check_video(place, "recorded", own, source)
            if room is not None and len(own.actions) > room:
                raise InputError(
                    f"{place} has {len(own.actions)} decisions for object {name!r} of sequence "
                    f"{source.sequence!r}, which has room for {room}: record it on this video."
                )
            found.append(own)
        return found

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """The whole bank."""
        file = self.recorded
        return reading.whole_bank(
            bank, t, state["max_ptrs"], rows=file.rows, pointers=file.pointers
        )

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Fill the bank, then play the decision of each row's frame."""
        filled = reading.stored(bank).sum(1)
        full = filled == bank.slots - 1
        at = t - bank.slots
        known = full & (at >= 0) & (at < self._longest)
        action = torch.full_like(t, NO_DECISION)
        if self._longest:
            index = at.clamp(0, self._longest - 1)[:, None]
            action = torch.where(known, state["decisions"].gather(1, index)[:, 0].long(), action)
        if bool((full & (action == NO_DECISION)).any()):
            row = int((full & (action == NO_DECISION)).nonzero()[0])
            raise InputError(
                f"{self._place} ends before frame {int(t[row])} of its object, so it was "
                "recorded on a shorter video: record it on this one."
            )
        oldest_first = reading.in_order(bank, reading.stored(bank))
        replaced = oldest_first.gather(1, (action - 1).clamp(min=0)[:, None])[:, 0]
        slot = torch.where(action == 0, DISCARD, replaced)
        return Write(slot=torch.where(full, slot, filled + 1))


def _read(path: Path) -> tuple[ReplayFile, str]:
    if path == Path():
        raise InputError("Policy 'replay' needs a file: give --set replay.file=FILE.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"Cannot read the replay file {path} ({error.strerror}): name the replay.json of a "
            "search, or make it readable."
        ) from error
    try:
        return ReplayFile.model_validate_json(content), _sha256(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}." for part in first["loc"])[:-1]
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"{path} is not a replay file ({where}{': ' * bool(where)}{reason}): record it again."
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
