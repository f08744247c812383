"""Pictures (uint8 RGB) and plotly figures of what the records hold; no result is computed here."""

from heartviz.plots.canvas import RGBA, hex_colour
from heartviz.plots.figures import ARM_NAMES, REGION_NAMES, plot_deletion, plot_dim_curve, plot_shares
from heartviz.plots.film import (
    HEART_COLOUR,
    LEFT_LUNG_COLOUR,
    RIGHT_LUNG_COLOUR,
    WIDTH_COLOUR,
    plot_film,
    plot_found,
    plot_outlines,
    plot_overlay,
    plot_picture_seen,
    plot_thumbnail,
)
from heartviz.plots.maps import (
    ModelMaps,
    colour_stops,
    describe_flat,
    plot_controls,
    plot_cue_trial,
    plot_layers,
    plot_map_overlays,
    plot_model_maps,
    plot_strip,
)

__all__ = [
    "ARM_NAMES",
    "HEART_COLOUR",
    "LEFT_LUNG_COLOUR",
    "REGION_NAMES",
    "RGBA",
    "RIGHT_LUNG_COLOUR",
    "WIDTH_COLOUR",
    "ModelMaps",
    "colour_stops",
    "describe_flat",
    "hex_colour",
    "plot_controls",
    "plot_cue_trial",
    "plot_deletion",
    "plot_dim_curve",
    "plot_film",
    "plot_found",
    "plot_layers",
    "plot_map_overlays",
    "plot_model_maps",
    "plot_outlines",
    "plot_overlay",
    "plot_picture_seen",
    "plot_shares",
    "plot_strip",
    "plot_thumbnail",
]
