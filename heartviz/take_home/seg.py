"""Heart and lungs as a DICOM segmentation, with the picture that it lies on; neither carries a patient's tag."""

import io
import warnings
from typing import NamedTuple

import highdicom
import numpy as np
from highdicom.sc import SCImage
from highdicom.seg import Segmentation as DicomSegmentation
from highdicom.seg import SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from heartviz import __version__
from heartviz.records import Report
from heartviz.report import INTENDED_USE

MAKER = "heartviz"
_CODES = codes.SCT
# Label, SNOMED code of the organ, of its side.
SEGMENTS = (
    ("Heart", _CODES.Heart, None),
    ("Left lung", _CODES.Lung, _CODES.Left),
    ("Right lung", _CODES.Lung, _CODES.Right),
)


class SegFiles(NamedTuple):
    """DICOM bytes of the picture of the film (secondary capture, 16 bit) and of the segmentation that refers to it."""

    film: bytes
    segmentation: bytes


def make_seg(report: Report) -> SegFiles:
    """Film and masks as DICOM under identifiers drawn anew: nothing leads back to the film's own file.

    The segments are 1 heart, 2 the patient's left lung, 3 the patient's right lung, binary, of the film's own size.
    """
    film = _make_film(report)
    found = report.segmentation
    masks = np.stack([found.heart_mask, found.left_lung_mask, found.right_lung_mask], axis=-1)
    with warnings.catch_warnings():
        # highdicom warns of empty person names, which are what is wanted here.
        warnings.simplefilter("ignore")
        segmentation = DicomSegmentation(
            source_images=[film],
            pixel_array=masks[None].astype(np.uint8),
            segmentation_type="BINARY",
            segment_descriptions=[_describe(number, *segment) for number, segment in enumerate(SEGMENTS, start=1)],
            series_instance_uid=generate_uid(),
            series_number=2,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=__version__,
            device_serial_number="none",
            content_description="Heart and lungs, outlined by a network",
            content_label="HEART_AND_LUNGS",
            omit_empty_frames=False,
        )
    # A projection has no slice thickness, without which highdicom itself can't read these; film.dcm has the spacing.
    for groups in segmentation.SharedFunctionalGroupsSequence:
        groups.pop("PixelMeasuresSequence", None)
    segmentation.SeriesDescription = "Heart and lungs. Research and teaching only"
    return SegFiles(_to_bytes(film), _to_bytes(segmentation))


def _make_film(report: Report) -> Dataset:
    """The film's gray values as a secondary capture; its patient's elements are there, as they must be, and empty."""
    film = SCImage(
        np.round(np.clip(report.radiograph.pixels, 0, 1) * 65535).astype(np.uint16),
        photometric_interpretation="MONOCHROME2",
        bits_allocated=16,
        coordinate_system="PATIENT",
        study_instance_uid=generate_uid(),
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        patient_orientation=("L", "F"),
        pixel_spacing=report.radiograph.spacing_mm,
    )
    film.SeriesDescription, film.ImageComments = "Chest film, derived", INTENDED_USE
    film.BodyPartExamined, film.ViewPosition = "CHEST", ""
    film.WindowCenter, film.WindowWidth = 32768, 65536
    return film


def _describe(number: int, label: str, organ: CodedConcept, side: CodedConcept | None) -> SegmentDescription:
    described = SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=_CODES.AnatomicalStructure,
        segmented_property_type=organ,
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="heartviz VGG-U-Net", version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
    )
    if side is not None:
        modifier = CodedConcept(side.value, side.scheme_designator, side.meaning)
        described.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = Sequence([modifier])
    return described


def _to_bytes(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
