"""Thin tubes as points along their axes, each standing for a short flat disc across the beam."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heartviz.phantom.shapes import Points


@dataclass(frozen=True)
class Tubes:
    """Points (n, 3) in mm, radius and arc length of each in mm; `tall` is the cross-section's height over its depth.

    Summed over a tube's points, discs of its radius as tall as the arc between them give the chord of the tube,
    2 sqrt(r^2 - d^2) / sin(angle between axis and beam), at every distance d from the axis.
    """

    points: Points
    radius_mm: NDArray[np.float64]
    length_mm: NDArray[np.float64]
    tall: float = 1.0

    def scaled(self, radius_mm: NDArray) -> "Tubes":
        """The same axes with other radii."""
        return Tubes(self.points, radius_mm, self.length_mm, self.tall)


def sample_curve(curve: Points, radius_mm: object, step_mm: float = 0.6, tall: float = 1.0) -> Tubes:
    """Tubes along a curve (n, 3), sampled evenly; the radius is one number or one at each of the curve's points."""
    pieces = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    arc = np.concatenate([[0.0], np.cumsum(pieces)])
    count = max(2, int(np.ceil(arc[-1] / step_mm)))
    at = (np.arange(count) + 0.5) / count * arc[-1]
    points = np.stack([np.interp(at, arc, curve[:, k]) for k in range(3)], axis=1)
    radii = np.interp(at, arc, np.broadcast_to(np.asarray(radius_mm, float), arc.shape))
    return Tubes(points, radii, np.full(count, arc[-1] / count), tall)


def join(parts: list[Tubes]) -> Tubes:
    """All tubes in one; their cross-sections must be of one kind."""
    (tall,) = {part.tall for part in parts}
    fields = [np.concatenate([getattr(part, name) for part in parts]) for name in ("points", "radius_mm", "length_mm")]
    return Tubes(*fields, tall)
