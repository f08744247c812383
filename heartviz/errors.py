"""Errors whose messages are fit for a user's eyes: what was got, what is needed, what to do."""

from heartviz.records import GateCheck, Radiograph, Segmentation


class HeartvizError(Exception):
    """Anything that heartviz refuses, in words a user can act on."""


class RadiographError(HeartvizError):
    """The file or array is not a radiograph that can be read."""


class SegmentationError(HeartvizError):
    """No usable heart or lungs were found on the film."""


class GateError(SegmentationError):
    """The gate refused a film.

    `checks` are all its checks in order, `offer` the correction with which the film would pass ("" where none was
    found), `radiograph` and `segmentation` what was seen.
    """

    def __init__(
        self,
        words: str,
        checks: tuple[GateCheck, ...] = (),
        offer: str = "",
        radiograph: Radiograph | None = None,
        segmentation: Segmentation | None = None,
    ) -> None:
        super().__init__(words)
        self.checks, self.offer, self.radiograph, self.segmentation = checks, offer, radiograph, segmentation


class QuestionError(HeartvizError):
    """What was asked does not go together, or a part of it is missing."""


class WeightsError(HeartvizError):
    """The model weights are missing, damaged, or not the ones the manifest names."""


class DataError(HeartvizError):
    """A data folder, table or file for training is missing or not laid out as described."""
