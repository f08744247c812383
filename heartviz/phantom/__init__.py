"""Drawn anatomy: radiographs whose every pixel is known, made from nothing but numbers."""

from heartviz.phantom.chest import draw_chest

__all__ = ["draw_chest"]
