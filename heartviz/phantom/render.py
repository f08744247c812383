"""A patient's radiograph with its masks and the cause of what a lesion changed."""

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import cv2
import numpy as np

from heartviz.phantom.anatomy import build_chest
from heartviz.phantom.attenuation import transmit
from heartviz.phantom.body import build_body, build_gas
from heartviz.phantom.film import Exposure, draw_exposure, expose, find_tone
from heartviz.phantom.lesions import Lesion, apply_lesion
from heartviz.phantom.patient import VIEWS, Patient
from heartviz.phantom.project import Beam, project_tubes, project_volume
from heartviz.phantom.shapes import Field, Volume
from heartviz.phantom.skeleton import build_bones, build_spine
from heartviz.phantom.tubes import Tubes
from heartviz.phantom.vessels import grow_vessels
from heartviz.records import BoolMask, FloatImage, Frozen

SEEN = ("left_lung", "right_lung", "airway")  # the rest of the chest displaces lung, and is needed for masks
CHAMBERS = ("ra", "rv", "la", "lv")
HEART_PATH_MM = 5.0
LUNG_PATH_MM = 6.0
MEDIASTINUM_PATH_MM = 42.0  # of an adult
BODY_VOXEL_RATIO = 2.6
# Mineral of a vertebral body beside the cancellous bone of attenuation.py: about 120 mg/cm^3 beside 220.
SPONGIOSA_SHARE = 0.5


@dataclass(frozen=True)
class Film(Frozen):
    """A drawn film: gray values float32 (H, W) in 0..1, masks by name, all in the film's frame.

    Masks are `heart` (as the SCR database draws it), `ra`, `rv`, `la`, `lv`, `left_lung`, `right_lung` (the patient's
    sides; empty on a lateral film, which has `lungs`), `great_vessels`. `cause` is how much the lesion changed each
    pixel, before noise: zeros without lesion.
    """

    pixels: FloatImage
    masks: MappingProxyType[str, BoolMask]
    cause: FloatImage
    patient: Patient
    lesion: Lesion | None
    view: str
    exposure: Exposure
    pixel_mm: float


def render_film(
    patient: Patient,
    lesion: Lesion | None = None,
    view: str = "pa",
    size_px: int | tuple[int, int] = 512,
    seed: int = 0,
    exposure: Exposure | None = None,
) -> Film:
    """The patient's film with masks; the same arguments give the same bytes.

    `size_px` is (height, width) or one number for both; `seed` draws field, exposure and noise. Raises ValueError for
    an unknown view or a size under 64.
    """
    size = (size_px, size_px) if isinstance(size_px, int) else tuple(size_px)
    if view not in VIEWS:
        raise ValueError(f"View must be one of {', '.join(VIEWS)}, got {view!r}.")
    if min(size) < 64:
        raise ValueError(f"A film of {size[0]} x {size[1]} px is too small; both sides must be at least 64.")
    rng = np.random.default_rng(seed)
    beam = draw_beam(rng, patient, view, size)
    exposure = exposure or draw_exposure(rng, view)
    ill = apply_lesion(patient, lesion)
    scene = _project_constant(patient, beam)
    primary, masks = _project_changing(ill, beam, scene, with_masks=True)
    grown = float(beam.magnification(0.0))
    twin = primary if ill == patient else _project_changing(patient, beam, scene, with_masks=False)[0]
    shown = (exposure, beam.pixel_mm, grown)
    tone = find_tone(twin, *shown)
    pixels = expose(primary, *shown, tone)
    cause = np.zeros(size, np.float32)
    if ill != patient:
        healthy, changed = (expose(p, *shown, tone, noise=False) for p in (twin, primary))
        cause = np.abs(changed - healthy)
    return Film(pixels, MappingProxyType(masks), cause, patient, lesion, view, exposure, beam.pixel_mm)


def draw_beam(rng: np.random.Generator, patient: Patient, view: str, size: tuple[int, int]) -> Beam:
    """The beam that shows the whole chest on a film of (height, width) px, with a little chance in its place."""
    sx, sy, _ = patient.scale_xyz
    room, up, aside = rng.uniform(1.10, 1.34), rng.normal(0, 0.02), rng.normal(0, 6)
    height = patient.lung_height_mm
    reach = patient.half_depth_mm + 50 * sy if view != "lateral" else patient.half_width_mm + 50 * sx
    wide = 2 * (patient.half_width_mm + 14 * sx) if view != "lateral" else 2 * (patient.half_depth_mm + 34 * sy)
    tall = 1.32 * height
    pixel_mm = float(max(wide * room * 1.06 / size[1], tall * room * 0.96 / size[0]))
    turn, lean = np.deg2rad(patient.rotation_deg), np.deg2rad(patient.lean_deg)
    return Beam(view, size, pixel_mm, reach, (0.36 + up) * height, turn, aside * sx, lean)


def _voxel_mm(beam: Beam) -> float:
    return float(np.clip(2.4 * beam.pixel_mm, 1.2, 4.0))


@lru_cache(maxsize=4)
def _project_constant(patient: Patient, beam: Beam) -> MappingProxyType[str, Field]:
    """Path lengths in mm of all that no lesion changes; kept, so that one patient's next film is quicker."""
    voxel = _voxel_mm(beam)
    body = build_body(patient, BODY_VOXEL_RATIO * voxel, arms_raised=beam.view == "lateral")
    scene = {name: _project(beam, volume) for name, volume in body.items()}
    scene["bubble"] = _project(beam, build_gas(patient, voxel))
    bodies, end_plates = build_spine(patient, voxel)
    scene["cortical"] = _project(beam, end_plates)
    scene["cancellous"] = np.float32(SPONGIOSA_SHARE) * _project(beam, bodies)
    for whole, inside in build_bones(patient, arms_raised=beam.view == "lateral"):
        outer, inner = project_tubes(beam, whole), project_tubes(beam, inside)
        scene["cortical"] += np.maximum(outer - inner, 0)
        scene["cancellous"] += np.float32(SPONGIOSA_SHARE) * inner
    gain = np.float32(patient.bone_gain)
    scene["cortical"] *= gain
    scene["cancellous"] *= gain
    for path in scene.values():
        path.flags.writeable = False
    return MappingProxyType(scene)


def _project_changing(
    patient: Patient, beam: Beam, scene: MappingProxyType[str, Field], with_masks: bool
) -> tuple[Field, dict[str, BoolMask]]:
    """The transmitted share of the beam, and the masks, none where they are not asked for."""
    chest = build_chest(patient, _voxel_mm(beam), with_masks)
    paths = {
        name: _project(beam, volume) if name in SEEN else _project_coarsely(beam, volume)
        for name, volume in chest.items()
    }
    vessels = grow_vessels(patient, max(0.7, 0.9 * beam.pixel_mm))
    inside = sum(_look_up(chest[name], vessels) for name in ("left_lung", "right_lung"))
    blood = project_tubes(beam, vessels, inside)
    lung = np.maximum(paths["left_lung"] + paths["right_lung"] - blood, 0)
    air = paths["airway"] + scene["bubble"]
    fat = np.maximum(scene["body"] - scene["lean"], 0)
    hard = scene["cortical"] + scene["cancellous"]
    muscle = np.maximum(scene["lean"] - lung - air - hard - blood, 0)
    tissues = {
        "lung": lung * _texture(patient, beam),
        "fat": fat,
        "muscle": muscle,
        "blood": blood,
        "cortical": scene["cortical"],
        "cancellous": scene["cancellous"],
    }
    masks = _make_masks(beam, paths, MEDIASTINUM_PATH_MM * patient.scale_xyz[1]) if with_masks else {}
    return transmit(tissues), masks


def _make_masks(beam: Beam, paths: dict[str, Field], depth_mm: float) -> dict[str, BoolMask]:
    """Masks from path lengths: shadows, and the lungs as far as nothing solid ends them."""
    heart = _largest(paths["heart"] + paths["roots"] > HEART_PATH_MM)
    masks = {"heart": heart, "great_vessels": paths["great_vessels"] > HEART_PATH_MM}
    masks |= {name: paths[name] > HEART_PATH_MM for name in CHAMBERS}
    if beam.view == "lateral":
        lungs = (paths["left_lung"] + paths["right_lung"] > LUNG_PATH_MM) & (paths["below_domes"] < 60)
        nothing = np.zeros_like(lungs)
        return masks | {"left_lung": nothing, "right_lung": nothing, "lungs": lungs}
    # What lies between the lungs shows as their edge where it is about as deep as a great vessel behind the other.
    between = paths["cavity"] - paths["left_lung"] - paths["right_lung"]
    ends = heart | (paths["pericardium"] > HEART_PATH_MM) | (between > depth_mm) | (paths["below_domes"] > 14)
    for side in ("left_lung", "right_lung"):
        masks[side] = _largest((paths[side] > LUNG_PATH_MM) & ~ends)
    masks["lungs"] = masks["left_lung"] | masks["right_lung"]
    return masks


def _largest(mask: BoolMask) -> BoolMask:
    """Only the largest part; an empty mask stays empty."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else np.zeros_like(mask)


def _project(beam: Beam, volume: Volume) -> Field:
    return project_volume(beam, volume.grid, volume.occupied)


def _project_coarsely(beam: Beam, volume: Volume) -> Field:
    """Path length for a mask alone: large films get it from half as many pixels each way."""
    if min(beam.size) < 256 or beam.size[0] % 2 or beam.size[1] % 2:
        return _project(beam, volume)
    return cv2.resize(_project(beam.halved(), volume), beam.size[::-1], interpolation=cv2.INTER_LINEAR)


def _look_up(volume: Volume, tubes: Tubes) -> np.ndarray:
    """Occupancy at the nearest voxel of each point, (n,); 0 outside the grid."""
    grid = volume.grid
    places = [
        np.rint((tubes.points[:, k] - axis[0]) / grid.voxel_mm).astype(np.intp)
        for k, axis in enumerate((grid.x, grid.y, grid.z))
    ]
    ok = np.all([(p >= 0) & (p < len(a)) for p, a in zip(places, (grid.x, grid.y, grid.z), strict=True)], axis=0)
    x, y, z = (np.where(ok, p, 0) for p in places)
    return np.where(ok, volume.occupied[y, z, x], 0.0)


def _texture(patient: Patient, beam: Beam) -> Field:
    """Uneven density of the lung's tissue, about 1, float32 (H, W)."""
    rng = patient.child_rng(30)
    total = np.ones(beam.size, np.float32)
    for grain_mm, amount in ((1.0, 0.05), (2.4, 0.05), (7.0, 0.03)):
        cells = [max(2, round(n * beam.pixel_mm / grain_mm)) for n in beam.size]
        coarse = rng.standard_normal(cells, np.float32)
        total += np.float32(amount) * cv2.resize(coarse, beam.size[::-1], interpolation=cv2.INTER_CUBIC)
    return total
