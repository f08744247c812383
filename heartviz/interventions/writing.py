"""Is something written into the picture? Letters in a row, as names and dates are; a lone side marker is not."""

import cv2
import numpy as np

from heartviz.interventions.regions import Mask, Picture, find_strokes

# So many letters of about one height, side by side, are taken for writing: fewer are mostly markers and edges of bone.
LEAST_LETTERS = 4
LARGEST_GAP_HEIGHTS = 1.5
WARNING = (
    "Something seems to be written into the picture itself. If it names a person, do not share the film or its "
    "pictures: heartviz removes what is beside the pixels, not what is in them."
)


def check_writing(picture: Picture, thorax_mask: Mask) -> tuple[str, ...]:
    """A warning where letters stand in a row outside of heart and lungs, else nothing.

    `picture` is the film with stretched contrast, float32 (H, W). Dark, faint or tiny writing is not found.
    """
    return (WARNING,) if count_row(find_strokes(picture, thorax_mask)) >= LEAST_LETTERS else ()


def count_row(letters_mask: Mask) -> int:
    """How many parts of the mask stand in the longest row: alike in height, level, and near to each other."""
    _, _, boxes, _ = cv2.connectedComponentsWithStats(letters_mask.astype(np.uint8), connectivity=8)
    parts = sorted(tuple(int(number) for number in box[:4]) for box in boxes[1:])  # left, top, width, height
    longest = [1] * len(parts)
    for place, (left, top, _, height) in enumerate(parts):
        for before, (other_left, other_top, other_width, other_height) in enumerate(parts[:place]):
            small, large = sorted((height, other_height))
            level = abs(top + height / 2 - other_top - other_height / 2) <= small / 2
            near = -small <= left - other_left - other_width <= LARGEST_GAP_HEIGHTS * large
            if level and near and large <= 2 * small:
                longest[place] = max(longest[place], longest[before] + 1)
    return max(longest, default=0)
