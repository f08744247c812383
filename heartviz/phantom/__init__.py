"""Drawn anatomy: radiographs whose every pixel is known, made from nothing but numbers.

`draw_chest` is a flat drawing for tests; `draw_patient` and `render_film` are a thorax in three dimensions, X-rayed.
"""

from heartviz.phantom.chest import draw_chest
from heartviz.phantom.film import Exposure, draw_exposure
from heartviz.phantom.lesions import KINDS, Lesion, apply_lesion, draw_lesion, make_lesion
from heartviz.phantom.patient import VIEWS, Patient, draw_patient
from heartviz.phantom.render import Film, render_film

__all__ = [
    "KINDS",
    "VIEWS",
    "Exposure",
    "Film",
    "Lesion",
    "Patient",
    "apply_lesion",
    "draw_chest",
    "draw_exposure",
    "draw_lesion",
    "draw_patient",
    "make_lesion",
    "render_film",
]
