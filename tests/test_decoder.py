"""Films decoded in a process of their own: the same films, and what breaks the decoder breaks nothing else."""

import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from heartviz.decoder import MOST_MEMORY_BYTES, Decoder
from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph
from tests.chest import picture
from tests.films import write_dicom

posix = pytest.mark.skipif(sys.platform == "win32", reason="the kernel's limits are those of POSIX")
# A child that does something dreadful with a file that says so, and decodes the others.
BREAKS = f"""
import os, sys
from heartviz import decoder

def load(content):
    if content.startswith(b"#die"):
        os.abort()
    if content.startswith(b"#spin"):
        while True:
            pass
    if content.startswith(b"#sleep"):
        sys.stdin.buffer.read()
    if content.startswith(b"#hog"):
        return bytearray({MOST_MEMORY_BYTES} + 1)
    if content.startswith(b"#write"):
        with open(content[6:].decode(), "wb") as file:
            file.write(content)
    if content.startswith(b"#print"):
        os.write(1, b"a library's words")
    return decoder.load_radiograph(content.removeprefix(b"#print"))

decoder.serve(load, most_cpu_s=1)
"""


def film() -> bytes:
    return cv2.imencode(".png", np.round(picture() * 65535).astype(np.uint16))[1].tobytes()


@pytest.fixture
def breaking():
    decoder = Decoder((sys.executable, "-c", BREAKS), most_wait_s=20)
    yield decoder
    decoder.close()


@pytest.fixture
def decoder():
    made = Decoder()
    yield made
    made.close()


def test_films_are_those_that_this_process_would_read(decoder, tmp_path):
    path = tmp_path / "film.dcm"
    stored = np.round(picture() * 4095).astype(np.uint16)
    path.write_bytes(write_dicom(stored, PixelSpacing=[0.2, 0.1], PatientAge="041Y"))
    for source in (film(), path, path.read_bytes()):
        here, there = load_radiograph(source), decoder.load(source)
        np.testing.assert_array_equal(there.pixels, here.pixels)
        for name in ("description", "spacing_mm", "messages", "adult"):
            assert getattr(there, name) == getattr(here, name)
        assert not there.pixels.flags.writeable
    assert (here.spacing_mm, here.adult) == ((0.2, 0.1), True)


def test_refusals_are_the_same_words(decoder, tmp_path):
    for source in (b"", b"only text", film()[:500], tmp_path / "none.png", tmp_path):
        with pytest.raises(RadiographError) as here:
            load_radiograph(source)
        with pytest.raises(RadiographError) as there:
            decoder.load(source)
        assert str(there.value) == str(here.value)


def refusal(decoder: Decoder, content: bytes) -> str:
    with pytest.raises(RadiographError) as refused:
        decoder.load(content)
    return str(refused.value)


def test_a_file_that_breaks_the_decoder_is_refused_and_the_next_is_read(breaking):
    first = breaking.load(film())
    assert "broke what was reading it" in refusal(breaking, b"#die")
    np.testing.assert_array_equal(breaking.load(film()).pixels, first.pixels)


@posix
def test_a_file_that_takes_too_long_is_refused(breaking):
    assert "far longer to read than any film" in refusal(breaking, b"#spin")
    assert breaking.load(film()).pixels.any()


def test_a_file_that_waits_for_ever_is_refused():
    decoder = Decoder((sys.executable, "-c", BREAKS), most_wait_s=2)
    try:
        assert "far longer to read than any film" in refusal(decoder, b"#sleep")
    finally:
        decoder.close()


@posix
def test_a_file_that_takes_too_much_memory_is_refused(breaking):
    assert "far more memory to read than any film" in refusal(breaking, b"#hog")
    assert breaking.load(film()).pixels.any()


@posix
def test_the_child_can_write_no_file(breaking, tmp_path):
    target = tmp_path / "written"
    assert "broke what was reading it" in refusal(breaking, b"#write" + str(target).encode())
    assert not target.exists() or target.stat().st_size == 0


def test_what_a_library_prints_is_no_answer(breaking):
    assert breaking.load(b"#print" + film()).pixels.shape == picture().shape


def test_many_threads_get_their_own_films(decoder):
    films = [np.full((200, 150 + number), 0.2, np.float32) for number in range(6)]
    for number, gray in enumerate(films):
        gray[: 20 * (number + 1)] = 0.8
    contents = [cv2.imencode(".png", np.round(gray * 255).astype(np.uint8))[1].tobytes() for gray in films]
    found = {}

    def ask(number: int) -> None:
        found[number] = decoder.load(contents[number]).pixels

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(films))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, content in enumerate(contents):
        np.testing.assert_array_equal(found[number], load_radiograph(content).pixels)


def test_the_child_ends_with_its_parent_and_knows_no_model():
    code = """
import os, sys
from heartviz.decoder import Decoder
child = Decoder((sys.executable, "-c", "import sys; from heartviz.decoder import serve; "
    "import heartviz.records as r, numpy as n; "
    "serve(lambda content: r.Radiograph(n.zeros((1, 1), n.float32), str('torch' in sys.modules)))"))
print(child.load(b"film").description, child._child.pid, flush=True)
os._exit(0)
"""
    told, pid = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert told == "False"
    assert not _lives(int(pid))


def _lives(pid: int) -> bool:
    """Whether a process is there after ten seconds in which it may end."""
    import psutil

    try:
        process = psutil.Process(pid)
        process.wait(10)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        return process.status() != psutil.STATUS_ZOMBIE
    return False
