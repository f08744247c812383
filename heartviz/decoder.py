"""Films decoded in a process of their own: what a file does to the C libraries that read it, it does only there.

The child knows no model and no other film, writes no file, and ends with its parent. Its limits of time and memory are
the kernel's; where the system has none (Windows), only the parent's clock stands.
"""

import json
import os
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from heartviz.errors import RadiographError
from heartviz.radiograph import load_radiograph, read_file
from heartviz.records import Radiograph

MOST_CPU_S = 10
MOST_WAIT_S = 60.0  # On the clock, for a file that waits rather than computes.
MOST_MEMORY_BYTES = 2_000_000_000
ADVICE = "Export the film again, if possible as PNG."
OUT_OF_TIME = -24  # SIGXCPU ended it.
_LENGTH = struct.Struct("<Q")
_COMMAND = (sys.executable, "-c", "from heartviz.decoder import serve; serve()")
# Threads for every core of a large machine would take the memory of a film before one is read.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
_HEADER = ("description", "spacing_mm", "messages", "adult")


class Decoder:
    """Reads films as `load_radiograph` does, in a child that is started when first needed, and anew when it has died.

    Any number of threads may ask; one film is decoded at a time.
    """

    def __init__(self, command: Sequence[str] = _COMMAND, most_wait_s: float = MOST_WAIT_S) -> None:
        self._command, self._most_wait_s = tuple(command), most_wait_s
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stop: Callable[[], Any] = lambda: None

    def load(self, source: bytes | str | os.PathLike[str]) -> Radiograph:
        """The film in a file's bytes or at a path.

        Raises RadiographError for whatever `load_radiograph` refuses, and for a file that breaks what decodes it.
        """
        content = source if isinstance(source, bytes) else read_file(source)
        with self._lock:
            header, pixels = self._ask(content)
        if "refused" in header:
            raise RadiographError(header["refused"])
        spacing_mm = header["spacing_mm"] and tuple(header["spacing_mm"])
        described = header | {"spacing_mm": spacing_mm, "messages": tuple(header["messages"])}
        shape = described.pop("shape")
        return Radiograph(np.frombuffer(pixels, np.float32).reshape(shape), **described)

    def close(self) -> None:
        """Ends the child; the next film starts another."""
        with self._lock:
            self._stop()

    def _ask(self, content: bytes) -> tuple[dict[str, Any], bytes]:
        if self._child is None or self._child.poll() is not None:
            self._start()
        child = self._child
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        clock = threading.Timer(self._most_wait_s, give_up)
        clock.start()
        try:
            _send(child.stdin, content)
            return json.loads(_receive(child.stdout)), _receive(child.stdout)
        except (OSError, EOFError) as error:
            self._stop()
            if late.is_set() or child.returncode == OUT_OF_TIME:
                raise RadiographError(f"The file takes far longer to read than any film. {ADVICE}") from error
            words = f"The file broke what was reading it, so it is damaged, or not what it says that it is. {ADVICE}"
            raise RadiographError(words) from error
        except BaseException:
            # Whatever is still under way in the pipes is of a film that nobody waits for.
            self._stop()
            raise
        finally:
            clock.cancel()

    def _start(self) -> None:
        self._stop()
        here = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Libraries write names and tags of films there.
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": path},
        )
        self._stop = weakref.finalize(self, _end, self._child)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for stream in (child.stdin, child.stdout):
        with suppress(OSError):
            stream.close()
    child.wait()


def serve(load: Callable[[bytes], Radiograph] = load_radiograph, most_cpu_s: int = MOST_CPU_S) -> None:
    """Decodes the films that come in until there are no more: the child's whole life."""
    films = sys.stdin.buffer
    # Libraries that print must not print into an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            content = _receive(films)
            _limit(most_cpu_s)
            header, pixels = _decode(content, load)
            _send(answers, json.dumps(header).encode())
            _send(answers, pixels)


def _decode(content: bytes, load: Callable[[bytes], Radiograph]) -> tuple[dict[str, Any], bytes]:
    try:
        film = load(content)
    except RadiographError as refusal:
        return {"refused": str(refusal)}, b""
    except MemoryError:
        return {"refused": f"The file takes far more memory to read than any film. {ADVICE}"}, b""
    header = {name: getattr(film, name) for name in _HEADER}
    return header | {"shape": film.pixels.shape}, film.pixels.tobytes()


def _limit(most_cpu_s: int) -> None:
    """So much time from now on, so much memory, no file written, and no memory left on the disk by a crash."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + most_cpu_s
    for kind, most in (
        (resource.RLIMIT_CPU, until),
        (resource.RLIMIT_DATA, MOST_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _send(stream: BinaryIO, content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _receive(stream: BinaryIO) -> bytes:
    """One message. Raises EOFError where the other side has gone."""
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    return _read(stream, length)


def _read(stream: BinaryIO, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content
