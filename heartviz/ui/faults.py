"""What a page says of an error."""

from heartviz.errors import HeartvizError
from heartviz.logbook import tell_fault


def words_of(error: Exception) -> str:
    """The user's sentence; an unforeseen error's own words could name a file or a tag, so only its place is logged."""
    if isinstance(error, HeartvizError):
        return str(error)
    tell_fault(error)
    return (
        f"An unforeseen fault in the program ({type(error).__name__}) stopped it. Nothing is shown or kept. "
        "Try another file, and report the fault."
    )
