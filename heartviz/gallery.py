"""The example films: eight drawn ones, shipped as pictures, and how each was drawn.

`python -m heartviz.gallery` draws them anew into the package, and the README's grid of them.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from heartviz.phantom import Film, draw_patient, make_lesion, render_film
from heartviz.radiograph import load_radiograph
from heartviz.records import Radiograph

FOLDER = Path(__file__).with_name("examples")
GRID = Path(__file__).resolve().parents[1] / "docs" / "phantoms.png"
SIZE_PX, TILE_PX = 512, 400
NOTE = "This film is drawn from a made-up anatomy, not taken of a patient: the models were not made for drawings."


@dataclass(frozen=True)
class Example:
    """One drawn film: its name on the page, its file's stem, and what it is drawn from."""

    name: str
    stem: str
    patient: int
    kind: str = "Normal"
    severity: float = 0.0
    view: str = "pa"
    age_years: float | None = None

    def draw(self) -> Film:
        """The film itself, (512, 512)."""
        patient = draw_patient(np.random.default_rng(self.patient), age_years=self.age_years)
        return render_film(patient, make_lesion(self.kind, self.severity), self.view, SIZE_PX, self.patient)

    def load(self) -> Radiograph:
        """The film as shipped, with a note that it is drawn. Raises RadiographError where the file is not whole."""
        pixels = load_radiograph(FOLDER / f"{self.stem}.png").pixels
        return Radiograph(pixels, f"{self.name} (drawn), {SIZE_PX} x {SIZE_PX} px", messages=(NOTE,))


EXAMPLES = (
    Example("Normal, adult", "normal", 21),
    Example("Normal, child of 6", "normal_child", 22, age_years=6),
    Example("VSD", "vsd", 23, "VSD", 0.9),
    Example("VSD, from the side", "vsd_lateral", 23, "VSD", 0.9, "lateral"),
    Example("ASD", "asd", 24, "ASD", 0.9),
    Example("ASD, mild", "asd_mild", 25, "ASD", 0.45),
    Example("TOF", "tof", 26, "TOF", 0.9),
    Example("TOF, mild", "tof_mild", 27, "TOF", 0.45),
)


def main() -> None:
    """Draws every example into the package, and the grid of all for the README."""
    FOLDER.mkdir(exist_ok=True)
    tiles = []
    for example in EXAMPLES:
        gray = np.round(example.draw().pixels * 255).astype(np.uint8)
        cv2.imwrite(str(FOLDER / f"{example.stem}.png"), gray)
        tiles.append(_label(cv2.resize(gray, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA), example.name))
    cv2.imwrite(str(GRID), np.vstack([np.hstack(tiles[start : start + 4]) for start in range(0, len(tiles), 4)]))
    print(FOLDER, GRID)


def _label(tile: NDArray[np.uint8], words: str) -> NDArray[np.uint8]:
    bar = np.full((34, tile.shape[1]), 24, np.uint8)
    cv2.putText(bar, words, (8, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 230, 1, cv2.LINE_AA)
    return np.pad(np.vstack([tile, bar]), 3, constant_values=24)


if __name__ == "__main__":
    main()
