"""One HTML file with tables, that opens offline."""

from collections.abc import Sequence
from html import escape

from heartviz.paper_results import ResultTable, format_cell

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse;margin:.5rem 0;font-variant-numeric:tabular-nums;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:.3rem 0}th,td{padding:.25rem .6rem;border-bottom:1px solid #d5dbe3}
th{text-align:left;vertical-align:bottom}td.number{text-align:right}
.under{color:#4a5566;font-size:.9rem;margin:0 0 2rem}
.notice{border-left:4px solid #a15c00;padding:.4rem .8rem;background:#fff6e8}div.wide{overflow-x:auto}
"""


def render_page(title: str, notice: str, tables: Sequence[ResultTable]) -> str:
    """The whole page; every text is escaped, nothing is fetched from elsewhere."""
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>",
        f'<p class="notice">{escape(notice)}</p>',
    ]
    for table in tables:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
        body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
        parts.append(f"<p>{escape(table.finding)}</p>" if table.finding else "")
        parts.append(
            f'<div class="wide"><table><caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead>'
            f'<tbody>{body}</tbody></table></div><p class="under">{escape(table.under)}</p>'
        )
    return "\n".join([*parts, "</body></html>\n"])


def _cell(value: str | float | int | None) -> str:
    kind = "" if isinstance(value, str) else ' class="number"'
    return f"<td{kind}>{escape(format_cell(value))}</td>"
