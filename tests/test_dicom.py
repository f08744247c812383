"""DICOM gray values: depth, windows, lookup tables, padding; expected ones are worked out from the values written."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph
from tests.films import (
    HEIGHT,
    RAMP_12_BIT,
    RAMP_U16,
    WIDTH,
    assert_gray,
    dump_dataset,
    fill,
    make_dataset,
    make_lut,
    stretch,
    write_dicom,
)


def test_dicom_12_bit() -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, ImagerPixelSpacing=[0.2, 0.1]))
    assert_gray(film, stretch(RAMP_12_BIT))
    assert film.description == f"DICOM, {WIDTH} x {HEIGHT} px, 12 bit, MONOCHROME2, mm at the detector"
    assert film.spacing_mm == (0.2, 0.1)
    assert film.messages == ()


@pytest.mark.parametrize(
    ("imager", "pixel", "spacing_mm", "said"),
    [
        ([0.2, 0.4], [0.17, 0.34], (0.17, 0.34), "mm as calibrated"),
        ([0.2, 0.4], [0.2, 0.4], (0.2, 0.4), "mm at the detector"),
        ([0.2, 0.4], None, (0.2, 0.4), "mm at the detector"),
        (None, [0.2, 0.4], (0.2, 0.4), "MONOCHROME2"),
        ([0.0, 0.4], [0.17, 0.34], (0.17, 0.34), "MONOCHROME2"),
    ],
)
def test_dicom_spacing_is_the_calibrated_one(imager, pixel, spacing_mm, said) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, ImagerPixelSpacing=imager, PixelSpacing=pixel))
    assert (film.spacing_mm, film.description.split(", ")[-1]) == (spacing_mm, said)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [12, 15])
def test_dicom_samples_at_the_high_end_of_their_word(bits, signed) -> None:
    stored = RAMP_12_BIT.astype(np.int16) - 2048 if signed else RAMP_12_BIT
    expected = load_radiograph(write_dicom(stored, bits=bits))
    shifted = write_dicom(np.left_shift(stored, 16 - bits), bits=bits, HighBit=15)
    np.testing.assert_array_equal(load_radiograph(shifted).pixels, expected.pixels)


@pytest.mark.parametrize("high_bit", [16, 10])
def test_dicom_samples_that_can_not_lie_so_are_refused(high_bit) -> None:
    with pytest.raises(RadiographError, match=f"samples of 12 bits end at bit {high_bit} of 16"):
        load_radiograph(write_dicom(RAMP_12_BIT, HighBit=high_bit))


def test_dicom_gray_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(RadiographError, match="lookup table of this DICOM file says that it has 0 bits"):
        load_radiograph(write_dicom(RAMP_12_BIT, VOILUTSequence=[make_lut([0, 1, 2], 0, 0)]))
    with pytest.raises(RadiographError, match="are not numbers, or too large for any"):
        load_radiograph(write_dicom(RAMP_12_BIT, RescaleSlope="1e36", RescaleIntercept="0"))


def test_dicom_16_bit_keeps_every_level() -> None:
    film = load_radiograph(write_dicom(RAMP_U16, bits=16, PixelSpacing=[0.14, 0.15]))
    low, high = int(RAMP_U16.min()), int(RAMP_U16.max())
    np.testing.assert_array_equal(np.rint(film.pixels * (high - low) + low), RAMP_U16)
    assert film.spacing_mm == (0.14, 0.15)


def test_dicom_signed() -> None:
    film = load_radiograph(write_dicom(fill(-2000, -1000, 0, 2000, dtype=np.int16), bits=16))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.25, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("spacing", [{}, {"PixelSpacing": [0.0, 0.0]}, {"PixelSpacing": None}])
def test_dicom_without_spacing(spacing: dict) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, **spacing))
    assert film.spacing_mm is None
    assert film.messages == ("The file gives no pixel spacing; lengths in mm are not known.",)


def test_dicom_window_edges() -> None:
    # LINEAR, C = 2048, W = 1001: y = (x - 2047.5) / 1000 + 0.5, so 0 up to 1547.5 and 1 from 2547.5 (PS3.3 C.11.2.1.2)
    stored = fill(0, 1547, 1548, 2048, 2547, 2548, 4095)
    film = load_radiograph(write_dicom(stored, WindowCenter=2048, WindowWidth=1001))
    np.testing.assert_allclose(film.pixels[0, :7], [0, 0, 0.0005, 0.5005, 0.9995, 1, 1], atol=1e-6)
    assert film.description.endswith("MONOCHROME2, window applied")


def test_dicom_window_linear_exact() -> None:
    # y = (x - C) / W + 0.5 (PS3.3 C.11.2.1.3.2)
    elements = {"WindowCenter": 2048, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    film = load_radiograph(write_dicom(fill(0, 1548, 2048, 2298, 2548, 4095), **elements))
    np.testing.assert_allclose(film.pixels[0, :6], [0, 0, 0.5, 0.75, 1, 1], atol=1e-6)


def test_dicom_window_sigmoid() -> None:
    # y = 1 / (1 + exp(-4 (x - C) / W)) (PS3.3 C.11.2.1.3.1): 1 / (1 + e**-2) half a width above the centre
    elements = {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"}
    film = load_radiograph(write_dicom(fill(1500, 2000, 2500, 0), **elements))
    np.testing.assert_allclose(film.pixels[0, :3], [1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2)], atol=1e-6)


def test_dicom_first_of_two_windows() -> None:
    payload = write_dicom(fill(0, 1548, 2548), WindowCenter=[2048, 100], WindowWidth=[1001, 10])
    np.testing.assert_allclose(load_radiograph(payload).pixels[0, :3], [0, 0.0005, 1], atol=1e-6)


def test_dicom_window_acts_on_rescaled_values() -> None:
    # 2 * x - 1000; C = 0.5, W = 2001: y = v / 2000 + 0.5, so x = 0 -> -1000 -> 0, 500 -> 0 -> 0.5, 750 -> 500 -> 0.75
    elements = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 0.5, "WindowWidth": 2001}
    film = load_radiograph(write_dicom(fill(0, 500, 750, 1000), **elements))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.5, 0.75, 1], atol=1e-6)


def test_dicom_negative_slope_turns_the_order() -> None:
    film = load_radiograph(write_dicom(fill(0, 1000, 4000), RescaleSlope=-1, RescaleIntercept=4000))
    np.testing.assert_allclose(film.pixels[0, :3], [1, 0.75, 0], atol=1e-6)


@pytest.mark.parametrize("slope", [0, 1])
def test_dicom_window_beside_the_film_is_ignored(slope: int) -> None:
    elements = {"WindowCenter": 60000, "WindowWidth": 10, "RescaleSlope": slope, "RescaleIntercept": 0}
    film = load_radiograph(write_dicom(RAMP_12_BIT, **elements))
    assert_gray(film, stretch(RAMP_12_BIT))
    assert film.description.endswith("window ignored")
    assert "shows nothing of the film; the full range was used" in film.messages[0]


@pytest.mark.parametrize("width", [0, -5, None])
def test_dicom_window_without_width_is_no_window(width: float | None) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, WindowCenter=100, WindowWidth=width))
    assert_gray(film, stretch(RAMP_12_BIT))
    assert film.description.endswith("MONOCHROME2")


def test_dicom_monochrome1_is_inverted_after_windowing() -> None:
    # The window of test_dicom_window_edges, then 1 - y.
    stored = fill(0, 1548, 2048, 2547, 4095)
    film = load_radiograph(write_dicom(stored, photometric="MONOCHROME1", WindowCenter=2048, WindowWidth=1001))
    np.testing.assert_allclose(film.pixels[0, :5], [1, 0.9995, 0.4995, 0.0005, 0], atol=1e-6)
    assert film.description.endswith("12 bit, MONOCHROME1 inverted, window applied")


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
    ],
)
def test_dicom_presentation_lut_shape_inverts_once(photometric: str, shape: str, inverted: bool) -> None:
    film = load_radiograph(write_dicom(RAMP_12_BIT, photometric=photometric, PresentationLUTShape=shape))
    expected = stretch(RAMP_12_BIT)
    assert_gray(film, 1 - expected if inverted else expected)
    assert film.description.count("inverted") == inverted


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_dicom_padding_is_lowest_and_left_out_of_the_range(photometric: str) -> None:
    film = load_radiograph(write_dicom(fill(4095, 0, 1000, 2000), photometric=photometric, PixelPaddingValue=4095))
    expected = [0, 1, 0.5, 0] if photometric == "MONOCHROME1" else [0, 0, 0.5, 1]
    np.testing.assert_allclose(film.pixels[0, :4], expected, atol=1e-6)


def test_dicom_padding_range_and_sign() -> None:
    stored = fill(-2000, -1990, 0, 500, 1000, dtype=np.int16)
    dataset = make_dataset(stored, 16)
    dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
    dataset.add_new("PixelPaddingRangeLimit", "US", 65536 - 1990)
    film = load_radiograph(dump_dataset(dataset))
    np.testing.assert_allclose(film.pixels[0, :5], [0, 0, 0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("stored", [fill(7, 7), fill(9, 7)], ids=["constant", "constant beside padding"])
def test_dicom_of_one_value_is_refused(stored: NDArray) -> None:
    payload = write_dicom(stored, photometric="MONOCHROME1", PixelPaddingValue=9)
    with pytest.raises(RadiographError, match="has the same value or is padding"):
        load_radiograph(payload)


def test_dicom_voi_lookup_table_wins_over_the_window() -> None:
    # 10 bit entries for values 100, 101, 102; outside, the first and last entry (PS3.3 C.11.2.1.1)
    elements = {"VOILUTSequence": [make_lut([0, 341, 1023], first=100, bits=10)], "WindowCenter": 5, "WindowWidth": 9}
    film = load_radiograph(write_dicom(fill(0, 100, 101, 102, 4000), **elements))
    np.testing.assert_allclose(film.pixels[0, :5], [0, 0, 341 / 1023, 1, 1], atol=1e-6)
    assert film.description.endswith("lookup table applied")


def test_dicom_modality_lookup_table_of_12_bits() -> None:
    item = make_lut([4000, 1000, 0], first=65535, bits=12)
    # First value mapped is -1, spelled as an unsigned number; -1 -> 4000, 0 -> 1000, 1 -> 0
    film = load_radiograph(write_dicom(fill(-1, 0, 1, 9, dtype=np.int16), bits=16, ModalityLUTSequence=[item]))
    np.testing.assert_allclose(film.pixels[0, :4], [1, 0.25, 0, 0], atol=1e-6)


def test_dicom_8_bit_lookup_table() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 0, 8])
    item.add_new("LUTData", "OW", bytes([0, 51, 102, 255]))
    film = load_radiograph(write_dicom(fill(0, 1, 2, 3), VOILUTSequence=[item]))
    np.testing.assert_allclose(film.pixels[0, :4], [0, 0.2, 0.4, 1], atol=1e-6)
