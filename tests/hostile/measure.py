"""Loads each file in a process of its own: what came of it, how many seconds of the processor, how much memory."""

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from heartviz.errors import HeartvizError
from heartviz.radiograph import load_radiograph
from tests.hostile.claims import CLAIMS
from tests.hostile.dicom_bombs import DICOM_BOMBS
from tests.hostile.picture_bombs import PICTURE_BOMBS
from tests.hostile.zips import ZIPS

# A process that does not end is stopped after so many seconds of the processor: a busy machine changes nothing.
SECONDS_LIMIT = 15
# So that a file that does harm takes no more of the machine than this; above what any file may take.
ADDRESS_SPACE_BYTES = 6_000_000_000


@dataclass(frozen=True)
class Met:
    """What came of one file. `said` is the refusal, "" where it was read; `fault` is what must never be."""

    name: str
    said: str
    fault: str
    seconds: float
    peak_mb: float


def measure(
    makers: Mapping[str, Callable[[], bytes]], read: Callable[[Path], object], seconds_limit: int = SECONDS_LIMIT
) -> dict[str, Met]:
    """What `read` makes of each file, by name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in makers.items():
            path = Path(folder) / "film"
            _apart(lambda make=make, path=path: path.write_bytes(make()) and {}, 300)
            told, seconds, peak_mb, status = _apart(lambda path=path: _read(read, path), seconds_limit)
            fault = told.get("fault", "")
            if os.WIFSIGNALED(status):
                number = os.WTERMSIG(status)
                fault = (
                    f"not done after {seconds_limit} s" if number == signal.SIGALRM else f"killed by signal {number}"
                )
            elif not told:
                fault = f"ended with {status}"
            found[name] = Met(name, told.get("said", ""), fault, round(seconds, 2), round(peak_mb))
    return found


def _read(read: Callable[[Path], object], path: Path) -> dict[str, str]:
    try:
        read(path)
    except HeartvizError as error:
        return {"said": str(error)}
    except BaseException as error:
        return {"fault": f"{type(error).__name__}: {error}"}
    return {"said": ""}


def _apart(what: Callable[[], dict], seconds_limit: int) -> tuple[dict, float, float, int]:
    """What a forked process returned, its seconds of the processor, its peak memory in MB, its exit status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds_limit, seconds_limit + 1))
            os.write(writing, json.dumps(what()).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(child, 0)
    return json.loads(answer or b"{}"), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, status


def tell(found: Mapping[str, Met]) -> str:
    """One JSON line a file."""
    return "\n".join(json.dumps(asdict(each)) for each in found.values())


def _read_zip(path: Path) -> None:
    """None; raises what each of a ZIP's first and last films says, all in one."""
    # Only here, for it brings all libraries of the batch.
    from heartviz.batch.sources import list_sources

    found = list_sources([path])
    said = []
    for source in dict.fromkeys([*found[:5], *found[-1:]]):
        try:
            load_radiograph(source.read())
            said.append(f"{source.name}: read.")
        except HeartvizError as error:
            said.append(f"{source.name}: {error}")
    raise HeartvizError(" ".join(said))


def main() -> None:
    """None; prints one JSON line a file: `python -m tests.hostile.measure claims|bombs|zips [NAME ...]`."""
    kind, *names = sys.argv[1:]
    makers = {"claims": CLAIMS, "bombs": PICTURE_BOMBS | DICOM_BOMBS, "zips": ZIPS}[kind]
    if kind == "zips":
        # Once, not in each of the processes.
        importlib.import_module("heartviz.batch.sources")
    read = _read_zip if kind == "zips" else load_radiograph
    print(tell(measure({name: makers[name] for name in names or makers}, read)))


if __name__ == "__main__":
    main()
