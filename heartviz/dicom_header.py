"""What is read of a DICOM file, and how much of it before that is refused; its picture is for dicom.py."""

import io
import logging
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from heartviz.errors import RadiographError
from heartviz.gray import MAX_FILE_BYTES, check_size
from heartviz.ration import RationedBytes

# pydicom's log lines quote values of the file, names among them.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

PREAMBLE_BYTES = 128
# What is not read uncompressed is not read deflated.
MAX_INFLATED_BYTES = MAX_FILE_BYTES
# A film has some hundred elements; all that are read of it but its picture are some 100 kB, the longest of them a
# lookup table of 65,536 entries.
MOST_READS, MOST_HEADER_BYTES = 100_000, 4_000_000
MOST_ELEMENT_BYTES, MOST_SEQUENCE_BYTES = 300_000, 1_500_000
NOT_RADIOGRAPHS = {
    "CT": "a CT slice",
    "MR": "an MR slice",
    "US": "an ultrasound picture",
    "PT": "a PET slice",
    "NM": "a nuclear medicine picture",
}
EXPORT_AGAIN = "Export the film again."
UNDEFINED_LENGTH = 0xFFFFFFFF
ADULT_FROM_YEARS = 18
# The units of an age string in years. Source: DICOM PS3.5 6.2, AS.
AGE_UNITS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
# The only elements ever read: of the patient, the hospital and the study nothing is parsed but an age, of which only
# "adult or not" is kept.
WANTED = (  # noqa: SIM905
    "SOPClassUID Modality SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns "
    "PixelSpacing ImagerPixelSpacing BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue "
    "PixelPaddingRangeLimit WindowCenter WindowWidth VOILUTFunction RescaleIntercept RescaleSlope ModalityLUTSequence "
    "VOILUTSequence PresentationLUTShape RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor "
    "BluePaletteColorLookupTableDescriptor RedPaletteColorLookupTableData GreenPaletteColorLookupTableData "
    "BluePaletteColorLookupTableData PatientAge PixelData"
).split()
# Parsed only where they are asked for, past every ration; several tables may be in one.
SEQUENCES = {tag_for_keyword(keyword) for keyword in ("ModalityLUTSequence", "VOILUTSequence")}
PIXEL_DATA, CHARACTER_SET = tag_for_keyword("PixelData"), tag_for_keyword("SpecificCharacterSet")
WANTED_TAGS = [tag_for_keyword(keyword) for keyword in WANTED]
MEASURED = {*WANTED_TAGS, CHARACTER_SET} - SEQUENCES - {PIXEL_DATA}


def is_dicom(payload: bytes) -> bool:
    """True for DICOM Part 10 bytes, whatever their preamble, and for a bare data set with an image in it."""
    if payload[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM":
        return True
    # A bare data set starts with group 0002 or 0008, little endian.
    if payload[:2] not in (b"\x02\x00", b"\x08\x00"):
        return False
    try:
        dataset = read_header(payload)
        return "SOPClassUID" in dataset or ("Rows" in dataset and "Columns" in dataset)
    except Exception:
        return False


def read_header(payload: bytes) -> pydicom.FileDataset:
    """The wanted elements, the picture's bytes among them. Raises RadiographError where one is too long."""
    stream = RationedBytes(_inflate(payload), MOST_READS, MOST_HEADER_BYTES)

    def is_refused(tag: BaseTag, _vr: str | None, length: int) -> bool:
        """False; raises RadiographError before a value is read that no film has so long."""
        if (tag in MEASURED and length > MOST_ELEMENT_BYTES) or (
            tag in SEQUENCES and MOST_SEQUENCE_BYTES < length < UNDEFINED_LENGTH
        ):
            raise RadiographError(f"An element of this DICOM file ({tag}) is longer than in any film. {EXPORT_AGAIN}")
        stream.unmeasured = tag == PIXEL_DATA
        return False

    return read_partial(stream, stop_when=is_refused, force=True, specific_tags=WANTED_TAGS)


def refuse_other_objects(dataset: pydicom.FileDataset) -> None:
    """None; raises RadiographError, before anything is decoded, for all but one whole projection picture."""
    modality = str(dataset.get("Modality"))
    if modality in NOT_RADIOGRAPHS:
        raise RadiographError(
            f"This DICOM is {NOT_RADIOGRAPHS[modality]}, not a projection radiograph. Upload a frontal chest X-ray."
        )
    if "PixelData" not in dataset:
        sop_class = UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID", "")))
        if "Image Storage" in sop_class.name or "Rows" in dataset:
            raise RadiographError(
                "This DICOM file has a header but no whole pixel data: it was cut short or exported without its "
                "picture. Export the film again."
            )
        kind = f" ({sop_class.name})" if sop_class.name != sop_class else ""
        raise RadiographError(f"This DICOM file holds no picture{kind}. Upload the file with the chest X-ray itself.")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise RadiographError(f"This DICOM holds {frames} frames; one film is needed. Export a single frame.")
    check_size(int(dataset.Rows), int(dataset.Columns), int(dataset.get("SamplesPerPixel") or 1))


def find_spacing_mm(dataset: pydicom.FileDataset) -> tuple[tuple[float, float] | None, list[str]]:
    """Row and column spacing, and notes for the description on what it is, where the file says.

    At the detector the patient is magnified; a pixel spacing that is another one than the detector's is calibrated.
    Source: DICOM PS3.3 10.7.1.3.
    """
    found: dict[str, tuple[float, float]] = {}
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            row_mm, col_mm = (float(number) for number in dataset.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if 0 < row_mm < np.inf and 0 < col_mm < np.inf:
            found[keyword] = row_mm, col_mm
    given, detector = found.get("PixelSpacing"), found.get("ImagerPixelSpacing")
    if detector is None:
        return given, []
    calibrated = given is not None and given != detector
    return given or detector, ["mm as calibrated" if calibrated else "mm at the detector"]


def is_adult(dataset: pydicom.FileDataset) -> bool | None:
    """Whether the age given is of 18 years or more; None where none is given that can be read."""
    given = re.fullmatch(r"(\d{3})([DWMY])", str(dataset.get("PatientAge") or "").strip())
    if given is None or int(given[1]) == 0:
        return None
    return int(given[1]) * AGE_UNITS[given[2]] >= ADULT_FROM_YEARS


def first_number(value: Any) -> float | None:
    """The first of one or several numbers, None where there is none or it is not finite."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = value[0] if len(value) else None
    if value is None or value == "":
        return None
    number = float(value)
    return number if np.isfinite(number) else None


def _inflate(payload: bytes) -> bytes:
    """The file as it would be not deflated; others as they are."""
    stream = RationedBytes(payload, MOST_READS, MOST_HEADER_BYTES)

    def is_past(tag: BaseTag, _vr: str | None, length: int) -> bool:
        if tag.group == 2 and length > MOST_ELEMENT_BYTES:
            raise RadiographError(f"An element of this DICOM file ({tag}) is longer than in any film. {EXPORT_AGAIN}")
        return tag.group != 2

    read_preamble(stream, force=True)
    meta = FileMetaDataset(read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=is_past))
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return payload
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload[stream.tell() :], MAX_INFLATED_BYTES + 1)
    if len(inflated) > MAX_INFLATED_BYTES:
        raise RadiographError(
            f"This deflated DICOM file unpacks to more than {MAX_INFLATED_BYTES // 10**6} MB, the most that is read. "
            "Export the film uncompressed."
        )
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = io.BytesIO()
    plain.write(bytes(PREAMBLE_BYTES) + b"DICM")
    write_file_meta_info(plain, meta, enforce_standard=False)
    plain.write(inflated)
    return plain.getvalue()
