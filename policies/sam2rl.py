"""SAM2RL: agents that were trained by PPO on the very videos they decide on (an oracle).

"SAM2RL" (arXiv 2507.08548): an agent sees which frames are stored and which one comes, and either
discards the new memory or lets it replace a stored one; the prompt is never replaced. Each agent
is overfitted to one object of one video with its ground truth, so this shows what memory control
could reach; it does not generalise. The bank fills by itself first. Agents play greedily.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vot_memory import reading
from vot_memory.errors import InputError
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, ReadPlan, Selection, State, Write
from vot_memory.setting import check_setting, check_video

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from vot_memory.bank import Bank, Entry, Source
    from vot_memory.candidates import Candidates

NO_AGENT = -1


@dataclass(frozen=True)
class Sam2RLConfig:
    """Options of SAM2RL.

    Attributes:
        agents: an agent's file, or a folder with one for every object.
    """

    agents: Path = Path()


class Sam2RL(BasePolicy):
    """Play what the agent of each object prefers, on the video and model it was trained on."""

    name = "sam2rl"
    Config = Sam2RLConfig
    spec = PolicySpec(
        source="SAM2RL (arXiv 2507.08548)",
        parity="no release; protocol of the paper, agents trained here",
    )

    def __init__(self, config: Sam2RLConfig | None = None) -> None:
        from vot_memory.learn.agents import find_agents

        super().__init__(config)
        place = Path(self.config.agents)
        if place == Path():
            raise InputError(
                "Policy 'sam2rl' needs trained agents: give --set sam2rl.agents=FOLDER."
            )
        self.agents = find_agents(place)
        self._rules = self.agents[0].card  # all read the bank alike
        self._of = {(a.card.sequence, a.card.object): i for i, a in enumerate(self.agents)}
        self.spec = dataclasses.replace(self.spec, slots=self._rules.slots)

    def fingerprint(self) -> dict[str, Any]:
        """The content of the agents names the policy, not where they stand."""
        digests = "".join(sorted(agent.sha256 for agent in self.agents))
        return {"agents_sha256": hashlib.sha256(digests.encode()).hexdigest()}

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """From the prompt on, the agent of every row."""
        agent = torch.full((rows,), NO_AGENT, dtype=torch.int64, device=device)
        return super().reset(rows, device, num_frames) | {"agent": agent}

    def check(self, sources: Iterable[Source], num_maskmem: int) -> None:
        """Refuse what no agent was trained on; see `BasePolicy.check`."""
        for source in sources:
            self._found(source, num_maskmem)

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """Look up the agents of these objects; refuse another setting."""
        if entry.source is None:
            raise InputError("Agents need to know which video they play: name the sequence.")
        found = self._found(entry.source, bank.num_maskmem)
        state["agent"][entry.rows] = torch.tensor(found, device=entry.rows.device)

    def _found(self, source: Source, num_maskmem: int) -> list[int]:
        """Places of the agents of each of the objects."""
        found = []
        for name in source.objects:
            if (source.sequence, name) not in self._of:
                raise InputError(
                    f"{self.config.agents} has no agent for object {name!r} of sequence "
                    f"{source.sequence!r}: run the videos that agents were trained on."
                )
            number = self._of[source.sequence, name]
            agent = self.agents[number]
            check_setting(agent.path, "trained", agent.card, source, num_maskmem)
            check_video(agent.path, "trained", agent.card, source)
            found.append(number)
        return found

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """The whole bank."""
        rules = self._rules
        return reading.whole_bank(
            bank, t, state["max_ptrs"], rows=rules.rows, pointers=rules.pointers
        )

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Fill the bank, then play what each row's agent likes best."""
        stored = reading.stored(bank)
        filled = stored.sum(1)
        slots = filled + 1
        oldest_first = reading.in_order(bank, stored)
        for row in (filled == bank.slots - 1).nonzero()[:, 0].tolist():
            frames = bank.frame[row, stored[row]][None]
            action = self._decide(int(state["agent"][row]), frames, int(t[row]))
            slots[row] = DISCARD if action == 0 else oldest_first[row, action - 1]
        return Write(slot=slots)

    def _decide(self, number: int, frames: Tensor, t: int) -> int:
        from vot_memory.learn.observation import index

        agent = self.agents[number]
        if t >= agent.card.length:
            raise InputError(
                f"{agent.path} was trained on {agent.card.length} frames from the prompt on and "
                f"cannot decide on frame {t}: run the video it was trained on."
            )
        seen = index(frames.cpu(), t, agent.card.length)
        return int(agent.network(seen)[0].argmax())
