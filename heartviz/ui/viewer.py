"""The viewer of panel 1: the film, with its outlines or a map laid over it, and what it takes to read it in comfort.

`viewer.js` moves it. Without scripts it still shows the film with its outlines.
"""

from html import escape

from heartviz import plots
from heartviz.records import ARMS, Arm, Report
from heartviz.ui import lines, panels
from heartviz.ui.fleeting import png_address

# Width and centre of the grays that are spread from black to white, in the 256 grays of the picture shown, counted as
# DICOM PS3.3 C.11.2.1.2.1 does: 256 and 128 change nothing.
PRESETS = {"As is": (256, 128), "Soft": (400, 128), "Hard": (128, 128)}
_SHOWN = {"film": "Film", "outlines": "Outlines", "map": "Map"}
_KEYS = (
    "To correct the ratio, drag the ends of the two lines, or move them by the arrow keys. Click the film, then: wheel "
    "or + and - zoom, drag or arrows move, double click or 0 shows it whole, I inverts, F fills the screen, 1 2 3 show "
    "film, outlines, map."
)


def show_viewer(report: Report) -> str:
    """HTML of the film with all that can be laid over it inside, and its controls; it loads nothing."""
    film = plots.plot_film(report.radiograph.pixels)
    overlays = plots.plot_map_overlays(report.explanation)
    height, width = film.shape[:2]
    maps = "".join(_layer(overlays[arm], panels.map_alt(report.explanation, arm), "map", arm) for arm in ARMS)
    captions = "".join(
        f'<p class="hv-caption" data-shown="map" data-model="{arm}" hidden>{escape(_caption(report, arm))}</p>'
        for arm in ARMS
    )
    return (
        f'<figure class="hv-viewer" data-testid="viewer" style="--hv-ratio:{width / height:.5f}">'
        '<svg width="0" height="0" aria-hidden="true"><filter id="hv-window" color-interpolation-filters="sRGB">'
        "<feComponentTransfer>"
        + "".join(f'<feFunc{band} type="linear" slope="1" intercept="0"/>' for band in "RGB")
        + "</feComponentTransfer></filter></svg>"
        '<div class="hv-view" role="group" tabindex="0" aria-label="The film" aria-describedby="hv-viewer-keys">'
        f'<div class="hv-stage"><img class="hv-film" src="{png_address(film)}" '
        f'alt="{escape(panels.overlay_alt(report))}" draggable="false">'
        f"{_layer(plots.plot_outlines(report), '', 'outlines')}{maps}"
        f"{lines.draw_lines(report)}</div></div>"
        f"<figcaption>{lines.tell_ratio(report)}{_controls()}{captions}"
        f'<p class="hv-fine" id="hv-viewer-keys">{_KEYS}</p></figcaption></figure>'
    )


def _caption(report: Report, arm: Arm) -> str:
    flat = plots.describe_flat(report.explanation.attributions[arm])
    return f"{panels.map_alt(report.explanation, arm)} {flat or 'Clear is zero, and what the model was not shown.'}"


def _layer(picture: plots.RGBA, alt: str, shown: str, model: str = "") -> str:
    place = f'data-shown="{shown}"' + (f' data-model="{model}" hidden' if model else "")
    return f'<img class="hv-over" {place} src="{png_address(picture)}" alt="{escape(alt)}" draggable="false">'


def _controls() -> str:
    first, *_ = PRESETS
    presets = "".join(
        f'<button type="button" data-do="window" data-window="{window}" data-level="{level}" '
        f'aria-pressed="{str(name == first).lower()}">{name}</button>'
        for name, (window, level) in PRESETS.items()
    )
    window, level = PRESETS[first]
    return (
        f'<div class="hv-tools">{_choice("shown", "What is shown", _SHOWN, "outlines")}'
        f'<span class="hv-zoom">{_button("out", "−", "Zoom out")}'
        '<output data-is="zoom" aria-label="Zoom">100 %</output>'
        f"{_button('in', '+', 'Zoom in')}</span>{_button('reset', 'Fit', 'Fit: the whole film')}"
        f"{_button('full', 'Full screen', pressed=True)}</div>"
        '<div class="hv-tools" data-shown="map" hidden>'
        f"{_choice('model', 'Map of', {arm: plots.ARM_NAMES[arm] for arm in ARMS}, 'mask')}</div>"
        f'<div class="hv-tools hv-sliders">{_slider("window", "Window", 2, 512, window)}'
        f"{_slider('level', 'Level', 0, 255, level)}{_slider('opacity', 'Overlay', 0, 100, 100, ' %')}</div>"
        f'<div class="hv-tools"><span role="group" aria-label="Window and level" class="hv-choice">{presets}</span>'
        f"{_button('invert', 'Invert', pressed=True)}</div>"
    )


def _choice(name: str, label: str, choices: dict[str, str], chosen: str) -> str:
    options = "".join(
        f'<label><input type="radio" name="hv-{name}" data-set="{name}" value="{value}"'
        f"{' checked' if value == chosen else ''}><span>{escape(words)}</span></label>"
        for value, words in choices.items()
    )
    return f'<span role="radiogroup" aria-label="{label}" class="hv-choice">{options}</span>'


def _slider(name: str, label: str, lowest: int, highest: int, value: int, unit: str = "") -> str:
    return (
        f'<label><span>{label} <span data-is="{name}">{value}{unit}</span></span><input type="range" '
        f'data-set="{name}" min="{lowest}" max="{highest}" value="{value}"></label>'
    )


def _button(action: str, words: str, label: str = "", pressed: bool = False) -> str:
    said = f' aria-label="{label}" title="{label}"' if label else ""
    return f'<button type="button" data-do="{action}"{said}{" aria-pressed=false" * pressed}>{words}</button>'
