"""The frame around the pages: theme, style, privacy settings; adding a page is one line in PAGES."""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import gradio as gr

from heartviz.ui.about import build_about_page
from heartviz.ui.analyze import build_analyze_page
from heartviz.ui.api import add_endpoints
from heartviz.ui.audit import build_audit_page
from heartviz.ui.batch import build_batch_page
from heartviz.ui.engine import Engine
from heartviz.ui.experiment import build_experiment_page
from heartviz.ui.knobs import build_knobs_page
from heartviz.ui.language import make_i18n
from heartviz.ui.results import build_results_page
from heartviz.ui.session import Session, open_session
from heartviz.ui.shortcut import build_shortcut_page

PAGES: tuple[tuple[str, Callable[[Engine, Session, gr.Tab], None]], ...] = (
    ("Analyze", build_analyze_page),
    ("Batch", build_batch_page),
    ("Experiment", build_experiment_page),
    ("Turn the knobs", build_knobs_page),
    ("Shortcut", build_shortcut_page),
    ("Audit", build_audit_page),
    ("Results", build_results_page),
    ("About", build_about_page),
)
MAX_WAITING_FILMS = 20
_HEADER = (
    '<header class="hv-header"><div><h1>heartviz</h1><p>Does a chest X-ray model look at the heart?</p></div>'
    '<span id="hv-waiting" role="status"></span><span class="hv-pill">Not a medical device</span></header>'
)
_COLOURS = {
    "body_background_fill": "#0e1317",
    "body_text_color": "#e4ecf1",
    "body_text_color_subdued": "#a3b4c0",
    "background_fill_primary": "#151c22",
    "background_fill_secondary": "#11181d",
    "block_background_fill": "#151c22",
    "block_border_color": "#2a363f",
    "block_label_background_fill": "#151c22",
    "block_label_text_color": "#a3b4c0",
    "block_title_text_color": "#e4ecf1",
    "block_info_text_color": "#a3b4c0",
    "border_color_primary": "#2a363f",
    "border_color_accent": "#40e0d0",
    "color_accent_soft": "#17343a",
    "input_background_fill": "#11181d",
    "input_border_color": "#35434d",
    "button_secondary_background_fill": "#1e2931",
    "button_secondary_background_fill_hover": "#283640",
    "button_secondary_border_color": "#3a4954",
    "button_secondary_text_color": "#e4ecf1",
    "checkbox_background_color": "#11181d",
    "checkbox_background_color_selected": "#1aa79c",
    "checkbox_border_color": "#6b7d8a",
    "checkbox_border_color_selected": "#40e0d0",
    "checkbox_label_background_fill": "#1a242b",
    "checkbox_label_background_fill_hover": "#243039",
    "checkbox_label_background_fill_selected": "#17343a",
    "checkbox_label_border_color": "#35434d",
    "checkbox_label_border_color_selected": "#40e0d0",
    "checkbox_label_text_color": "#e4ecf1",
    "checkbox_label_text_color_selected": "#e4ecf1",
    "code_background_fill": "#1e2931",
    "link_text_color": "#7fd8ff",
    "table_even_background_fill": "#151c22",
    "table_odd_background_fill": "#1a242b",
    "table_border_color": "#2a363f",
    "table_row_focus": "#17343a",
}


def build_theme() -> gr.themes.Base:
    """A dark theme like a viewing room's, the same whatever the browser prefers, with fonts that gradio ships."""
    # Gradio 6.31 ships IBM Plex Sans whole in regular and bold only; its semibold file lacks most letters.
    font = (gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif")
    mono = ("ui-monospace", "Consolas", "monospace")
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="slate", radius_size="md", text_size="md", font=font, font_mono=mono
    )
    theme.name = "heartviz"
    return theme.set(**_COLOURS, **{f"{name}_dark": colour for name, colour in _COLOURS.items()})


def _join_scripts(*names: str) -> str:
    """One function for the browser that runs the function of each file once, when the page opens."""
    scripts = (Path(__file__).with_name(name).read_text(encoding="utf-8").strip() for name in names)
    return "() => {\n" + "\n".join(f"({script})();" for script in scripts) + "\n}"


# What launch() needs so that no film is kept, counted or sent anywhere.
LAUNCH_OPTIONS = MappingProxyType(
    {
        "theme": build_theme(),
        "css_paths": [Path(__file__).with_name("style.css")],
        "js": _join_scripts("waiting.js", "viewer.js", "lines.js", "paint.js", "language.js"),
        "i18n": make_i18n(),
        "share": False,
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "max_file_size": "40mb",
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": True,
        "footer_links": [],
    }
)


def build_demo(engine: Engine) -> gr.Blocks:
    """All pages in one Blocks, ready for `launch(**LAUNCH_OPTIONS)`."""
    # Files are deleted by `leaving`; Gradio's `delete_cache` would take those of a question that waits long.
    with gr.Blocks(title="heartviz", fill_width=True, analytics_enabled=False) as demo:
        gr.HTML(_HEADER)
        session = open_session()
        with gr.Tabs():
            for name, build_page in PAGES:
                with gr.Tab(name) as tab:
                    build_page(engine, session, tab)
        add_endpoints(engine)
    return demo.queue(max_size=MAX_WAITING_FILMS, api_open=False)
