"""Errors whose messages are fit for a user's eyes: what was got, what is needed, what to do."""


class HeartvizError(Exception):
    """Anything that heartviz refuses, in words a user can act on."""


class RadiographError(HeartvizError):
    """The file or array is not a radiograph that can be read."""


class SegmentationError(HeartvizError):
    """No usable heart or lungs were found on the film."""


class QuestionError(HeartvizError):
    """What was asked does not go together, or a part of it is missing."""


class WeightsError(HeartvizError):
    """The model weights are missing, damaged, or not the ones the manifest names."""


class DataError(HeartvizError):
    """A data folder, table or file for training is missing or not laid out as described."""
