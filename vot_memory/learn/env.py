"""The simulator as Gymnasium environments: one episode (`MemoryEnv`) or N (`MemoryVectorEnv`).

An episode is one object of one video under the action space of SAM2RL (arXiv 2507.08548, section
3). It begins at the first frame whose memory meets a full bank, and ends with the last decision
that changes a prediction. Rewards are q_t / T over the scored frames; the first step's also pays
the frames before it, which no decision can change. So the undiscounted return is clean Q.

Importing this module registers `vot_memory/Memory-v0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from vot_memory.backbone import Backbone
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError, unknown
from vot_memory.learn import features, observation
from vot_memory.learn.clip import Clip, load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.simulator import Rules, Simulator, States
from vot_memory.models import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from vot_memory.datasets.sequence import ObjectTrack, Sequence

ENV_ID = "vot_memory/Memory-v0"
_GIB = 2**30

Array = NDArray[Any]
Info = dict[str, Any]


class Options(TypedDict, total=False):
    """Options of both environments; a ready `Simulator` brings all but `observation` and `cache`.

    Attributes:
        video: its name, or its number in the split. Default 0.
        object: its id. Default the first one, as SAM2RL takes it.
        model: name of a model, which is then made fast for many rows (`fast_backbone`), or a loaded
            one. Default the split's; a ready `Clip` needs the model that encoded it.
        slots: size of the bank, the prompt included. Default 7.
        rows: temporal rows of the memories, "rank" (default) or "offset".
        pointers: "recent" (default), the last 15 frames', or "bank", those of the stored memories.
        observation: "index" (default), SAM2RL's binary vector, or "features" of the memories.
        batch: rows of one forward pass. Default: as many as there are episodes, at most 32.
        cache: GiB of predictions remembered from episode to episode; no result depends on it.
            Default 1.
    """

    video: int | str
    object: str | None
    model: str | Backbone | None
    slots: int
    rows: Literal["rank", "offset"]
    pointers: Literal["recent", "bank"]
    observation: Literal["index", "features"]
    batch: int
    cache: float


class MemoryEnv(gymnasium.Env[Array, np.int64]):
    """One episode of memory decisions.

    Action k of Discrete(slots): 0 discards the new memory, k replaces the k-th stored one from
    oldest to newest. All actions are valid at all times: the prompt is not among them, and while
    the bank fills none is asked.

    Observations are float32: `index` is Box [T]; `features` is Box [slots + 1, F], one token for
    the prompt, every memory from oldest to newest, and the new one (`vot_memory.learn.features`).

    Info: `t`, the frame that is decided, counted from the prompt; `q`, its overlap with the truth;
    `frames`, int32 [slots - 1], the frames stored, oldest first. After the last step also `quality`
    (clean Q), and what the simulator has done so far, not only in this episode: `passes`, forward
    passes computed, and `hit_rate`, the share of predictions that had been computed before.

    Args:
        split: name or folder of a split, or a ready clip or simulator.
        options: see `Options`.

    Raises:
        InputError: an option is wrong, or the video is too short for a decision.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - gymnasium's own name and type

    def __init__(
        self, split: str | Path | Clip | Simulator = "synth-dev", **options: Unpack[Options]
    ) -> None:
        self._game = _Game(split, 1, options)
        self.simulator = self._game.simulator
        self.observation_space = self._game.space
        self.action_space = Discrete(self.simulator.num_actions)
        self._states: States | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, Info]:
        """The first decision; nothing is drawn, so all episodes begin alike."""
        super().reset(seed=seed)
        self._states = self._game.start()
        return self._game.observe(self._states)[0], _row(self._game.info(self._states), 0)

    def step(self, action: np.int64) -> tuple[Array, float, bool, bool, Info]:
        """Write as decided and predict the next frame.

        Raises:
            ValueError: no such action.
            gymnasium.error.ResetNeeded: the episode has ended, or not begun.
        """
        if not self.action_space.contains(action):
            raise ValueError(f"{action!r} is no action of {self.action_space}.")
        if self._states is None:
            raise ResetNeeded("No episode is under way: call reset() first.")
        after, reward, done = self._game.step(self._states, np.array([action], np.int64))
        self._states = None if done else after
        return (
            self._game.observe(after)[0],
            float(reward[0]),
            done,
            False,
            _row(self._game.info(after), 0),
        )


class MemoryVectorEnv(VectorEnv[Array, Array, Array]):
    """N episodes as rows of one simulator: equal ones share their forward passes.

    All begin and end together. At the end a new episode begins in the same step: `final_obs` and
    `final_info` in the info are the last of the old one (gymnasium's AutoresetMode.SAME_STEP).

    Args:
        split: as of `MemoryEnv`, like all that is not said here.
        num_envs: N.
        options: see `Options`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        split: str | Path | Clip | Simulator = "synth-dev",
        *,
        num_envs: int = 1,
        **options: Unpack[Options],
    ) -> None:
        if num_envs < 1:
            raise InputError(f"{num_envs} episodes are none: give num_envs=1 or more.")
        self.num_envs = num_envs
        self._game = _Game(split, num_envs, options)
        self.simulator = self._game.simulator
        self.single_observation_space = self._game.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.single_action_space = Discrete(self.simulator.num_actions)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._states: States | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, Info]:
        """The first decision of all episodes.

        Raises:
            ValueError: a `reset_mask`: the episodes are on one frame, and begin together.
        """
        if options and "reset_mask" in options:
            raise ValueError("Episodes begin together: leave out options['reset_mask'].")
        super().reset(seed=seed)
        self._states = self._game.start()
        return self._game.observe(self._states), self._info(self._states)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """Write as decided, int [N], and predict the next frame; errors as of `MemoryEnv`."""
        actions = np.asarray(actions)
        whole = actions.dtype.kind in "iu"
        if not whole or not self.action_space.contains(actions.astype(np.int64)):
            raise ValueError(f"{actions!r} are no actions of {self.action_space}.")
        if self._states is None:
            raise ResetNeeded("No episode is under way: call reset() first.")
        after, reward, done = self._game.step(self._states, actions.astype(np.int64))
        seen, info = self._game.observe(after), self._info(after)
        if done:
            rows = np.empty(self.num_envs, object)
            rows[:] = list(seen)
            final = _masked({"final_obs": rows, "final_info": info}, self.num_envs)
            after = self._game.start()
            seen, info = self._game.observe(after), final | self._info(after)
        self._states = after
        ended = np.full(self.num_envs, done)
        return seen, reward, ended, np.zeros_like(ended), info

    def _info(self, states: States) -> Info:
        return _masked(self._game.info(states), self.num_envs)


class _Game:
    """What both environments share."""

    def __init__(
        self, split: str | Path | Clip | Simulator, episodes: int, options: Options
    ) -> None:
        for name in options:
            if name not in Options.__annotations__:
                raise unknown("option", name, Options.__annotations__)
        kind = options.get("observation", "index")
        if kind not in ("index", "features"):
            raise unknown("observation", kind, ("index", "features"))
        self._features = kind == "features"
        self._episodes, self._cache = episodes, options.get("cache", 1.0) * _GIB
        self.simulator = _simulator(split, episodes, options)
        shape = self.observe(self.start()).shape[1:]
        low, high = (-10.0, 10.0) if self._features else (0.0, 1.0)  # ranks, ratios, cosines, logs
        self.space = Box(low, high, shape, np.float32)

    def start(self) -> States:
        if self.simulator.bytes > self._cache:
            self.simulator.trim(self.simulator.nodes // 2)
        return self.simulator.start(self._episodes)

    def step(
        self, states: States, actions: NDArray[np.int64]
    ) -> tuple[States, NDArray[np.float64], bool]:
        sim = self.simulator
        after = sim.advance(states, actions)
        reward = sim.quality(after)
        if states.t > sim.first_decision:
            reward = reward - sim.quality(states)
        return after, reward, sim.finished(after)

    def observe(self, states: States) -> NDArray[np.float32]:
        sim = self.simulator
        if self._features:
            seen = features.tokens(features.scene(sim, states))
        else:
            seen = observation.observe(sim, states)
        result: NDArray[np.float32] = seen.cpu().numpy()
        return result

    def info(self, states: States) -> Info:
        sim, n = self.simulator, len(states)
        info = {
            "t": np.full(n, states.t),
            "q": sim.overlap(states.node).astype(np.float64),
            "frames": sim.frame(states.bank),
        }
        if sim.finished(states):
            info["quality"] = sim.quality(states)
            info["passes"] = np.full(n, sim.counts.passes)
            info["hit_rate"] = np.full(n, sim.counts.hit_rate)
        return info


def _simulator(split: str | Path | Clip | Simulator, episodes: int, options: Options) -> Simulator:
    """The simulator that the options ask for."""
    if isinstance(split, Simulator):
        own = sorted(set(options) - {"observation", "cache"})
        if own:
            raise InputError(f"A ready simulator has its own {own[0]}: leave out {own[0]}=.")
        if options.get("observation") == "features" and split.describe is None:
            raise InputError(
                "This simulator keeps nothing to observe: make it with describe=features.describe."
            )
        return split
    batch = options.get("batch", min(episodes, 32))
    if batch < 1:
        raise InputError(f"A batch of {batch} rows is none: give batch=1 or more.")
    model = options.get("model")
    if isinstance(split, Clip):
        if not isinstance(model, Backbone):
            raise InputError("A ready clip needs the model that encoded it: give model=Backbone.")
        clip = split
    else:
        chosen = load_split(str(split))
        if not isinstance(model, Backbone):
            model = fast(load_model(model or chosen.default_model))
        video = _video(chosen.sequences, options.get("video", 0), chosen.name)
        clip = load_clip(model, video, _track(video, options.get("object")))
    return Simulator(
        clip,
        model,
        _rules(options),
        batch=batch,
        describe=features.describe if options.get("observation") == "features" else None,
    )


def _rules(options: Options) -> Rules:
    return Rules(
        options.get("slots", 7), options.get("rows", "rank"), options.get("pointers", "recent")
    )


def _video(sequences: list[Sequence], video: int | str, split: str) -> Sequence:
    if isinstance(video, str):
        found = [sequence for sequence in sequences if sequence.name == video]
        if not found:
            raise unknown(f"video of {split}", video, (s.name for s in sequences))
        return found[0]
    if not 0 <= video < len(sequences):
        raise InputError(f"{split} has no video {video}: give 0 to {len(sequences) - 1}.")
    return sequences[video]


def _track(sequence: Sequence, name: str | None) -> ObjectTrack | None:
    if name is None:
        return None
    found = [track for track in sequence.objects if track.id == name]
    if not found:
        ids = (track.id for track in sequence.objects)
        raise unknown(f"object of sequence {sequence.name}", name, ids)
    return found[0]


def _row(info: Info, row: int) -> Info:
    """The info of one episode; numbers as Python's own."""
    return {k: v[row].copy() if v.ndim > 1 else v[row].item() for k, v in info.items()}


def _masked(info: Info, n: int) -> Info:
    """Beside every entry which of n episodes have it, as gymnasium has it: all."""
    return info | {f"_{name}": np.ones(n, np.bool_) for name in info}


if ENV_ID not in gymnasium.registry:
    gymnasium.register(
        ENV_ID,
        entry_point="vot_memory.learn.env:MemoryEnv",
        vector_entry_point="vot_memory.learn.env:MemoryVectorEnv",
    )
