"""A report as one HTML file that opens offline and prints on white paper."""

import base64
from html import escape

import cv2

from heartviz.plots.canvas import RGB
from heartviz.take_home.paper import Paper, Part, Picture, Table

STYLE = (
    "body{background:#0e1317;color:#e4ecf1;font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:0 auto;"
    "padding:24px}section{background:#151c22;border:1px solid #26323a;border-radius:12px;padding:16px 20px;"
    "margin:18px 0}h1,h2{line-height:1.2;overflow-wrap:anywhere}h2{font-size:20px;margin:4px 0 10px}"
    ".device{background:#221e13;border:1px solid #4b4027;color:#ffe2a8;border-radius:10px;padding:10px 14px}"
    ".finding{font-size:20px;line-height:1.4}.fine{color:#a3b4c0;font-size:14px}.row{display:grid;gap:16px;"
    "grid-template-columns:repeat(auto-fit,minmax(240px,1fr))}.row.one{max-width:640px}figure{margin:8px 0;min-width:0}"
    "figure.bar{max-width:420px}figure.bar img{height:14px}img{width:100%;border-radius:8px;"
    "display:block;background:#000}figcaption{font-size:14px;color:#c3d0d9;margin-top:6px}.wide{overflow-x:auto}"
    "table{border-collapse:collapse;font-size:14px;margin:12px 0;width:100%}"
    "th,td{padding:7px 12px 7px 0;text-align:left;"
    "border-bottom:1px solid #26323a;font-variant-numeric:tabular-nums}thead th{color:#a3b4c0;font-weight:400}"
    "td{overflow-wrap:break-word}:focus-visible{outline:2px solid #40e0d0}"
    "@media print{@page{margin:14mm}body{background:#fff;color:#000;max-width:none;padding:0;font-size:11pt}"
    "section{background:#fff;border-color:#bbb;padding:8px 12px}"
    ".device{background:#fff;border:2px solid #000;color:#000}"
    ".fine,figcaption,thead th{color:#333}th,td{border-color:#bbb}.row{grid-template-columns:repeat(3,1fr)}"
    ".row.one{grid-template-columns:1fr;max-width:90mm}figure,tr,h2,section{break-inside:avoid}h2{break-after:avoid}"
    "img{print-color-adjust:exact;-webkit-print-color-adjust:exact}}"
)


def make_html(paper: Paper) -> bytes:
    """One HTML file with its pictures in it: it loads nothing, runs nothing and names no film."""
    body = (
        f"<h1>{escape(paper.title)}</h1><p class='device' role='note'>{escape(paper.intended_use)}</p>"
        f"<p class='finding'>{escape(paper.finding)}</p>{''.join(map(_part_html, paper.parts))}"
        f"<p class='fine'>{escape(paper.made)}</p>"
    )
    return page_html(paper.title, body).encode()


def page_html(title: str, body: str, style: str = "") -> str:
    """A whole HTML page in the look of the reports, around a body that is HTML already; it may load nothing."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{STYLE}{style}</style></head><body>{body}</body></html>\n"
    )


def encode_png(pixels: RGB) -> bytes:
    """PNG bytes of an RGB picture."""
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def table_html(table: Table) -> str:
    """A table that scrolls by itself where the page is narrow."""
    head = "".join(f"<th scope='col'>{escape(words)}</th>" for words in table.head)
    rows = "".join(
        f"<tr><th scope='row'>{escape(first)}</th>{''.join(f'<td>{escape(words)}</td>' for words in rest)}</tr>"
        for first, *rest in table.rows
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _part_html(part: Part) -> str:
    sentences = "".join(f"<p>{escape(words)}</p>" for words in part.sentences)
    shown = [_picture_html(picture) for picture in part.pictures if not picture.is_bar]
    bars = "".join(_picture_html(picture) for picture in part.pictures if picture.is_bar)
    alone = " one" if len(shown) == 1 else ""
    return (
        f"<section><h2>{escape(part.title)}</h2>{sentences}"
        + (f"<div class='row{alone}'>{''.join(shown)}</div>{bars}" if shown else "")
        + "".join(map(table_html, part.tables))
        + "".join(f"<p class='fine'>{escape(words)}</p>" for words in part.fine_print)
        + "</section>"
    )


def _picture_html(picture: Picture) -> str:
    source = f"data:image/png;base64,{base64.b64encode(encode_png(picture.pixels)).decode()}"
    bar = " class='bar'" if picture.is_bar else ""
    return (
        f"<figure{bar}><img src='{source}' alt=\"{escape(picture.alt, quote=True)}\">"
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )
