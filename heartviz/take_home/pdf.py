"""A report as PDF, A4, with the same words and pictures as the HTML."""

from pathlib import Path

import matplotlib
from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout
from PIL import Image

from heartviz.take_home.paper import Paper, Part, Picture, Table

# DejaVu Sans has Latin, Greek and Cyrillic letters; matplotlib, which captum needs, brings it along.
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_FONT = "DejaVu"
STAND_IN = "\ufffd"
NOT_DRAWN = f"{STAND_IN} stands for a character that can't be drawn in this PDF: the HTML report (report.html) has it."
_MARGIN_MM, _GAP_MM = 16.0, 4.0
_GRAY, _BLACK, _LINE_MM = (90, 90, 90), (0, 0, 0), 5.0
_LONE_PICTURE_MM = 92.0
_TABLE_PT, _PADDING_MM, _WIDEST_CELL_MM = 7.5, 0.8, 100.0


class _Sheet(FPDF):
    """A4 pages that say at their foot what the software is not, and once what they can't draw."""

    foot = ""
    drawable: frozenset[int] = frozenset()
    stands_in, told = False, False

    def normalize_text(self, text: str) -> str:
        """The text with a visible stand-in for each character that the font has not; all that is drawn comes by."""
        shown = "".join(
            letter if ord(letter) in self.drawable or not letter.isprintable() else STAND_IN for letter in text
        )
        self.stands_in |= shown != text
        return super().normalize_text(shown)

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(_FONT, size=7)
        self.set_text_color(*_GRAY)
        self.cell(self.epw - 12, 4, self.foot)
        self.cell(0, 4, f"{self.page_no()}/{{nb}}", align="R")
        if self.stands_in and not self.told:
            self.told = True
            self.set_xy(self.l_margin, -8)
            self.cell(0, 4, NOT_DRAWN)


def make_pdf(paper: Paper) -> bytes:
    """PDF bytes of one film's report; a character that the font lacks has a stand-in, which the foot explains."""
    sheet = _Sheet(format="A4")
    sheet.foot = paper.intended_use
    sheet.set_margin(_MARGIN_MM)
    sheet.set_auto_page_break(True, margin=16)
    sheet.add_font(_FONT, fname=_FONTS / "DejaVuSans.ttf")
    sheet.add_font(_FONT, style="B", fname=_FONTS / "DejaVuSans-Bold.ttf")
    sheet.drawable = frozenset.intersection(*(frozenset(font.cmap) for font in sheet.fonts.values()))
    sheet.set_title(paper.title)
    sheet.set_lang("en")
    sheet.set_creator("heartviz")
    sheet.add_page()
    _say(sheet, paper.title, size=18, bold=True)
    _say(sheet, paper.made, size=8, colour=_GRAY)
    sheet.ln(2)
    sheet.set_font(_FONT, style="B", size=9)
    sheet.multi_cell(0, _LINE_MM, paper.intended_use, border=1, padding=2, new_x="LMARGIN", new_y="NEXT")
    sheet.ln(2)
    _say(sheet, paper.finding, size=12)
    for part in paper.parts:
        _add_part(sheet, part)
    return bytes(sheet.output())


def _say(sheet: FPDF, words: str, size: float, bold: bool = False, colour: tuple[int, int, int] = _BLACK) -> None:
    sheet.set_font(_FONT, style="B" if bold else "", size=size)
    sheet.set_text_color(*colour)
    sheet.multi_cell(0, size * 0.5, words, align="L", new_x="LMARGIN", new_y="NEXT")


def _add_part(sheet: FPDF, part: Part) -> None:
    sheet.ln(5)
    first_mm = 14.0 + 10.0 * len(part.sentences) + (_height_mm(sheet, part.pictures) if part.pictures else 12.0)
    if sheet.will_page_break(min(first_mm, sheet.eph)):
        sheet.add_page()
    _say(sheet, part.title, size=13, bold=True)
    sheet.ln(1)
    for words in part.sentences:
        _say(sheet, words, size=9.5)
        sheet.ln(1)
    if part.pictures:
        _add_pictures(sheet, part.pictures)
    for table in part.tables:
        _add_table(sheet, table)
    for words in part.fine_print:
        _say(sheet, words, size=8, colour=_GRAY)


def _width_mm(sheet: FPDF, pictures: tuple[Picture, ...]) -> float:
    count = sum(not picture.is_bar for picture in pictures)
    return _LONE_PICTURE_MM if count == 1 else (sheet.epw - _GAP_MM * (count - 1)) / count


def _height_mm(sheet: FPDF, pictures: tuple[Picture, ...]) -> float:
    width = _width_mm(sheet, pictures)
    shapes = [picture.pixels.shape for picture in pictures if not picture.is_bar]
    return max(width * height / across for height, across, _ in shapes)


def _add_pictures(sheet: FPDF, pictures: tuple[Picture, ...]) -> None:
    """Pictures in one row with their captions under them, then the bars that explain their colours."""
    sheet.ln(1)
    width, height, top = _width_mm(sheet, pictures), _height_mm(sheet, pictures), sheet.get_y()
    lowest, left = top, sheet.l_margin
    sheet.set_text_color(*_GRAY)
    for picture in (each for each in pictures if not each.is_bar):
        sheet.image(Image.fromarray(picture.pixels), x=left, y=top, w=width, alt_text=picture.alt)
        sheet.set_xy(left, top + height + 1)
        sheet.set_font(_FONT, size=7.5)
        sheet.multi_cell(width, 3.6, picture.caption, align="L")
        lowest, left = max(lowest, sheet.get_y()), left + width + _GAP_MM
    sheet.set_xy(sheet.l_margin, lowest + 2)
    for bar in (each for each in pictures if each.is_bar):
        sheet.image(Image.fromarray(bar.pixels), x=sheet.l_margin, y=sheet.get_y(), w=70, h=3, alt_text=bar.alt)
        sheet.ln(4)
        _say(sheet, bar.caption, size=7.5, colour=_GRAY)
        sheet.ln(1)


def _add_table(sheet: FPDF, table: Table) -> None:
    sheet.ln(1)
    sheet.set_text_color(*_BLACK)
    widths = _column_widths_mm(sheet, table)
    sheet.set_font(_FONT, size=_TABLE_PT)
    with sheet.table(
        col_widths=widths,
        line_height=4.2,
        padding=_PADDING_MM,
        text_align="LEFT",
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD"),
    ) as drawn:
        for row in (table.head, *table.rows):
            drawn.row(row)
    sheet.ln(2)


def _column_widths_mm(sheet: FPDF, table: Table) -> tuple[float, ...]:
    """Every column as wide as its longest word, and what is left over shared out by their longest cells."""
    sheet.set_font(_FONT, style="B", size=_TABLE_PT)  # As the head; the rows' letters are narrower.
    columns = list(zip(table.head, *table.rows, strict=True))
    around = 2 * (_PADDING_MM + sheet.c_margin)
    words = [max(sheet.get_string_width(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    cells = [max(map(sheet.get_string_width, cells)) for cells in columns]
    spare = max(0.0, sheet.epw - sum(words) - around * len(columns))
    wanted = [min(cell, _WIDEST_CELL_MM) for cell in cells]
    return tuple(around + word + spare * more / sum(wanted) for word, more in zip(words, wanted, strict=True))
