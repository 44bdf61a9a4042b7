"""Train nano, the embedded miniature SAM 2.1, on procedural video, on a CPU.

    python -m vot_memory.learn.pretrain --out checkpoints/nano [--init FILE] [--steps N]

A step tracks a few clips from a mask, a box or a click, with the model's own predictions written to
memory; later lessons first track freely for some frames without gradients. The candidates are
trained as a set: the best must match the object, and the last must cover what else the prompt or
the memory could mean (a look-alike, or a part of the object). The data of a step is a function of
(seed, step), and the checkpoint holds weights, their moving average and the optimizer, so a killed
run resumes to the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vot_memory.learn.pretrain_data import TRACKS, Batch, draw_times, make_batch
from vot_memory.learn.pretrain_model import Decoded, Features, Memory, Model, Unroll, build

CONFIG = Path(__file__).parents[1] / "models" / "nano.yaml"
SCORE_BIAS = "sam_mask_decoder.pred_obj_score_head.layers.2.bias"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, apart from the initial ones."""

    steps: int = 2500
    head_start: float = 0.0  # progress of the curriculum at step 0; half with initial weights
    seed: int = 0
    peak_lr: float = 3e-4
    warmup: int = 100
    weight_decay: float = 0.03
    ema: float = 0.998
    budget: float = 26.0  # pictures a step; one without gradients counts a third
    alternative: float = 0.1  # weight of the last candidate where there is another meaning
    spread: float = 0.05  # weight of all candidates following the target loosely
    score_weight: float = 2.0  # of the object score's loss
    absent_weight: float = 1.2  # of absent frames within it


@dataclass(frozen=True)
class Lesson:
    """The shape of one step: how clips start, how long they are, what memory holds."""

    prompt: str  # "mask", "box" or "click"
    frames: int  # with gradients, the prompt frame included
    rollout: int  # without gradients, between the prompt frame and the others
    teacher: float  # probability that a written mask is the true one
    keep: float  # probability that a frame is written to the spatial memory
    all_pointers: bool  # pointers of the last 15 frames, or of the frames in memory only


def draw_lesson(rng: np.random.Generator, progress: float) -> Lesson:
    """Choose a lesson; progress in 0..1 makes clips longer and memory the model's own."""
    rollout = 0
    if progress < 0.2:
        frames = int(rng.choice([3, 4, 6]))
    elif progress < 0.5:
        frames = int(rng.choice([4, 6, 8]))
        rollout = int(rng.choice([0, 0, 4]))
    else:
        frames = int(rng.choice([4, 5, 6]))
        rollout = int(rng.choice([0, 4, 8, 12], p=[0.3, 0.25, 0.25, 0.2]))
    return Lesson(
        prompt=str(rng.choice(["mask", "box", "click"], p=[0.7, 0.2, 0.1])),
        frames=frames,
        rollout=rollout,
        teacher=max(0.05, 0.4 * (1 - progress / 0.4)),
        keep=1.0 if rng.random() < 0.55 else float(rng.uniform(0.15, 1)),
        all_pointers=bool(rng.random() < 0.6),
    )


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """SAM 2's focal (20) + dice (1) loss of each candidate [R, M], computed at stride 2.

    Args:
        logits: [R, M, h, w] at stride 4.
        target: 0/1 [R, 1, S, S].
    """
    fine = F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
    goal = F.avg_pool2d(target, 2).expand_as(fine)
    p = fine.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(fine, goal, reduction="none")
    right = p * goal + (1 - p) * (1 - goal)
    focal = ((0.25 * goal + 0.75 * (1 - goal)) * entropy * (1 - right) ** 2).mean((2, 3))
    overlap = (p * goal).sum((2, 3))
    return 20 * focal + 1 - (2 * overlap + 1) / (p.sum((2, 3)) + goal.sum((2, 3)) + 1)


@torch.no_grad()
def true_iou(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of each candidate with the target at stride 2 [R, M]; 0 where the target is empty."""
    fine = F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False) > 0
    goal = F.avg_pool2d(target, 2) > 0.5
    return (fine & goal).sum((2, 3)) / (fine | goal).sum((2, 3)).clamp(min=1)


@dataclass
class Tally:
    """Sums over the frames of a log interval."""

    loss: float = 0.0
    steps: int = 0
    rows: int = 0
    visible: int = 0
    iou: float = 0.0  # of the chosen candidate on visible frames
    best: float = 0.0  # of the best candidate
    alternative: float = 0.0  # IoU of the last candidate with the rival
    rivals: int = 0
    seen: int = 0  # visible frames with a positive object score
    empty: int = 0  # absent frames with a negative object score
    prompt_iou: float = 0.0
    prompts: int = 0

    def line(self) -> dict[str, float]:
        """Means, ready for the curve file."""
        absent = self.rows - self.visible
        return {
            "loss": self.loss / max(1, self.steps),
            "iou": self.iou / max(1, self.visible),
            "best3": self.best / max(1, self.visible),
            "alternative": self.alternative / max(1, self.rivals),
            "seen": self.seen / max(1, self.visible),
            "empty": self.empty / max(1, absent),
            "prompt_iou": self.prompt_iou / max(1, self.prompts),
        }


class Student:
    """The loss of one step: unrolls a model over a batch as a lesson says."""

    def __init__(self, model: Model, recipe: Recipe) -> None:
        self._unroll = Unroll(model)
        self._recipe = recipe
        self.tally = Tally()

    def loss(self, batch: Batch, lesson: Lesson, rng: np.random.Generator) -> Tensor:
        """Mean loss over the frames with gradients."""
        unroll = self._unroll
        free = lesson.rollout
        learned = torch.cat([batch.images[:1], batch.images[1 + free :]])
        feats = unroll.encode(learned, TRACKS)
        if free:
            with torch.no_grad():
                rolled = unroll.encode(batch.images[1 : 1 + free], TRACKS)
            feats = [feats[0], *rolled, *feats[1:]]
        loss, first = self._prompt(feats[0], batch, lesson, rng)
        bank = _Bank(first, lesson, rng)
        for t in range(1, len(feats)):
            graded = t > free
            with torch.set_grad_enabled(graded):
                out = unroll.track(feats[t], *bank.read(int(batch.times[t])))
                if graded:
                    loss = loss + self._grade(out, batch, t) / (len(feats) - 1 - free)
                if t < len(feats) - 1:
                    bank.write(self._memorise(feats[t], out, batch.masks[t], lesson, rng))
        self.tally.loss += float(loss.detach())
        self.tally.steps += 1
        return loss

    def _prompt(
        self, feats: Features, batch: Batch, lesson: Lesson, rng: np.random.Generator
    ) -> tuple[Tensor, Memory]:
        """Loss and memory of the prompt frame."""
        target, rival = batch.masks[0], batch.rivals[0]
        if lesson.prompt == "mask":
            high, pointer, score = self._unroll.from_mask(feats, target)
            return target.new_zeros(()), self._unroll.memorise(feats, high, pointer, score)
        coords, labels = draw_points(target, lesson.prompt == "box", rng)
        out = self._unroll.from_points(feats, coords, labels)
        iou = true_iou(out.raw, target)
        self.tally.prompt_iou += float(iou.gather(1, out.iou.argmax(1, keepdim=True)).sum())
        self.tally.prompts += len(target)
        if lesson.prompt == "box":
            loss = mask_loss(out.raw, target).mean()
        else:
            other = other_meaning(target, rival, coords)
            loss = self._set_loss(mask_loss(out.raw, target), out.raw, other).mean()
        present = torch.ones_like(out.score)
        loss = loss + (out.iou - iou).abs().mean()
        loss = loss + 0.2 * F.binary_cross_entropy_with_logits(out.score, present)
        return loss, self._memorise(feats, out, target, lesson, rng)

    def _memorise(
        self,
        feats: Features,
        out: Decoded,
        target: Tensor,
        lesson: Lesson,
        rng: np.random.Generator,
    ) -> Memory:
        """Write the prediction, or for some rows the truth."""
        told = torch.from_numpy(rng.random(len(target)) < lesson.teacher)
        there = target.flatten(1).any(1, keepdim=True).float()
        high = torch.where(told[:, None, None, None], target * 20 - 10, out.high)
        score = torch.where(told[:, None], there * 20 - 10, out.score)
        return self._unroll.memorise(feats, high, out.pointer, score)

    def _set_loss(self, each: Tensor, raw: Tensor, other: Tensor) -> Tensor:
        """Loss of a candidate set [R].

        The best of the first candidates answers for the target. The last one answers for what else
        could be meant, where there is such a thing; elsewhere it follows the target loosely.
        """
        recipe = self._recipe
        meant = other.flatten(1).any(1)
        covered = mask_loss(raw[:, -1:], other)[:, 0]
        last = torch.where(meant, recipe.alternative * covered, recipe.spread * each[:, -1])
        return each[:, :-1].min(1).values + recipe.spread * each[:, :-1].mean(1) + last

    def _grade(self, out: Decoded, batch: Batch, t: int) -> Tensor:
        """Loss of one tracked frame."""
        target, rival = batch.masks[t], batch.rivals[t]
        there = target.flatten(1).any(1).float()
        each, iou = mask_loss(out.raw, target), true_iou(out.raw, target)
        seen = there.sum().clamp(min=1)
        mask = (self._set_loss(each, out.raw, rival) * there).sum() / seen
        gap = (out.iou - iou).abs().mean(1)
        quality = (gap * there).sum() / seen + 0.2 * (gap * (1 - there)).mean()
        weight = 1 + (self._recipe.absent_weight - 1) * (1 - there)
        score = F.binary_cross_entropy_with_logits(out.score[:, 0], there, weight=weight)
        self._count(out, iou, there, rival)
        return mask + quality + self._recipe.score_weight * score

    @torch.no_grad()
    def _count(self, out: Decoded, iou: Tensor, there: Tensor, rival: Tensor) -> None:
        tally, chosen = self.tally, out.iou.argmax(1, keepdim=True)
        visible, positive = there > 0, out.score[:, 0] > 0
        tally.rows += len(there)
        tally.visible += int(visible.sum())
        tally.iou += float(iou.gather(1, chosen)[visible].sum())
        tally.best += float(iou.max(1).values[visible].sum())
        tally.seen += int((positive & visible).sum())
        tally.empty += int((~positive & ~visible).sum())
        near = visible & rival.flatten(1).any(1)
        like = true_iou(out.raw[:, -1:], rival)[:, 0]
        tally.alternative += float(like[near].sum())
        tally.rivals += int(near.sum())


class _Bank:
    """What the clip has written so far and how a frame reads it.

    Spatial memories are ranked by recency over what was written; pointers come from all recent
    frames, as in SAM 2, or only from the frames in memory, as in learned banks.
    """

    def __init__(self, first: Memory, lesson: Lesson, rng: np.random.Generator) -> None:
        self._first, self._lesson, self._rng = first, lesson, rng
        self._written: list[Memory] = []
        self._kept: list[Memory] = []
        self._late = int(rng.integers(0, 400)) if rng.random() < 0.3 else 0

    def write(self, memory: Memory) -> None:
        self._written.append(memory)
        if self._rng.random() < self._lesson.keep:
            self._kept.append(memory)

    def read(self, t: int) -> tuple[list[tuple[Memory, int]], list[tuple[Memory, float]]]:
        """Memories with their temporal rows (6 the prompt's, 0 the newest); pointers, distances."""
        recent = self._kept[-6:]
        memories = [(self._first, 6)]
        memories += [(m, len(recent) - 1 - i) for i, m in enumerate(recent)]
        if len(recent) > 1 and self._rng.random() < 0.1:  # an anchor: shares the prompt's row
            memories[1] = (recent[0], 6)
        source = self._written[-15:] if self._lesson.all_pointers else recent
        pointers = [(self._first, float(t + self._late))]
        pointers += [(m, float(i + 1)) for i, m in enumerate(reversed(source))]
        return memories, pointers


def draw_points(target: Tensor, box: bool, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A jittered box (corners, labels 2 and 3) or a click inside (label 1) for each mask."""
    coords = []
    for mask in target[:, 0].numpy() > 0.5:
        y, x = np.nonzero(mask)
        if box:
            corners = np.array([[x.min(), y.min()], [x.max(), y.max()]], np.float32)
            coords.append(corners + rng.normal(0, 1.0, (2, 2)).astype(np.float32))
        else:
            k = int(rng.integers(len(x)))
            coords.append(np.array([[x[k] + 0.5, y[k] + 0.5]], np.float32))
    labels = torch.tensor([[2, 3] if box else [1]], dtype=torch.int32)
    return torch.from_numpy(np.stack(coords)), labels.expand(len(target), -1)


def other_meaning(target: Tensor, rival: Tensor, clicks: Tensor) -> Tensor:
    """What else a click could mean: object and look-alike together, else the clicked half."""
    size = target.shape[-1]
    axis = torch.arange(size, dtype=torch.float32) + 0.5
    area = target.sum((1, 2, 3)).clamp(min=1)[:, None]
    middle = torch.cat([(target.sum(2)[:, 0] * axis).sum(1, True),
                        (target.sum(3)[:, 0] * axis).sum(1, True)], 1) / area  # fmt: skip
    towards = clicks[:, 0] - middle
    x, y = axis[None, None, :] - middle[:, :1, None], axis[None, :, None] - middle[:, 1:, None]
    half = (x * towards[:, :1, None] + y * towards[:, 1:, None] > 0).float()[:, None] * target
    paired = rival.flatten(1).any(1)[:, None, None, None]
    return torch.where(paired, (target + rival).clamp(max=1), half)


class Training:
    """A run that can be killed at any moment: state, its checkpoint and its curve."""

    def __init__(self, out: Path, recipe: Recipe, init: Path | None = None) -> None:
        self.out, self.recipe, self.step, self.seconds = out, recipe, 0, 0.0
        torch.manual_seed(recipe.seed)
        self.model = build(CONFIG, init).train()
        if init is None:  # else rows answer "absent" before they have learned to see
            self.model.get_parameter(SCORE_BIAS).data.fill_(1.0)
        self._student = Student(self.model, recipe)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.peak_lr, betas=(0.9, 0.97))
        self.ema = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self._lines: list[dict[str, float]] = []
        out.mkdir(parents=True, exist_ok=True)
        if (out / "state.pt").exists():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.out / "state.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema, self.step, self.seconds = state["ema"], state["step"], state["seconds"]
        self._lines = state["curve"]
        self._student.tally = Tally(**state["tally"])

    def save(self) -> None:
        """Write the checkpoint and the curve; a kill in between leaves the previous ones."""
        tally = self._student.tally
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema,
            "step": self.step,
            "seconds": self.seconds,
            "curve": self._lines,
            "tally": {f.name: getattr(tally, f.name) for f in fields(tally)},
        }
        torch.save(state, self.out / "state.pt.new")
        (self.out / "state.pt.new").replace(self.out / "state.pt")
        if self._lines:
            with (self.out / "curve.csv.new").open("w", newline="") as file:
                writer = csv.DictWriter(file, self._lines[0].keys())
                writer.writeheader()
                writer.writerows(self._lines)
            (self.out / "curve.csv.new").replace(self.out / "curve.csv")

    def learning_rate(self) -> float:
        """Linear warm-up, then cosine to 2 % of the peak."""
        recipe = self.recipe
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / recipe.steps)))
        return recipe.peak_lr * min(1.0, (self.step + 1) / recipe.warmup) * (0.98 * cosine + 0.02)

    def advance(self) -> None:
        """One optimizer step."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, self.step])
        done = recipe.head_start + (1 - recipe.head_start) * self.step / recipe.steps
        lesson = draw_lesson(rng, done)
        clips = max(2, round(recipe.budget / (lesson.frames + lesson.rollout / 3)))
        times = draw_times(rng, lesson.frames + lesson.rollout, lesson.rollout > 0)
        batch = make_batch(recipe.seed, self.step, clips, times, rng)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        loss = self._student.loss(batch, lesson, rng)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(recipe.ema, self.step / (self.step + 40))
        with torch.no_grad():
            for key, value in self.model.state_dict().items():
                self.ema[key].lerp_(value, 1 - decay)

    def run(self, until: int | None = None, save_every: float = 150.0, log_every: int = 50) -> None:
        """Train to the end of the recipe (or to step `until`), saving every some seconds."""
        last = self.recipe.steps if until is None else min(until, self.recipe.steps)
        saved = time.monotonic()
        while self.step < last:
            begin = time.monotonic()
            self.advance()
            self.seconds += time.monotonic() - begin
            if self.step % log_every == 0:
                line = {"step": float(self.step), **self._student.tally.line()}
                line |= {"lr": self.learning_rate(), "seconds": self.seconds}
                self._lines.append(line)
                self._student.tally = Tally()
                print(" ".join(f"{k} {v:.4g}" for k, v in line.items()), flush=True)  # noqa: T201
            if time.monotonic() - saved > save_every:
                self.save()
                saved = time.monotonic()
        self.save()


def export(weights: dict[str, Tensor], path: Path, score_bias: float = 0.0) -> None:
    """Write weights as fp16 safetensors.

    Args:
        weights: a state dict of the model.
        path: the file to write.
        score_bias: added to the object score logit (calibration on dev seeds).
    """
    from safetensors.torch import save_file

    half = {k: v.detach().to(torch.float16).contiguous() for k, v in weights.items()}
    half[SCORE_BIAS] = (weights[SCORE_BIAS] + score_bias).to(torch.float16)
    fresh = path.with_name(f"{path.name}.new")
    save_file(half, fresh)
    fresh.chmod(0o644)  # safetensors makes it private
    fresh.replace(path)


def blend(
    trained: dict[str, Tensor], initial: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Interpolate between initial and trained weights (WiSE-FT, arXiv 2109.01903).

    Keeps what the initial weights were good at; share 1 gives the trained weights.
    """
    return {k: torch.lerp(initial[k], v, share) for k, v in trained.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train nano on procedural video.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--init", type=Path, help="safetensors to start from")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--lr", type=float, default=Recipe.peak_lr)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--export", type=Path, help="only write the averaged weights here")
    parser.add_argument("--score-bias", type=float, default=0.0, help="for --export")
    parser.add_argument("--blend", type=float, default=1.0, help="for --export: share of trained")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = 0.5 if args.init else 0.0
    recipe = Recipe(steps=args.steps, head_start=start, seed=args.seed, peak_lr=args.lr)
    training = Training(args.out, recipe, args.init)
    if args.export:
        weights = training.ema
        if args.init:
            weights = blend(weights, build(CONFIG, args.init).state_dict(), args.blend)
        export(weights, args.export, args.score_bias)
    else:
        training.run()


if __name__ == "__main__":
    main()
