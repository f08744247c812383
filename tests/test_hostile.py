"""Files made to do harm are read or refused in a sentence, with time and memory measured in a process of their own."""

import importlib.util
import json
import os
import random
import struct
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import JPEG2000Lossless

from heartviz.batch.sources import list_sources
from heartviz.codestream import is_endless_work, measure_codestream, measure_rle
from heartviz.dicom_header import read_header
from heartviz.errors import RadiographError
from heartviz.gif import has_more_frames
from heartviz.png import MOST_CHUNKS
from heartviz.radiograph import load_radiograph
from heartviz.ration import RationedBytes
from tests.films import HEIGHT, RAMP_U8, WIDTH, claim_jpeg_size, compress_dicom, write_png
from tests.hostile import dicom_bombs, picture_bombs
from tests.hostile.claims import CLAIMS, jpeg_2000, jpeg_with_decoy
from tests.hostile.fuzz_zips import read_mutated_zips
from tests.hostile.mutate import mutate
from tests.hostile.seeds import SEEDS
from tests.hostile.zips import ZIPS, pack, squeeze

ROOT = Path(__file__).resolve().parents[1]
# Of the processor, so that a busy machine fails nothing; slow ones are given three times what was measured.
MOST_SECONDS, MOST_MB = 10, 2000
# The base is some 60 MB, with the batch's libraries some 500.
MOST_MB_OF_A_CLAIM, MOST_MB_OF_A_ZIP = 200, 1500
SMALL_BOMBS = [
    "PNG with a text bomb",
    "PNG with a profile bomb",
    "JPEG of scans",
    "DICOM JPEG of scans",
    "DICOM JPEG 2000 of small precincts",
    "DICOM segmented palettes",
    "DICOM 10,000 deep, no lengths",
    "DICOM 10,000 deep, no ends",
]
READ_ALL_THE_SAME = {
    "JPEG of restarts",
    "JPEG, 25 million pixels",
    "JPEG progressive, 25 million pixels",
    "PNG of chunks after the picture",
    "GIF of 25 million pixels",
    "DICOM RLE, 25 million pixels",
    "DICOM JPEG, 25 million pixels",
    "DICOM JPEG in colour, 25 million pixels",
    "DICOM YBR, 25 million pixels",
    "DICOM of items, length given",
}


def measured(kind: str, *names: str) -> dict[str, dict]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.hostile.measure", kind, *names]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def assert_met(met: dict, most_mb: int = MOST_MB) -> None:
    assert met["fault"] == ""
    assert met["seconds"] < MOST_SECONDS
    assert met["peak_mb"] < most_mb
    assert met["said"] == "" or (len(met["said"]) > 30 and met["said"].endswith("."))


@pytest.fixture(scope="module")
def claims() -> dict[str, dict]:
    return measured("claims")


@pytest.fixture(scope="module")
def small_bombs() -> dict[str, dict]:
    return measured("bombs", *SMALL_BOMBS)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_of_too_many_pixels_is_refused_before_memory_is_taken(claims, name: str) -> None:
    assert_met(claims[name], MOST_MB_OF_A_CLAIM)
    assert claims[name]["said"] != ""


@pytest.mark.parametrize("name", SMALL_BOMBS)
def test_small_bombs_are_refused(small_bombs, name: str) -> None:
    assert_met(small_bombs[name], MOST_MB_OF_A_CLAIM)
    assert small_bombs[name]["said"] != ""


@pytest.mark.slow
def test_bombs_of_up_to_190_mb_are_refused_and_the_largest_films_are_read() -> None:
    for name, met in measured("bombs").items():
        assert_met(met)
        assert (met["said"] == "") == (name in READ_ALL_THE_SAME), name


REFUSED_WHOLE = ("a million entries", "100,000 entries of one letter", "9,000 members that share 190 MB")


@pytest.mark.slow
def test_zips_that_lie_are_refused_and_the_film_beside_is_read() -> None:
    met = measured("zips")
    assert set(met) == set(ZIPS)
    for name, each in met.items():
        assert_met(each, MOST_MB_OF_A_ZIP)
        assert ("good.png: read." in each["said"]) == (name not in REFUSED_WHOLE), name
    for name in met:
        if name.startswith("path"):
            assert "leads out of the ZIP" in met[name]["said"]
    assert "is a ZIP archive" in met["a ZIP in it"]["said"]
    assert "packed in a way that is not read" in met["bzip2, says 1 kB, is 100 MB"]["said"]
    for name in ("a million entries", "100,000 entries of one letter"):
        assert "than the 10,000 files that are read" in met[name]["said"]


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(SEEDS)), rng=st.randoms(use_true_random=False))
def test_mutated_films_are_read_or_refused_in_words(name: str, rng: random.Random) -> None:
    assert_read_or_refused(mutate(PAYLOADS[name], rng))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(start=st.sampled_from(sorted(SEEDS)), kept=st.integers(0, 300), more=st.binary(max_size=300))
def test_any_bytes_behind_a_films_start_are_read_or_refused_in_words(start: str, kept: int, more: bytes) -> None:
    assert_read_or_refused(PAYLOADS[start][:kept] + more)


PAYLOADS = {name: make() for name, make in SEEDS.items()}


def assert_read_or_refused(payload: bytes) -> None:
    try:
        film = load_radiograph(payload)
    except RadiographError as error:
        assert str(error).endswith((".", ")"))
    else:
        assert np.isfinite(film.pixels).all()
        assert 0 <= film.pixels.min() < film.pixels.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("way", ["guided by coverage", "plain"])
def test_ten_thousand_mutated_files(tmp_path: Path, way: str) -> None:
    if way != "plain" and importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed; it has wheels for some Pythons on Linux only.")
    command = [sys.executable, "-m", "tests.hostile.fuzz", "--files", "10000", "--out", str(tmp_path)]
    command += ["--plain"] if way == "plain" else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, errors="replace", timeout=1800)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["files"] >= 10_000
    assert min(told["read"], told["refused"]) > 200
    assert told["slowest"] < MOST_SECONDS
    assert told["peak_mb"] < MOST_MB


@pytest.mark.filterwarnings("ignore")
def test_mutated_zips_are_read_or_refused_in_words(tmp_path: Path) -> None:
    told = read_mutated_zips(1500, 5, tmp_path)
    assert told["read"] > 100
    assert len(told) > 5


# ---- each finding, at its smallest ----


def test_a_member_of_a_zip_without_a_name_is_read_and_one_of_bzip2_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films").write_bytes(pack("", bytes(4), 0, 4))
    nameless, good = list_sources([tmp_path / "films"])
    assert (nameless.name, nameless.read()) == ("films/", bytes(4))
    assert good.read() == write_png(RAMP_U8)
    (tmp_path / "films").write_bytes(pack("film", squeeze("bzip2", 10_000_000), 12, 1000))
    with pytest.raises(RadiographError, match="packed in a way that is not read here"):
        list_sources([tmp_path / "films"])[0].read()


def test_a_ration_is_used_up_by_reads_and_by_bytes_and_can_be_lifted() -> None:
    stream = RationedBytes(bytes(100), most_reads=3, most_bytes=50)
    assert stream.read(40) == bytes(40)
    stream.unmeasured = True
    assert stream.read(40) == bytes(40)
    stream.unmeasured = False
    with pytest.raises(RadiographError, match="more parts, or longer ones, than any film"):
        stream.read(11)
    stream.lift()
    stream.seek(0)
    assert len(stream.read()) == 100
    stream = RationedBytes(bytes(100), most_reads=1, most_bytes=50)
    stream.read(1)
    with pytest.raises(RadiographError, match="more parts"):
        stream.read(1)


def test_the_size_of_a_stream_is_not_read_from_a_comment_in_it() -> None:
    assert measure_codestream(jpeg_with_decoy(b"")) == (60_000, 60_000)
    assert measure_codestream(jpeg_2000(5000, components=5)) is None
    hierarchical = b"\xff\xd8\xff\xde" + claim_jpeg_size(140, 131)[4:]
    assert measure_codestream(hierarchical) is None


def test_streams_of_endless_work() -> None:
    assert not is_endless_work(picture_bombs.jpeg_of_many_scans(99, side=256))
    assert is_endless_work(picture_bombs.jpeg_of_many_scans(100, side=256))
    assert is_endless_work(picture_bombs.jpeg_of_many_parts(picture_bombs.segment(0xFE, b""), 50_000))
    assert not is_endless_work(jpeg_2000())
    assert is_endless_work(dicom_bombs.jpeg_2000_of_small_precincts())


def test_what_rle_unpacks_to_is_counted() -> None:
    # 3 literal bytes, 5 times one byte (257 - 252), nothing: 8 bytes in 3 runs. Second segment: 2 bytes in 1 run.
    first, second = b"\x02abc\xfcd\x80", b"\xffa"
    frame = struct.pack("<3I", 2, 64, 64 + len(first)) + bytes(52) + first + second
    assert measure_rle(frame) == (8, 4)


def test_a_jpeg_of_too_many_scans_and_a_bmp_of_runs_are_refused() -> None:
    with pytest.raises(RadiographError, match="JPEG is cut into more parts than any film"):
        load_radiograph(picture_bombs.jpeg_of_many_scans(101, side=256))
    with pytest.raises(RadiographError, match=r"BMP is packed by runs \(RLE\)"):
        load_radiograph(picture_bombs.bmp_rle(b"\x80\7" * 256, side=160))


def test_png_rows_beside_the_picture_are_refused() -> None:
    rows = bytes(3 * HEIGHT * (WIDTH + 2))
    with pytest.raises(RadiographError, match="PNG unpacks to more than its header says"):
        load_radiograph(picture_bombs.png(HEIGHT, WIDTH, 8, 0, picture_bombs.deflate_zeros(len(rows))))
    payload = write_png(RAMP_U8)
    with pytest.raises(RadiographError, match="PNG does not begin with its header"):
        load_radiograph(payload[:8] + picture_bombs.chunk(b"abCd", b"") + payload[8:])


def test_a_png_cut_into_very_many_chunks_is_refused() -> None:
    payload = write_png(RAMP_U8)
    at, empty = payload.index(b"IDAT") - 4, picture_bombs.chunk(b"IDAT", b"")
    for count, refused in ((MOST_CHUNKS - 1000, False), (MOST_CHUNKS, True)):
        with pytest.raises(RadiographError, match="more chunks than any film") if refused else nullcontext():
            load_radiograph(payload[:at] + empty * count + payload[at:])


def test_a_second_frame_of_a_gif_is_found_behind_what_lies_between() -> None:
    picture, comment, trailer = b"\x02ab\x01c\x00", b"\x21\xfe\x03abc\x00", b"\x3b"
    assert not has_more_frames(picture + trailer, 0)
    assert not has_more_frames(picture + comment + trailer, 0)
    assert has_more_frames(picture + comment + b"\x2c", 0)
    assert not has_more_frames(picture[:3], 0)
    assert has_more_frames(b"\x01a" * 1_000_001, 0)


@pytest.mark.parametrize("tag", [b"\x28\x00\x50\x10", b"\x08\x00\x05\x00"], ids=["window", "character set"])
def test_an_element_longer_than_any_films_is_not_parsed(tag: bytes) -> None:
    with pytest.raises(RadiographError, match="An element of this DICOM file .* is longer than in any film"):
        load_radiograph(dicom_bombs.implicit_with(tag, b"1\\" * 200_000))


def test_a_lookup_table_of_more_than_a_few_tables_is_not_parsed() -> None:
    with pytest.raises(RadiographError, match="is longer than in any film"):
        load_radiograph(
            dicom_bombs.with_elements(
                dicom_bombs.element(b"\x28\x00\x10\x30", b"SQ", dicom_bombs.item(bytes(1_600_000)))
            )
        )


def test_rle_of_more_than_the_header_says_is_not_unpacked() -> None:
    with pytest.raises(RadiographError, match="unpacks to more than the header says"):
        load_radiograph(dicom_bombs.rle_dicom([b"\x81\7" * 1000], 200))


def test_a_table_of_offsets_to_another_stream_is_not_read() -> None:
    payload = compress_dicom(JPEG2000Lossless)
    table = dicom_bombs.element(b"\xe0\x7f\x01\x00", b"OV", bytes(8))
    at = payload.index(dicom_bombs.PIXEL_DATA + b"OB")
    dataset = read_header(payload[:at] + table + payload[at:])
    assert "PixelData" in dataset
    assert "ExtendedOffsetTable" not in dataset


def test_many_pages_of_a_tiff_are_not_counted() -> None:
    with pytest.raises(RadiographError, match="The TIFF holds several pages"):
        load_radiograph(picture_bombs.tiff_of_many_pages(most=100_000))


def test_all_seeds_but_those_of_two_pictures_are_read() -> None:
    for name, payload in PAYLOADS.items():
        if "animated" in name:
            with pytest.raises(RadiographError, match="several pages or frames"):
                load_radiograph(payload)
        else:
            assert load_radiograph(payload).pixels.shape in ((129, 130), (130, 129)), name
    assert set(SMALL_BOMBS) <= set(picture_bombs.PICTURE_BOMBS | dicom_bombs.DICOM_BOMBS)
