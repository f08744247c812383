"""Names and sentences that more than one page shows."""

from heartviz.words import CLASS_NAMES as CLASS_NAMES
from heartviz.words import TASK_NAMES as TASK_NAMES
from heartviz.words import TASK_NOTES as TASK_NOTES

GRADIENT_NAMES = {"picture_seen": "The picture the model sees", "film": "The original film"}
GRADIENT_NOTE = (
    "For VGG+Mask, the gradient for the original film is five times smaller outside the heart by construction, "
    "because the film was dimmed there before the model saw it; for the hardened model it is zero outside heart and "
    "lungs, and as many times larger in the lungs as their gray was stretched."
)
CONTROL_NAMES = {"random_weights": "Random weights", "edges": "Edges of the picture"}
LAYERS_NOTE = (
    "The paper's first try: what the 16 strongest channels of one convolution put out for this film, the same channels "
    "for all models, each on one gray scale. Blocks 1 to 3 are ImageNet's for all; only the picture differs there. "
    "Such pictures show what a layer responds to, not what the answer comes from."
)
NOT_A_DEVICE = (
    "Research and teaching software, not a medical device. Not for diagnosis, triage or treatment. "
    "Do not upload identifiable patient data."
)
PAPER = "Chen and Shi 2018, arXiv:1808.08277"
