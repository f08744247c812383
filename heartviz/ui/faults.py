"""What a page says of an error."""

import errno

from heartviz.errors import HeartvizError
from heartviz.logbook import tell_fault

# No room on the disk, for this user, or in a file.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_disk_full(error: Exception) -> bool:
    """Whether something could not be written for want of room."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def words_of(error: Exception) -> str:
    """The user's sentence; an unforeseen error's own words could name a file or a tag, so only its place is logged."""
    if isinstance(error, HeartvizError):
        return str(error)
    tell_fault(error)
    if is_disk_full(error):
        return (
            "The server's disk is full: what was to be written is not kept. Try again later; if it stays so, tell "
            "whoever runs this server."
        )
    return (
        f"An unforeseen fault in the program ({type(error).__name__}) stopped it. Nothing is shown or kept. "
        "Try another file, and report the fault."
    )
