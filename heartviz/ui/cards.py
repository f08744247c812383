"""The manifest's words about each model, as the pages show them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from heartviz import __version__
from heartviz.ui.engine import ModelCard

MODEL_TITLES = MappingProxyType(
    {
        "trunk": "Shared lower layers (VGG16)",
        "segmenter": "Outlines (VGG-U-Net)",
        "view": "Frontal or lateral",
        "chest": "Chest film or not",
        "lateral": "Heart from the side",
        "congenital_plain": "Congenital signs, plain VGG16",
        "congenital_mask": "Congenital signs, VGG+Mask",
        "congenital_hardened": "Congenital signs, hardened",
        "heart_size_plain": "Heart size, plain VGG16",
        "heart_size_mask": "Heart size, VGG+Mask",
        "heart_size_hardened": "Heart size, hardened",
    }
)
_NOT_STATED = "Its card does not say what it was trained on."


def describe_models(manifest: Mapping[str, Any]) -> dict[str, ModelCard]:
    """Title to card of every model in the manifest.

    An entry's "card" is {"trained_on": text, "metrics": [lines]}, or the text alone; where it is missing the page says
    so instead of guessing.
    """
    cards = {}
    for name, entry in manifest["files"].items():
        card = entry.get("card") or {}
        card = {"trained_on": card} if isinstance(card, str) else card
        cards[MODEL_TITLES.get(name, name)] = ModelCard(
            sha256=entry["sha256"],
            trained_on=card.get("trained_on") or _NOT_STATED,
            metrics=tuple(card.get("metrics", ())),
        )
    return cards


def describe_version(sha256: Mapping[str, str], origin: str) -> dict[str, Any]:
    """What /version answers: the program's version, each model's file by its hash, and where the files came from."""
    return {"version": __version__, "models": dict(sha256), "origin": origin}
