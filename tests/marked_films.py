"""Films whose every tag and text chunk, and name, carry a marker that must never come out again."""

import io

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin
from pydicom.datadict import DicomDictionary

from tests.chest import picture
from tests.films import dump_dataset, make_dataset

TAG_MARKER, NAME_MARKER = "Zzmarkedtagzz", "Zzmarkednamezz"
_TEXT_VRS = {"LO", "SH", "PN", "LT", "ST", "UT", "UC"}
_EXIF_TEXTS = ("ImageDescription", "Make", "Model", "Artist", "Copyright", "Software", "DocumentName", "HostComputer")


def make_marked_films() -> dict[str, bytes]:
    """File name to the file's bytes: the drawn chest as PNG, JPEG, TIFF and DICOM."""
    gray = np.round(picture() * 255).astype(np.uint8)
    image = Image.fromarray(gray)
    return {
        f"{NAME_MARKER}.png": _save(image, "PNG", pnginfo=_png_texts(), exif=_exif()),
        f"{NAME_MARKER}.jpg": _save(image, "JPEG", exif=_exif(), comment=TAG_MARKER.encode(), quality=95),
        f"{NAME_MARKER}.tif": _save(image, "TIFF", tiffinfo=_tiff_tags()),
        f"{NAME_MARKER}.dcm": _dicom(gray),
    }


def _save(image: Image.Image, format_name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def _png_texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", TAG_MARKER)
    texts.add_text(TAG_MARKER, TAG_MARKER, zip=True)
    texts.add_itxt("Comment", TAG_MARKER, "en", TAG_MARKER)
    return texts


def _exif() -> Image.Exif:
    exif = Image.Exif()
    for name in _EXIF_TEXTS:
        exif[ExifTags.Base[name].value] = TAG_MARKER
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment.value] = TAG_MARKER.encode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation.value] = TAG_MARKER.encode()
    return exif


def _tiff_tags() -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for name in _EXIF_TEXTS:
        tags[ExifTags.Base[name].value] = TAG_MARKER
    tags[65000] = TAG_MARKER
    return tags


def _dicom(gray: np.ndarray) -> bytes:
    """Every text element of the standard's dictionary, one in a sequence, and private ones; the preamble too."""
    dataset = make_dataset(gray, 8)
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if vr in _TEXT_VRS and keyword and tag >> 16 > 2:
            dataset.add_new(tag, vr, TAG_MARKER[:16] if vr == "SH" else TAG_MARKER)
    dataset.add_new(0x00400275, "SQ", [make_dataset(gray[:1, :1], 8, PatientID=TAG_MARKER)])
    private = dataset.private_block(0x0011, TAG_MARKER, create=True)
    for element, vr in enumerate(sorted(_TEXT_VRS)):
        private.add_new(element, vr, TAG_MARKER)
    dataset.preamble = TAG_MARKER.encode().ljust(128, b"\0")
    return dump_dataset(dataset)
