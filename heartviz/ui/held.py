"""The reports that open pages hold, in memory only: forgotten on time, on a new film, or when others need the room."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from heartviz.interventions.catalogue import Donor
from heartviz.records import CardiothoracicRatio, Explanation, Radiograph, Report

# A film is forgotten this long after its last result, whether the page is open or closed. (Gradio alone would keep a
# closed page's state for an hour.)
FORGET_AFTER_S = 900.0
# A report takes some 40 bytes a pixel: 0.3 GB for a film of 3000 x 2500 px, 1.2 GB for all that are held, which are
# four of these, or a hundred of 512 x 512.
MOST_PIXELS = 30_000_000


@dataclass(frozen=True)
class Refused:
    """A film that the gate refused, and the correction (gate.CORRECTIONS) with which it would pass."""

    radiograph: Radiograph
    offer: str


class HeldReport:
    """The report of the film on one page, until it is forgotten, and the same with a heart that a person edited.

    `donor` is another film whose lungs experiments take, None a drawn one. `refused` is a film without a report that
    the page offers to put right.
    """

    def __init__(self) -> None:
        self.report: Report | None = None
        self.edited: Report | None = None
        self.donor: Donor | None = None
        self.refused: Refused | None = None
        self._timer: threading.Timer | None = None

    @property
    def offered(self) -> Refused | None:
        """The film that the page holds, analysed or refused, with the correction that it offers; None without one."""
        if self.report is not None and self.report.offer:
            return Refused(self.report.radiograph, self.report.offer)
        return self.refused

    def keep(self, held: Report | Refused, forget_after_s: float) -> None:
        """Holds this report, or refused film, instead of the one before, for so many seconds; the donor stays."""
        donor = self.donor
        self.forget()
        if isinstance(held, Report):
            self.report, self.donor = held, donor
        else:
            self.refused = held
        self._timer = threading.Timer(forget_after_s, self.forget)
        self._timer.daemon = True
        self._timer.start()

    def forget(self) -> None:
        """Lets go of the film and everything made from it."""
        self.report = self.edited = self.donor = self.refused = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Shelf:
    """All held reports of one server; the longest unused goes when they are too large together.

    Events of one page may come at once: each part is changed beside what the others are by then.
    """

    def __init__(self, forget_after_s: float = FORGET_AFTER_S, most_pixels: int = MOST_PIXELS) -> None:
        self._forget_after_s, self._most_pixels = forget_after_s, most_pixels
        self._held: OrderedDict[int, HeldReport] = OrderedDict()
        self._lock = threading.RLock()

    def keep(self, report: Report | Refused, held: HeldReport | None = None) -> HeldReport:
        """The page's holder, new if it has none, now with this report, or with a film that was refused."""
        held = HeldReport() if held is None else held
        with self._lock:
            held.keep(report, self._forget_after_s)
            self._held[id(held)] = held
            self._held.move_to_end(id(held))
            while len(self._held) > 1 and self._pixels() > self._most_pixels:
                self._held.popitem(last=False)[1].forget()
        return held

    def keep_explanation(self, explanation: Explanation, of: Report, held: HeldReport) -> Report:
        """The report with these maps, made of `of`, beside what the page holds by now, unless that is another film."""
        with self._lock:
            report = held.report
            if report is None or report.radiograph is not of.radiograph:
                return replace(of, explanation=explanation)
            self._renew(held, report=replace(report, explanation=explanation))
            return held.report

    def keep_edited(self, edited: Report | None, held: HeldReport) -> None:
        """Holds this edit of the page's film, or none, beside the report as it was."""
        self._renew(held, edited=edited)

    def keep_lines(self, moved: CardiothoracicRatio | None, held: HeldReport) -> None:
        """Holds the ratio by lines that a person moved, or none."""
        with self._lock:
            if held.report is not None:
                self._renew(held, report=replace(held.report, moved=moved))

    def keep_donor(self, donor: Donor, held: HeldReport) -> None:
        """Holds another film's lungs beside the page's film."""
        self._renew(held, donor=donor)

    def _renew(self, held: HeldReport, **changed: Any) -> None:
        """Keeps the page's film anew with these parts changed and the others as they are; nothing without a film."""
        with self._lock:
            if held.report is not None:
                parts = {name: getattr(held, name) for name in ("report", "edited", "donor")} | changed
                held.donor = parts["donor"]
                self.keep(parts["report"], held)
                held.edited = parts["edited"]

    def forget(self, held: HeldReport | None) -> None:
        """Forgets what this page holds, if it holds anything."""
        if held is not None:
            with self._lock:
                self._held.pop(id(held), None)
                held.forget()

    def _pixels(self) -> int:
        held = list(self._held.values())
        reports = [report for each in held for report in (each.report, each.edited) if report is not None]
        donors = [each.donor.picture.size for each in held if each.donor is not None]
        refused = [each.refused.radiograph.pixels.size for each in held if each.refused is not None]
        return sum(report.radiograph.pixels.size for report in reports) + sum(donors) + sum(refused)
