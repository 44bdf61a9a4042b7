"""PPO on every video of a split: SAM2RL's experiment. Agents are oracles of the videos they saw.

Each has a folder `seed0/<video>-<object>`: `state.pt`, the checkpoint, removed at the end;
`progress.csv` and `curve.csv`, which grow with every iteration, the second as reports read it;
`agent.safetensors`; `best.json`, the best sampled decisions for `--policy replay`; and, written
last, `result.json`. The curves of all finished trainings are in `curves.csv`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence as Seq
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vot_memory.building import check_writable, until_settled, write_atomically
from vot_memory.errors import InputError
from vot_memory.learn.agents import AgentCard, save_agent
from vot_memory.learn.clip import check_clips, load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.identity import check_recorded
from vot_memory.learn.ppo import Recipe, Row, Training
from vot_memory.learn.search.units import CurveRow, curve_text, recorded
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.tracked import replayed_quality, tracked_quality
from vot_memory.policies.replay import ReplayFile
from vot_memory.policies.sam2rl import Sam2RL, Sam2RLConfig
from vot_memory.progress import Progress, Silent
from vot_memory.runner import parse_shard

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone
    from vot_memory.datasets.sequence import Sequence

METHOD, SAMPLED = "ppo", "ppo-best-sampled"  # names of the curves
_ROWS = 16  # of a forward pass; nano is fastest so on one core, and late in a training few are new


@dataclass(frozen=True)
class Unit:
    """One training: the first object of a video, as SAM2RL takes it, and a seed."""

    sequence: Sequence
    seed: int

    def folder(self, out: Path) -> Path:
        """Where it stands."""
        return out / f"seed{self.seed}" / f"{self.sequence.name}-{self.sequence.objects[0].id}"


def run_ppo(
    backbone: Backbone,
    sequences: Seq[Sequence],
    out: Path,
    recipe: Recipe | None = None,
    *,
    seeds: Seq[int] = (0,),
    rules: Rules | None = None,
    shard: str = "1/1",
    progress: Progress | None = None,
) -> list[Path]:
    """Train an agent on every video that has none yet.

    Args:
        backbone: the model, as trackers run it; training uses its fast arrangement.
        sequences: the videos.
        out: folder of all trainings.
        recipe: how to train; its seed is replaced.
        seeds: each makes a training of every video.
        rules: how the bank is read.
        shard: "i/n" trains every n-th video and seed, i = 1..n; processes may share `out`.
        progress: what is told; a frame is an iteration.

    Returns:
        The `result.json` of all units of the shard.

    Raises:
        InputError: a video that cannot be trained on, a folder of another training, or a number
            that is not finite.
        OSError: `out` cannot be written to.
        KeyboardInterrupt: stopped by hand; says how to go on.
    """
    check_writable(out / "seed0")
    recipe, rules, progress = recipe or Recipe(), rules or Rules(), progress or Silent()
    rules.check(backbone)
    part, parts = parse_shard(shard)
    units = [Unit(sequence, seed) for seed in seeds for sequence in sequences][part - 1 :: parts]
    if not units:
        raise InputError(f"--shard {shard} has no training: give fewer parts.")
    check_clips([unit.sequence for unit in units], rules.frames)
    results, done = [unit.folder(out) / "result.json" for unit in units], 0
    try:
        with progress.start(len(units), "training"):
            for unit, result in zip(units, results, strict=True):
                own = replace(recipe, seed=unit.seed)
                if result.exists():
                    setting = _setting(unit.sequence, backbone, rules)
                    check_recorded(result, setting | {"recipe": asdict(own)})
                    progress.skipped(unit.sequence.name)
                else:
                    _train(unit, backbone, own, rules, result, progress)
                result.with_name("state.pt").unlink(missing_ok=True)
                _join(out)
                done += 1
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Stopped with {done} of {len(units)} trainings complete: give the same command again "
            "to go on from the last iteration."
        ) from None
    return results


def _train(
    unit: Unit, backbone: Backbone, recipe: Recipe, rules: Rules, result: Path, progress: Progress
) -> None:
    folder, video = result.parent, unit.sequence.name
    progress.unit(video, f"{recipe.iterations} iterations", recipe.iterations)
    begun = time.perf_counter()
    clip = load_clip(backbone, unit.sequence)
    simulator = Simulator(clip, fast(backbone), rules, batch=_ROWS)
    baseline = float(simulator.quality(simulator.play(simulator.fifo()))[0])
    training = Training(simulator, recipe, folder)

    def tell(row: Row) -> None:
        _write_curve(folder / "curve.csv", unit, training, baseline)
        progress.frame(int(row["iteration"]))

    training.run(tell)
    training.save()  # a kill may have left its progress behind
    card = AgentCard(
        model=backbone.name,
        image_size=backbone.image_size,
        **asdict(rules),
        **clip.video.model_dump(),
        length=len(clip),
        hidden=recipe.hidden,
        figures={k: training.curve[-1][k] for k in ("iteration", "steps", "entropy")},
    )
    save_agent(folder / "agent.safetensors", training.actor, card)
    best = recorded(card, training.best_actions, frames=len(clip), slots=rules.slots)
    write_atomically(folder / "best.json", ReplayFile.of(card, [best]).model_dump_json() + "\n")
    _write_curve(folder / "curve.csv", unit, training, baseline)  # a kill may have left it behind
    agent = Sam2RL(Sam2RLConfig(folder / "agent.safetensors"))
    last = training.curve[-1]
    summary = {
        **_setting(unit.sequence, backbone, rules),
        "sequence": video,
        "object": clip.object,
        "recipe": asdict(recipe),
        "Q": {
            "fifo": replayed_quality(backbone, clip, rules, simulator.fifo()[0].tolist()),
            "greedy": tracked_quality(backbone, clip, agent),
            "best_sampled": replayed_quality(backbone, clip, rules, training.best_actions),
            "best_sampled_simulated": training.best,
            "mean_sampled_last": last["mean_Q"],
        },
        "steps": int(last["steps"]),
        "passes": int(last["passes"]),
        "entropy": last["entropy"],
        "hit_rate": last["hit_rate"],
    }
    write_atomically(result, json.dumps(summary, indent=1) + "\n")
    progress.done(video, time.perf_counter() - begun)


def _setting(sequence: Sequence, backbone: Backbone, rules: Rules) -> dict[str, Any]:
    return {
        "model": backbone.name,
        "image_size": backbone.image_size,
        "dtype": backbone.precision,
        "digest": sequence.digest,
        **asdict(rules),
    }


def _write_curve(path: Path, unit: Unit, training: Training, baseline: float) -> None:
    """Best Q so far by forward passes: of the greedy policy, and of what was sampled."""
    rows: list[CurveRow] = []
    greedy = np.maximum.accumulate([row["greedy_Q"] for row in training.curve])
    sampled = [row["best_sampled_Q"] for row in training.curve]
    for method, found in ((METHOD, greedy), (SAMPLED, sampled)):
        for row, quality in zip(training.curve, found, strict=True):
            point = int(row["passes"]), float(quality), baseline
            rows.append((method, unit.sequence.name, unit.seed, *point))
    write_atomically(path, curve_text(rows))


def _join(out: Path) -> None:
    """Write `curves.csv` anew, also beside other processes."""
    for finished in until_settled(lambda: sorted(out.glob("seed*/*/result.json"))):
        curves = [p.with_name("curve.csv").read_text(encoding="utf-8") for p in finished]
        rows = "".join(curve.partition("\n")[2] for curve in curves)
        write_atomically(out / "curves.csv", curve_text([]) + rows)
