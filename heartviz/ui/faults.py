"""What a page says of an error."""

import logging
import traceback
from pathlib import Path

from heartviz.errors import HeartvizError

_log = logging.getLogger(__name__)


def words_of(error: Exception) -> str:
    """The user's sentence; an unforeseen error's own words could name a file or a tag, so only its place is logged."""
    if isinstance(error, HeartvizError):
        return str(error)
    places = " < ".join(
        f"{Path(at.filename).name}:{at.lineno}" for at in reversed(traceback.extract_tb(error.__traceback__))
    )
    _log.error("Unforeseen %s at %s", type(error).__name__, places)
    return (
        f"An unforeseen fault in the program ({type(error).__name__}) stopped it. Nothing is shown or kept. "
        "Try another file, and report the fault."
    )
