"""A file in memory whose head may be read so often and so far: one of a million parts would be read for minutes."""

import io

from heartviz.errors import RadiographError


class RationedBytes(io.BytesIO):
    """Bytes as a file; past so many reads, or so many bytes read, RadiographError. `lift` ends the ration.

    `unmeasured` is True while what is read does not count against the bytes, as the picture itself.
    """

    def __init__(self, payload: bytes, most_reads: int, most_bytes: int) -> None:
        super().__init__(payload)
        self.unmeasured = False
        self._reads_left: float = most_reads
        self._bytes_left: float = most_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes. Raises RadiographError where the ration is used up."""
        found = super().read(size)
        self._reads_left -= 1
        if not self.unmeasured:
            self._bytes_left -= len(found)
        if self._reads_left < 0 or self._bytes_left < 0:
            raise RadiographError(
                "Beside its picture this file holds more parts, or longer ones, than any film. "
                "Export the film again, if possible as PNG."
            )
        return found

    def lift(self) -> None:
        """None; from here on anything may be read."""
        self._reads_left = self._bytes_left = float("inf")
