"""A cue planted in one film, before heads that were trained on the spot: do their answers and maps follow it?"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from heartviz.attribution.networks import borrow
from heartviz.classify import show_to_arms
from heartviz.interventions.cues import CUES
from heartviz.live_head import CueTrial, LiveFeatures, LiveHead, LiveRun, Projection
from heartviz.measure import measure_relevance_share
from heartviz.preprocess import normalise, stretch_contrast, thorax_frame
from heartviz.records import ARMS, Radiograph, Segmentation
from heartviz.weights import Models

NOT_CHANGED_BY = 1e-4  # of the gray range: a picture that nowhere differs by more is the same picture


class PooledHead(nn.Module):
    """Trunk, pooling, projection and head as one: gray pictures (N, 1, h, w) to log odds of VSD (N,)."""

    def __init__(self, trunk: nn.Module, projection: Projection, head: LiveHead, grid: int) -> None:
        super().__init__()
        self.trunk, self.grid, self.bias = trunk, grid, head.bias
        weights = projection.basis @ head.weights / projection.spread
        self.weights, self.offset = torch.from_numpy(weights), float(projection.mean @ weights)

    def forward(self, gray: Tensor) -> Tensor:
        return pool_features(self.trunk, gray, self.grid) @ self.weights - self.offset + self.bias


def pool_features(trunk: nn.Module, gray: Tensor, grid: int) -> Tensor:
    """The trunk's last features of gray pictures (N, 1, h, w), averaged on a grid, (N, channels * grid * grid)."""
    return functional.adaptive_avg_pool2d(trunk(normalise(gray))[2].float(), grid).flatten(1)


def try_cue(
    run: LiveRun, live: LiveFeatures, models: Models, radiograph: Radiograph, segmentation: Segmentation
) -> CueTrial:
    """The run's cue planted in a film whose outlines are known. Raises ValueError for a cue that plants nothing."""
    if run.cue not in CUES:
        raise ValueError(f"The cue {run.cue!r} plants nothing in a film: choose one of {', '.join(CUES)}.")
    frame = thorax_frame(segmentation.lungs_mask, live.size_px)
    picture = frame.to_model(stretch_contrast(radiograph.pixels))
    masks = (segmentation.heart_mask, segmentation.lungs_mask)
    heart, lungs = (frame.to_model(mask.astype(np.float32)) > 0.5 for mask in masks)
    planted = CUES[run.cue](picture, heart, lungs, np.random.default_rng(0))
    shown, cued = (show_to_arms(each, heart, lungs) for each in (picture, planted))
    before, after, maps, shares, on_cue, areas = {}, {}, {}, {}, {}, {}
    for arm in ARMS:
        network = PooledHead(models.trunk, live.projections[arm], run.heads[arm], live.grid)
        gray = torch.from_numpy(np.stack([shown[arm], cued[arm]]))[:, None].requires_grad_(True)
        with models.lock, borrow(network):
            log_odds = network(gray)
            (gradient,) = torch.autograd.grad(log_odds[1], gray)
        before[arm], after[arm] = torch.sigmoid(log_odds.detach()).tolist()
        maps[arm] = gradient[1, 0].abs().numpy()
        shares[arm] = measure_relevance_share(maps[arm], heart, lungs)
        changed = np.abs(cued[arm] - shown[arm]) > NOT_CHANGED_BY
        areas[arm] = float(changed.mean())
        on_cue[arm] = float(maps[arm][changed].sum() / max(float(maps[arm].sum()), 1e-12))
    return CueTrial(run.cue, radiograph.description, shown, cued, before, after, maps, shares, on_cue, areas, heart)
