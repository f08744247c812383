"""DICOM bytes to a Radiograph: the gray values a viewer would show with the file's own first window."""

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from heartviz.codestream import LONG_FILL, MOST_RUNS, is_cut_short, is_endless_work, measure_codestream, measure_rle
from heartviz.dicom_header import (
    EXPORT_AGAIN,
    MOST_HEADER_BYTES,
    MOST_READS,
    find_spacing_mm,
    first_number,
    is_adult,
    read_header,
    refuse_other_objects,
)
from heartviz.errors import RadiographError
from heartviz.gray import MAX_FILE_BYTES, to_gray
from heartviz.ration import RationedBytes
from heartviz.records import Radiograph


def read_dicom(payload: bytes) -> Radiograph:
    """The film in DICOM bytes: modality LUT, then VOI LUT or first window (else the range present), then inversion.

    MONOCHROME1 is turned bone-bright after windowing, padding becomes 0. Raises RadiographError for anything that is
    not one whole two-dimensional projection picture.

    Source: DICOM PS3.3 C.11.1, C.11.2 and C.7.6.3. A presentation LUT shape INVERSE says the same as MONOCHROME1 (PS3.3
    C.8.11.3), so both together invert once.
    """
    try:
        return _read_film(payload)
    except RadiographError:
        raise
    except Exception as cause:  # pydicom and the decoders raise nearly anything on damaged files
        raise RadiographError(
            "This DICOM file is damaged, cut short, or compressed in a way that is not read here. "
            "Export the film again, if possible uncompressed or as PNG."
        ) from cause


def _read_film(payload: bytes) -> Radiograph:
    dataset = read_header(payload)
    refuse_other_objects(dataset)
    stored = _decode(dataset)
    photometric = str(dataset.PhotometricInterpretation)
    bits = int(dataset.BitsStored)
    notes = [f"{bits} bit"]
    is_gray = photometric in ("MONOCHROME1", "MONOCHROME2")
    if stored.ndim != (2 if is_gray or photometric == "PALETTE COLOR" else 3):
        raise RadiographError("This DICOM file's colours and its samples a pixel disagree. Export the film again.")
    if is_gray:
        pixels, gray_notes, messages = _render_gray(dataset, stored, inverted=photometric == "MONOCHROME1")
        notes += gray_notes
    else:
        if photometric == "PALETTE COLOR":
            stored = apply_color_lut(stored, dataset)
            bits = 8 * stored.dtype.itemsize
        pixels, messages = to_gray(stored, 2**bits - 1)
        notes.append("colour")
    if not np.isfinite(pixels).all():
        raise RadiographError(f"This DICOM file's gray values are not numbers, or too large for any. {EXPORT_AGAIN}")
    spacing_mm, spacing_notes = find_spacing_mm(dataset)
    notes += spacing_notes
    if spacing_mm is None:
        messages += ("The file gives no pixel spacing; lengths in mm are not known.",)
    height, width = pixels.shape
    description = ", ".join(["DICOM", f"{width} x {height} px", *notes])
    return Radiograph(
        pixels=pixels, description=description, spacing_mm=spacing_mm, messages=messages, adult=is_adult(dataset)
    )


def _decode(dataset: pydicom.FileDataset) -> NDArray:
    """Stored values (H, W), or (H, W, 3) as RGB."""
    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit, is_little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        get_decoder(syntax)
    except NotImplementedError as cause:
        kind = syntax.name if syntax.name != syntax else "a way of its maker's own"
        raise RadiographError(
            f"This DICOM file is compressed in {kind}, which is not read here. Export the film uncompressed or as PNG."
        ) from cause
    plugin = ""
    if syntax.is_encapsulated:
        # Damaged JPEG bytes abort the process inside gdcm, and RLE ones panic in pylibjpeg: neither is asked.
        plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
        pixel_data = RationedBytes(dataset.PixelData, MOST_READS, 2 * MAX_FILE_BYTES)
        frame = get_frame(pixel_data, 0, number_of_frames=1)
        (_check_rle if syntax == RLELossless else _check_codestream)(frame, dataset)
        # What was checked is what is decoded, whatever other tables of offsets are in the file.
        dataset.PixelData = encapsulate([frame])
    shift = 0 if syntax.is_encapsulated and syntax != RLELossless else _unused_low_bits(dataset)
    dataset.BitsStored += shift  # pydicom drops what lies above these.
    stored = pixel_array(dataset, decoding_plugin=plugin)
    dataset.BitsStored -= shift
    return stored >> shift if shift else stored


def _unused_low_bits(dataset: pydicom.FileDataset) -> int:
    """Bits below the sample's lowest, 0 in most files; raises RadiographError where a sample can't lie so.

    Source: DICOM PS3.5 8.1.1.
    """
    stored, high = int(dataset.BitsStored), dataset.get("HighBit")
    shift = 0 if high is None else int(high) + 1 - stored
    if shift < 0 or stored + shift > int(dataset.BitsAllocated):
        raise RadiographError(
            f"This DICOM file says that its samples of {stored} bits end at bit {high} of "
            f"{dataset.BitsAllocated}, where they can't lie. {EXPORT_AGAIN}"
        )
    return shift


def _check_codestream(stream: bytes, dataset: pydicom.FileDataset) -> None:
    """None; raises RadiographError where the compressed picture is cut or not of the size the header says."""
    if is_cut_short(stream):
        raise RadiographError("The compressed picture in this DICOM file is cut short. Export the film again.")
    height, width = int(dataset.Rows), int(dataset.Columns)
    plain_bytes = height * width * int(dataset.SamplesPerPixel) * -(-int(dataset.BitsAllocated) // 8)
    if len(stream) > 2 * plain_bytes + MOST_HEADER_BYTES or LONG_FILL in stream or is_endless_work(stream):
        raise RadiographError(
            "The compressed picture in this DICOM file is longer, or cut into more parts, than any film. "
            "Export the film uncompressed or as PNG."
        )
    found = measure_codestream(stream)
    if found != (height, width):
        inside = "has no readable size" if found is None else f"is {found[1]} x {found[0]} px"
        raise RadiographError(
            f"The DICOM header says {width} x {height} px, the compressed picture in it {inside}. "
            "Export the film again."
        )


def _check_rle(frame: bytes, dataset: pydicom.FileDataset) -> None:
    """None; raises RadiographError where the runs give more than the picture, or are too many to unpack."""
    longest, runs = measure_rle(frame)
    # Some writers pad a segment, none by as much again and more.
    if longest > 2 * int(dataset.Rows) * int(dataset.Columns) or runs > MOST_RUNS:
        raise RadiographError(
            "The RLE compressed picture in this DICOM file unpacks to more than the header says, or in more steps than "
            "any film. Export the film uncompressed or as PNG."
        )


def _render_gray(
    dataset: pydicom.FileDataset, stored: NDArray, inverted: bool
) -> tuple[NDArray[np.float32], list[str], tuple[str, ...]]:
    """Gray values in 0..1, notes for the description, sentences for the user."""
    notes, messages = ["MONOCHROME1 inverted" if inverted else "MONOCHROME2"], []
    padding_mask = _padding_mask(dataset, stored)
    values = _to_modality_values(dataset, stored)
    present = values[~padding_mask]
    if present.size == 0 or present.min() == present.max():
        raise RadiographError("Every pixel of this DICOM file has the same value or is padding. Export the film again.")
    pixels = None
    if dataset.get("VOILUTSequence"):
        entries, bits = _look_up(dataset, dataset.VOILUTSequence[0], values)
        pixels = np.minimum(entries / np.float32(2**bits - 1), np.float32(1.0))
        notes.append("lookup table applied")
    elif (window := _first_window(dataset)) is not None:
        pixels = _apply_window(values, *window, function=str(dataset.get("VOILUTFunction") or "LINEAR"))
        notes.append("window applied")
    shown = None if pixels is None else pixels[~padding_mask]
    if shown is None or shown.min() == shown.max():
        if shown is not None:
            notes[-1] = "window ignored"
            messages.append("The window stored in the file shows nothing of the film; the full range was used.")
        pixels = np.clip((values - present.min()) / (present.max() - present.min()), 0.0, 1.0)
    if str(dataset.get("PresentationLUTShape") or "") == "INVERSE" and not inverted:
        inverted = True
        notes.append("inverted")
    if inverted:
        pixels = 1 - pixels
    return np.where(padding_mask, np.float32(0.0), pixels), notes, tuple(messages)


def _padding_mask(dataset: pydicom.FileDataset, stored: NDArray) -> NDArray[np.bool_]:
    first = first_number(dataset.get("PixelPaddingValue"))
    if first is None:
        return np.zeros(stored.shape, dtype=bool)
    last = first_number(dataset.get("PixelPaddingRangeLimit"))
    # Wraps an unsigned spelling of a signed value, and the other way round.
    limits = [int(np.int64(number).astype(stored.dtype)) for number in (first, first if last is None else last)]
    return (stored >= min(limits)) & (stored <= max(limits))


def _to_modality_values(dataset: pydicom.FileDataset, stored: NDArray) -> NDArray[np.float32]:
    if dataset.get("ModalityLUTSequence"):
        return _look_up(dataset, dataset.ModalityLUTSequence[0], stored)[0]
    values = stored.astype(np.float32)
    slope, intercept = first_number(dataset.get("RescaleSlope")), first_number(dataset.get("RescaleIntercept"))
    if slope and intercept is not None:
        values = values * np.float32(slope) + np.float32(intercept)
    return values


def _look_up(dataset: pydicom.FileDataset, item: pydicom.Dataset, values: NDArray) -> tuple[NDArray[np.float32], int]:
    """Values through a lookup table item, and the bits of its entries.

    Source: DICOM PS3.3 C.11.1.1. pydicom's own functions refuse entries of 9 to 15 bits and wrap 8 bit tables.
    """
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    if not 1 <= bits <= 16:
        raise RadiographError(f"A lookup table of this DICOM file says that it has {bits} bits. {EXPORT_AGAIN}")
    if dataset.get("PixelRepresentation") == 1 and first >= 2**15:
        first -= 2**16
    entries = item.LUTData
    if isinstance(entries, bytes):
        little = dataset.file_meta.TransferSyntaxUID.is_little_endian
        packed = len(entries) == count and bits <= 8
        entries = np.frombuffer(entries, dtype="u1" if packed else "<u2" if little else ">u2")
    table = np.atleast_1d(np.asarray(entries)).astype(np.float32)[: count or 2**16]
    index = np.rint(values).astype(np.int64) - first
    return table[np.clip(index, 0, len(table) - 1)], bits


def _first_window(dataset: pydicom.FileDataset) -> tuple[float, float] | None:
    center, width = first_number(dataset.get("WindowCenter")), first_number(dataset.get("WindowWidth"))
    if center is None or width is None or width <= 0:
        return None
    return center, width


def _apply_window(values: NDArray[np.float32], center: float, width: float, function: str) -> NDArray[np.float32]:
    """Values in 0..1 as the window shows them. Source: DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - center) / width, -80.0, 80.0)
        return (1 / (1 + np.exp(exponent))).astype(np.float32)
    if function == "LINEAR":
        center, width = center - 0.5, max(width - 1, 1e-6)
    return np.clip((values - center) / width + 0.5, 0.0, 1.0).astype(np.float32)
