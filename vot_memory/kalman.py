"""A Kalman filter of boxes, batched: constant velocity of centre, aspect ratio and height.

Source: the filter of DeepSORT (Wojke et al., arXiv 1703.07402, section 2.1), as SAMURAI uses it
(arXiv 2411.11922, section 4.1; release 76ba195). States are (x, y, a, h) and their velocities, with
a = w / h. Deviations of places and sizes are shares of the box's height.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ASPECT, ASPECT_VELOCITY, ASPECT_MEASURED = 1e-2, 1e-5, 1e-1  # deviations of the ratio itself


@dataclass(frozen=True)
class BoxFilter:
    """Noise of the filter.

    Attributes:
        position: deviation of centre and height a frame, as a share of the height.
        velocity: deviation of their velocities, as a share of the height.
    """

    position: float = 1 / 20
    velocity: float = 1 / 160

    def initiate(self, measured: Tensor) -> tuple[Tensor, Tensor]:
        """Mean [B, 8] and covariance [B, 8, 8] from a first measurement [B, 4]."""
        mean = torch.cat([measured, torch.zeros_like(measured)], dim=1)
        return mean, _diagonal(measured[:, 3], 2 * self.position, 10 * self.velocity)

    def predict(self, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """One frame on."""
        motion = torch.eye(8, dtype=mean.dtype, device=mean.device)
        motion[:4, 4:] = motion[:4, :4]
        noise = _diagonal(mean[:, 3], self.position, self.velocity)
        return mean @ motion.T, motion @ cov @ motion.T + noise

    def update(self, mean: Tensor, cov: Tensor, measured: Tensor) -> tuple[Tensor, Tensor]:
        """Correct a prediction by a measurement [B, 4]."""
        noise = _diagonal(mean[:, 3], self.position, 0.0)[:, :4, :4].clone()
        noise[:, 2, 2] = ASPECT_MEASURED**2
        innovation = cov[:, :4, :4] + noise
        factor, _ = torch.linalg.cholesky_ex(innovation)
        gain = torch.cholesky_solve(cov[:, :4], factor).mT
        mean = mean + (gain @ (measured - mean[:, :4])[..., None])[..., 0]
        return mean, cov - gain @ innovation @ gain.mT


def measurement(box: Tensor) -> Tensor:
    """Centre, aspect ratio and height [B, 4] of boxes [B, 4]; a flat box is taken as 1 high."""
    x0, y0, x1, y1 = box.unbind(-1)
    height = torch.where(y1 == y0, 1.0, y1 - y0)
    return torch.stack([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / height, height], dim=-1)


def box_iou(mean: Tensor, box: Tensor) -> Tensor:
    """IoU of the filter's box [..., 8] and boxes [..., 4]; 0 for an empty one (all zero)."""
    x, y, aspect, height = mean[..., :4].unbind(-1)
    width, box = aspect * height, box.to(mean.dtype)
    x0, y0, x1, y1 = box.unbind(-1)
    across = torch.minimum(x + width / 2, x1) - torch.maximum(x - width / 2, x0)
    down = torch.minimum(y + height / 2, y1) - torch.maximum(y - height / 2, y0)
    common = across.clamp(min=0) * down.clamp(min=0)
    union = width * height + (x1 - x0) * (y1 - y0) - common
    found = (union != 0) & (box != 0).any(-1)
    return torch.where(found, common / torch.where(found, union, 1.0), 0.0)


def _diagonal(height: Tensor, position: float, velocity: float) -> Tensor:
    """Covariance [B, 8, 8] for heights [B]."""
    one = torch.ones_like(height)
    p, v = position * height, velocity * height
    deviation = torch.stack([p, p, ASPECT * one, p, v, v, ASPECT_VELOCITY * one, v], dim=1)
    return torch.diag_embed(deviation**2)
