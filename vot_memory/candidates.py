"""What rules decide on: the decoder's candidate masks and everything that can be measured on them.

Measurements are made at first access, so a policy that looks at nothing but predicted IoUs pays for
nothing else. Tests and replayed logs give recorded values instead (`Candidates.recorded`).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

At = Literal["low", "image", "video"]


class Candidates:
    """M candidate masks of each of B rows, after the object gate.

    Attributes:
        logits: float32 [B, M, 4h, 4w], -1024 everywhere where the object is judged absent.
        ious: float32 [B, M], predicted IoU.
        obj: float32 [B], object score logit.
        ptrs: [B, M, C], object pointers, gated like the masks.
        image_size: side of the model's square input.
        video_size: (height, width) of the video.
    """

    def __init__(
        self,
        logits: Tensor,
        ious: Tensor,
        obj: Tensor,
        ptrs: Tensor,
        image_size: int,
        video_size: tuple[int, int],
    ) -> None:
        self.logits, self.ious, self.obj, self.ptrs = logits, ious, obj, ptrs
        self.image_size, self.video_size = image_size, video_size
        self._measured: dict[tuple[str, str], Tensor] = {}

    @classmethod
    def recorded(cls, ious: Tensor, obj: Tensor, **measured: Tensor) -> Candidates:
        """Candidates of recorded scores, without masks.

        Args:
            ious: float32 [B, M]. obj: float32 [B].
            obj: float32 [B].
            measured: `boxes_image`, `pixels_video`, `joined_box_iou_video`, ...: name and scale of
                a measurement and the value it answers with.
        """
        none = ious.new_zeros(len(ious), ious.shape[1], 0)
        self = cls(none[..., None], ious, obj, none, 0, (0, 0))
        for key, value in measured.items():
            name, _, at = key.rpartition("_")
            self._measured[name, at] = value
        return self

    @property
    def rows(self) -> int:
        """B."""
        return self.ious.shape[0]

    def take(self, index: Tensor) -> Candidates:
        """The candidates of rows index[b]; measurements made so far are kept."""
        taken = Candidates(
            self.logits[index],
            self.ious[index],
            self.obj[index],
            self.ptrs[index],
            self.image_size,
            self.video_size,
        )
        taken._measured = {k: v[index] for k, v in self._measured.items()}
        return taken

    def choice(self, index: Tensor) -> Candidates:
        """Candidate index[b] of each row alone (M = 1); measurements made so far are kept."""
        chosen = torch.arange(self.rows, device=index.device), index
        alone = Candidates(
            self.logits[chosen][:, None],
            self.ious[chosen][:, None],
            self.obj,
            self.ptrs[chosen][:, None],
            self.image_size,
            self.video_size,
        )
        alone._measured = {k: v[chosen][:, None] for k, v in self._measured.items()}
        return alone

    def masks(self, at: At) -> Tensor:
        """Binary masks, bool [B, M, H, W], at the scale that a release measures at.

        low: the decoder's own; image: bilinear to the model's input; video: bilinear to the video.
        """
        if at == "low":
            return self.logits > 0
        size = (self.image_size, self.image_size) if at == "image" else self.video_size
        single = self.logits.flatten(0, 1)[:, None]  # as three channels they take a slow kernel
        scaled = F.interpolate(single, size=size, mode="bilinear", align_corners=False)
        return (scaled > 0).view(*self.logits.shape[:2], *size)

    def pixels(self, at: At) -> Tensor:
        """Positive pixels of every mask, int64 [B, M]."""
        if ("pixels", at) not in self._measured:
            self._measured["pixels", at] = self.masks(at).sum(dim=(2, 3))
        return self._measured["pixels", at]

    def boxes(self, at: At) -> Tensor:
        """[xmin, ymin, xmax, ymax] of the positive pixels (last pixel's own index), 0 when empty.

        int64 [B, M, 4].
        """
        if ("boxes", at) not in self._measured:
            self._measured["boxes", at] = _boxes(self.masks(at))
        return self._measured["boxes", at]

    def joined_box_iou(self, choice: Tensor, at: At) -> Tensor:
        """How far each alternative reaches beyond the choice (the test for distractors of DAM4SAM).

        An alternative loses the chosen mask's pixels, keeps its largest 8-connected component and
        is joined with the choice; answered is the box IoU of choice and joined mask, by widths
        xmax - xmin. It is 1 for joined boxes at most one pixel wide or high, nan where nothing of
        the alternative remains (so also for the choice itself).

        Args:
            choice: int64 [B], the chosen candidate.
            at: scale of the masks.

        Returns:
            float32 [B, M].
        """
        if ("joined_box_iou", at) not in self._measured:
            masks = self.masks(at)
            chosen = masks[torch.arange(self.rows, device=masks.device), choice]
            rest = _largest_component(masks & ~chosen[:, None])
            joined = _boxes(rest | chosen[:, None]).to(torch.float32)
            own = _boxes(chosen[:, None]).to(torch.float32)
            (w, h), (wj, hj) = _extent(own), _extent(joined)
            iou = torch.where((wj <= 1) | (hj <= 1), 1.0, w * h / (wj * hj).clamp(min=1))
            self._measured["joined_box_iou", at] = torch.where(
                _any(rest.flatten(2), 2), iou, torch.nan
            )
        return self._measured["joined_box_iou", at]


def _extent(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]


def _any(masks: Tensor, dim: int) -> Tensor:
    """masks.any(dim), ten times as fast on a CPU, which reduces bytes with vector instructions."""
    return masks.view(torch.uint8).amax(dim).bool()


def _boxes(masks: Tensor) -> Tensor:
    """int64 [..., 4] of bool [..., H, W]."""
    columns, lines = _any(masks, -2), _any(masks, -1)
    first_x, first_y = columns.byte().argmax(-1), lines.byte().argmax(-1)
    last_x = columns.shape[-1] - 1 - columns.flip(-1).byte().argmax(-1)
    last_y = lines.shape[-1] - 1 - lines.flip(-1).byte().argmax(-1)
    boxes = torch.stack([first_x, first_y, last_x, last_y], dim=-1)
    return boxes * columns.any(-1, keepdim=True)


def _largest_component(masks: Tensor) -> Tensor:
    """Largest 8-connected component of each mask, bool [B, M, H, W]; the first of equals."""
    import cv2

    result = torch.zeros_like(masks)
    for b, m in _any(masks.flatten(2), 2).nonzero().tolist():
        image = masks[b, m].cpu().numpy().astype("uint8")
        _, labels, stats, _ = cv2.connectedComponentsWithStats(image, connectivity=8)
        largest = 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
        result[b, m] = torch.from_numpy(labels == largest).to(masks.device)
    return result
