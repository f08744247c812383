"""Pictures of every format, written and read back; expected gray values are worked out from the values written."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph
from tests.films import (
    HEIGHT,
    JPEG_TOLERANCE,
    RAMP_U8,
    RAMP_U16,
    SMOOTH_U8,
    WIDTH,
    assert_gray,
    save_picture,
    write_png,
)

# ---- PNG ----


def test_png_8_bit_gray() -> None:
    film = load_radiograph(write_png(RAMP_U8))
    assert_gray(film, RAMP_U8 / 255)
    assert film.description == f"PNG, {WIDTH} x {HEIGHT} px, 8 bit gray"
    assert film.messages == ()
    assert film.spacing_mm is None


def test_png_16_bit_keeps_every_level() -> None:
    film = load_radiograph(write_png(RAMP_U16))
    np.testing.assert_array_equal(np.rint(film.pixels * 65535), RAMP_U16)
    assert film.description.endswith("16 bit gray")


def test_png_16_bit_rgb_keeps_its_depth() -> None:
    film = load_radiograph(write_png(np.stack([RAMP_U16] * 3, axis=-1)))
    np.testing.assert_array_equal(np.rint(film.pixels * 65535), RAMP_U16)
    assert film.messages == ()


def test_png_colour_becomes_luma() -> None:
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colours[:, 0], colours[:, 1], colours[:, 2], colours[:, 3] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (100, 50, 200)
    film = load_radiograph(write_png(colours))
    # 0.299 * 100 + 0.587 * 50 + 0.114 * 200 = 29.9 + 29.35 + 22.8 = 82.05
    np.testing.assert_allclose(film.pixels[5, :5], [0.299, 0.587, 0.114, 82.05 / 255, 0], atol=1e-6)
    assert film.messages == ("The picture is in colour; its colour was removed.",)


def test_png_gray_and_alpha_over_black() -> None:
    alpha = np.full_like(RAMP_U8, 255)
    alpha[:, :10], alpha[:, 10:20] = 0, 51
    film = load_radiograph(write_png(np.stack([RAMP_U8, alpha], axis=-1)))
    expected = RAMP_U8 / 255
    expected[:, :10], expected[:, 10:20] = 0, expected[:, 10:20] / 5
    assert_gray(film, expected)
    assert film.messages == ("Parts of the picture are transparent; they were laid over black.",)


@pytest.mark.parametrize("ramp", [RAMP_U8, RAMP_U16], ids=["8 bit", "16 bit"])
def test_png_opaque_rgba_is_its_gray(ramp: NDArray) -> None:
    full_scale = np.iinfo(ramp.dtype).max
    film = load_radiograph(write_png(np.stack([ramp, ramp, ramp, np.full_like(ramp, full_scale)], axis=-1)))
    assert_gray(film, ramp / full_scale)
    assert film.messages == ()


def test_png_palette() -> None:
    image = Image.fromarray((RAMP_U8 % 2).astype(np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 200, 200, 200])
    film = load_radiograph(save_picture(image, "PNG"))
    assert_gray(film, np.where(RAMP_U8 % 2 == 1, 200, 10) / 255)
    assert film.description.endswith("8 bit palette")


def test_png_one_bit() -> None:
    bits = RAMP_U8 > 100
    assert_gray(load_radiograph(save_picture(Image.fromarray(bits), "PNG")), bits.astype(np.float32))


def test_png_whose_rows_run_out_is_refused() -> None:
    with pytest.raises(RadiographError, match="PNG is damaged or cut short"):
        load_radiograph(write_png(RAMP_U8, height=2 * HEIGHT))


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_truncated_picture_is_refused(format_name: str, kept: float) -> None:
    payload = save_picture(Image.fromarray(RAMP_U8), format_name)
    with pytest.raises(RadiographError, match="damaged"):
        load_radiograph(payload[: int(kept * len(payload))])


# ---- JPEG and the others ----


def test_jpeg_gray() -> None:
    film = load_radiograph(save_picture(Image.fromarray(SMOOTH_U8), "JPEG", quality=100))
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.description == f"JPEG, {WIDTH} x {HEIGHT} px, 8 bit gray"


def test_jpeg_gray_saved_as_colour_has_no_message() -> None:
    image = Image.fromarray(SMOOTH_U8).convert("RGB")
    film = load_radiograph(save_picture(image, "JPEG", quality=100))
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.messages == ()


def test_tinted_jpeg_loses_its_colour() -> None:
    tinted = np.stack([SMOOTH_U8, SMOOTH_U8, np.minimum(SMOOTH_U8 + 30, 255).astype(np.uint8)], axis=-1)
    film = load_radiograph(save_picture(Image.fromarray(tinted), "JPEG", quality=100, subsampling=0))
    assert_gray(film, (SMOOTH_U8 + 0.114 * 30) / 255, JPEG_TOLERANCE)
    assert "colour was removed" in film.messages[0]


def test_jpeg_cmyk() -> None:
    black = (255 - SMOOTH_U8).astype(np.uint8)
    zero = np.zeros_like(black)
    image = Image.merge("CMYK", [Image.fromarray(channel) for channel in (zero, zero, zero, black)])
    film = load_radiograph(save_picture(image, "JPEG", quality=100))
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.description.endswith("8 bit CMYK")


def test_phone_jpeg_of_two_pictures_gives_the_first() -> None:
    other = Image.fromarray(RAMP_U8)
    payload = save_picture(Image.fromarray(SMOOTH_U8), "MPO", save_all=True, append_images=[other], quality=100)
    film = load_radiograph(payload)
    assert_gray(film, SMOOTH_U8 / 255, JPEG_TOLERANCE)
    assert film.messages == ("The JPEG holds 2 pictures, as phones write them; the first was read.",)


# What a viewer shows for each EXIF orientation, told apart with rows and columns written out.
UPRIGHT_FROM_STORED = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.T,
    6: lambda stored: np.rot90(stored, k=-1),
    7: lambda stored: stored[::-1, ::-1].T,
    8: lambda stored: np.rot90(stored, k=1),
}


@pytest.mark.parametrize("orientation", UPRIGHT_FROM_STORED)
@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_exif_turned_picture_is_turned_back(format_name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8), format_name, exif=exif))
    expected = UPRIGHT_FROM_STORED[orientation](RAMP_U8) / 255
    assert_gray(film, expected)
    assert f"{expected.shape[1]} x {expected.shape[0]} px" in film.description


def test_exif_turned_jpeg_says_so() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    film = load_radiograph(save_picture(Image.fromarray(SMOOTH_U8), "JPEG", quality=100, exif=exif))
    assert_gray(film, np.rot90(SMOOTH_U8, k=-1) / 255, JPEG_TOLERANCE)
    assert film.messages == ("The picture was turned as its EXIF orientation says.",)


def test_damaged_exif_is_passed_over() -> None:
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8), "PNG", exif=b"Exif\0\0not a directory"))
    assert_gray(film, RAMP_U8 / 255)


@pytest.mark.parametrize("format_name", ["TIFF", "BMP"])
def test_other_formats(format_name: str) -> None:
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8), format_name))
    assert_gray(film, RAMP_U8 / 255)
    assert film.description == f"{format_name}, {WIDTH} x {HEIGHT} px, 8 bit gray"


def test_webp_lossless() -> None:
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U8).convert("RGB"), "WEBP", lossless=True))
    assert_gray(film, RAMP_U8 / 255)
    assert film.description.startswith("WebP, ")


def test_gif_and_one_bit_tiff() -> None:
    assert_gray(load_radiograph(save_picture(Image.fromarray(RAMP_U8), "GIF")), RAMP_U8 / 255)
    bits = RAMP_U8 > 100
    assert_gray(load_radiograph(save_picture(Image.fromarray(bits), "TIFF")), bits.astype(np.float32))


def test_palette_bmp() -> None:
    image = Image.fromarray((RAMP_U8 % 2).astype(np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 200, 200, 200])
    assert_gray(load_radiograph(save_picture(image, "BMP")), np.where(RAMP_U8 % 2 == 1, 200, 10) / 255)


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_tiff_16_bit(white_is_zero: bool) -> None:
    tags = {262: 0 if white_is_zero else 1}
    film = load_radiograph(save_picture(Image.fromarray(RAMP_U16), "TIFF", tiffinfo=tags))
    expected = RAMP_U16 / 65535
    assert_gray(film, 1 - expected if white_is_zero else expected)
    assert film.description.endswith("16 bit gray")


def test_tiff_of_floats_is_refused() -> None:
    with pytest.raises(RadiographError, match="32 bit F samples, which are not read. Save the film as 16 bit gray PNG"):
        load_radiograph(save_picture(Image.fromarray(RAMP_U8.astype(np.float32)), "TIFF"))


@pytest.mark.parametrize(("format_name", "name"), [("TIFF", "TIFF"), ("GIF", "GIF"), ("PNG", "PNG"), ("WEBP", "WebP")])
def test_several_pages_are_refused(format_name: str, name: str) -> None:
    other = Image.fromarray(255 - RAMP_U8)
    payload = save_picture(Image.fromarray(RAMP_U8), format_name, save_all=True, append_images=[other])
    with pytest.raises(RadiographError, match=f"The {name} holds several pages or frames; one film is needed"):
        load_radiograph(payload)
