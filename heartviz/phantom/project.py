"""Path lengths: how many mm of a structure each pixel's ray crosses, seen from a point source."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.phantom.shapes import Field, Grid
from heartviz.phantom.tubes import Tubes

SOURCE_TO_DETECTOR_MM = {"pa": 1800.0, "ap": 1000.0, "lateral": 1800.0}
RADIUS_BINS = 16
FINE_RADIUS_BINS = 48  # where there are few points, so that bins do not show


@dataclass(frozen=True)
class Beam:
    """A point source and a flat detector of (height, width) px at right angles to the beam's axis.

    `depth` runs along the beam from source to detector: -y for PA, +y for AP, +x (the left side at the detector) for
    lateral. The picture's columns run to the patient's left (PA, AP) or back (lateral), rows down. `turn_rad` turns
    the patient a little about z, by the shear that a small turn amounts to.
    """

    view: str
    size: tuple[int, int]
    pixel_mm: float
    detector_mm: float  # depth of the detector plane, along the beam
    centre_z_mm: float
    turn_rad: float = 0.0
    centre_col_mm: float = 0.0
    lean_rad: float = 0.0  # of the patient in the film's plane, to the picture's right

    def halved(self) -> "Beam":
        """The same view on pixels twice as large. Raises ValueError for an odd size."""
        if self.size[0] % 2 or self.size[1] % 2:
            raise ValueError(f"Only even sizes can be halved, got {self.size}.")
        return replace(self, size=(self.size[0] // 2, self.size[1] // 2), pixel_mm=2 * self.pixel_mm)

    @property
    def source_to_detector_mm(self) -> float:
        return SOURCE_TO_DETECTOR_MM[self.view]

    def magnification(self, depth_mm: NDArray | float) -> NDArray:
        """How many times larger than life a thing at a depth along the beam is on the detector."""
        return self.source_to_detector_mm / (self.source_to_detector_mm - (self.detector_mm - np.asarray(depth_mm)))

    def depth_of(self, points: NDArray) -> NDArray:
        """Depth along the beam of points (n, 3)."""
        return {"pa": -points[:, 1], "ap": points[:, 1], "lateral": points[:, 0]}[self.view]

    def to_pixels(self, points: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Row, col and magnification of points (n, 3); pixel centres are whole numbers."""
        across = points[:, 1] - self.turn_rad * points[:, 0]
        if self.view != "lateral":
            across = points[:, 0] + self.turn_rad * points[:, 1]
        grown = self.magnification(self.depth_of(points))
        up, aside = points[:, 2] - self.centre_z_mm, across - self.centre_col_mm
        cos, sin = np.cos(self.lean_rad), np.sin(self.lean_rad)
        rows = (self.size[0] - 1) / 2 - grown * (cos * up - sin * aside) / self.pixel_mm
        cols = (self.size[1] - 1) / 2 + grown * (cos * aside + sin * up) / self.pixel_mm
        return rows, cols, grown

    def obliquity(self) -> Field:
        """1 / cos of the angle between each pixel's ray and the axis, float32 (H, W)."""
        rows, cols = ((np.arange(n) - (n - 1) / 2) * self.pixel_mm / self.source_to_detector_mm for n in self.size)
        return np.sqrt(1 + rows[:, None] ** 2 + cols[None, :] ** 2).astype(np.float32)


def project_volume(beam: Beam, grid: Grid, occupied: Field) -> Field:
    """Path length in mm, float32 (H, W), through a field of occupancies 0..1 on the grid.

    Every slice across the beam is laid on the detector at its own magnification and counts with its thickness.
    """
    lateral = beam.view == "lateral"
    slices = np.ascontiguousarray(occupied.transpose(2, 1, 0)) if lateral else occupied
    along = grid.x if lateral else grid.y
    corners = np.array([(x, y, z) for x in grid.x[[0, -1]] for y in grid.y[[0, -1]] for z in grid.z[[0, -1]]], float)
    rows, cols, _ = beam.to_pixels(corners)
    top, left = (int(np.clip(np.floor(v.min()) - 2, 0, n)) for v, n in zip((rows, cols), beam.size, strict=True))
    end, right = (int(np.clip(np.ceil(v.max()) + 3, 0, n)) for v, n in zip((rows, cols), beam.size, strict=True))
    path = np.zeros(beam.size, np.float32)
    if end <= top or right <= left:
        return path
    canvas, sheet = np.zeros((end - top, right - left), np.float32), None
    # Three voxels of the first slice say how a slice is turned and scaled; the others differ by their depth.
    steps = np.array([[0, 0, 0], [0, 1, 0] if lateral else [1, 0, 0], [0, 0, 1]]) * grid.voxel_mm
    first = np.array([grid.x[0], grid.y[0], grid.z[0]], float) + steps
    for position, piece, filled in zip(along, slices, slices.max(axis=(1, 2)) > 0, strict=True):
        if not filled:
            continue
        first[:, 0 if lateral else 1] = position
        rows, cols, _ = beam.to_pixels(first)
        move = np.array([[v[1] - v[0], v[2] - v[0], v[0] - start] for v, start in ((cols, left), (rows, top))])
        sheet = cv2.warpAffine(piece, move, canvas.shape[::-1], dst=sheet, flags=cv2.INTER_LINEAR)
        canvas += sheet
    path[top:end, left:right] = canvas * (np.float32(grid.voxel_mm) * beam.obliquity()[top:end, left:right])
    return path


def project_tubes(beam: Beam, tubes: Tubes, weight: NDArray | None = None) -> Field:
    """Path length in mm, float32 (H, W), through tubes; `weight` (n,) counts each point more or less.

    Radii fall into bins, each a flat disc that its points' arc lengths are filtered with.
    """
    rows, cols, grown = beam.to_pixels(tubes.points)
    radii_px = tubes.radius_mm * grown / beam.pixel_mm
    lengths = tubes.length_mm if weight is None else tubes.length_mm * weight
    margin = 2 + int(np.ceil(radii_px.max(initial=0) * max(tubes.tall, 1)))
    height, width = (n + 2 * margin for n in beam.size)
    rows, cols = rows + margin, cols + margin
    seen = (rows >= 0) & (rows < height - 1) & (cols >= 0) & (cols < width - 1) & (radii_px > 0.02) & (lengths > 0)
    path = np.zeros((height, width), np.float32)
    if not seen.any():
        return path[margin:-margin, margin:-margin]
    rows, cols, radii_px, lengths = rows[seen], cols[seen], radii_px[seen], lengths[seen]
    count = RADIUS_BINS if len(rows) > 4000 else FINE_RADIUS_BINS
    edges = np.geomspace(radii_px.min() * 0.999, radii_px.max() * 1.001, count + 1)
    bins = np.clip(np.searchsorted(edges, radii_px) - 1, 0, count - 1)
    for number in np.unique(bins):
        chosen = bins == number
        # The area of a disc, and so the tube's volume, is kept by the bin's root mean square.
        radius_px = float(np.sqrt(np.mean(radii_px[chosen] ** 2)))
        kernel = disc_kernel(radius_px, tubes.tall)
        down, aside = kernel.shape[0] // 2 + 2, kernel.shape[1] // 2 + 2
        top, left = max(int(rows[chosen].min()) - down, 0), max(int(cols[chosen].min()) - aside, 0)
        end, right = min(int(rows[chosen].max()) + down, height), min(int(cols[chosen].max()) + aside, width)
        impulses = _splat(rows[chosen] - top, cols[chosen] - left, lengths[chosen], (end - top, right - left))
        path[top:end, left:right] += cv2.filter2D(impulses, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return path[margin:-margin, margin:-margin]


def disc_kernel(radius_px: float, tall: float = 1.0) -> Field:
    """A flat disc of height 1, `tall` times as high as wide, edges by the share of each pixel, sum = its area."""
    half_wide, half_tall = int(np.ceil(radius_px + 0.5)), int(np.ceil(radius_px * tall + 0.5))
    fine = 8 if radius_px < 6 else 4
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    cols = (np.arange(-half_wide, half_wide + 1)[:, None] + offsets).ravel()
    rows = (np.arange(-half_tall, half_tall + 1)[:, None] + offsets).ravel()
    inside = (cols[None, :] / radius_px) ** 2 + (rows[:, None] / (radius_px * tall)) ** 2 <= 1
    kernel = inside.reshape(2 * half_tall + 1, fine, 2 * half_wide + 1, fine).mean(axis=(1, 3))
    area = np.pi * radius_px**2 * tall
    if not inside.any():
        kernel[half_tall, half_wide] = 1.0
    return (kernel * (area / kernel.sum())).astype(np.float32)


def _splat(rows: NDArray, cols: NDArray, values: NDArray, size: tuple[int, int]) -> Field:
    """Values laid on the four pixels about each place, by bilinear weights."""
    first_row, first_col = np.floor(rows).astype(np.intp), np.floor(cols).astype(np.intp)
    down, aside = rows - first_row, cols - first_col
    flat = first_row * size[1] + first_col
    total = np.zeros(size[0] * size[1])
    for step, share in (
        (0, (1 - down) * (1 - aside)),
        (1, (1 - down) * aside),
        (size[1], down * (1 - aside)),
        (size[1] + 1, down * aside),
    ):
        total += np.bincount(flat + step, values * share, minlength=total.size)
    return total.reshape(size).astype(np.float32)
