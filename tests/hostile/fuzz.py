"""Mutates films of all formats and loads each: `python -m tests.hostile.fuzz --files 10000` prints one JSON line.

With atheris, coverage of heartviz, pydicom and Pillow guides it; `--plain` does without. It ends with a status that is
not 0 at the first file that is not read or refused in words, that takes over 10 s, or for which memory goes over 2 GB,
and leaves that file in `--out`.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

OURS = ("dicom", "radiograph", "codestream", "gif", "png", "ration", "gray")
THEIRS = ("filereader", "fileutil", "encaps", "values", "pixels", "multival", "charset")
WATCHED = [*(f"heartviz.{name}" for name in OURS), *(f"pydicom.{name}" for name in THEIRS), "PIL"]
SECONDS_A_FILE, MOST_MB, LONGEST_BYTES = 10, 2000, 80_000


class Count:
    """How many files were read and refused, the slowest, the peak of memory; told as one JSON line."""

    def __init__(self, out: Path) -> None:
        self.out, self.started = out, time.perf_counter()
        self.read = self.refused = 0
        self.slowest = 0.0
        self.kinds: set[str] = set()

    def load(self, payload: bytes) -> None:
        """None; whatever is neither a film nor a sentence is raised."""
        from heartviz.errors import RadiographError
        from heartviz.radiograph import load_radiograph

        started = time.process_time()
        try:
            film = load_radiograph(payload)
        except RadiographError as error:
            self.refused += 1
            said = str(error)
            assert said.endswith((".", ")")), f"no sentence: {said}"
            assert len(said) > 30, f"no sentence: {said}"
            self.kinds.add(said[:30])
        else:
            self.read += 1
            low, high = float(film.pixels.min()), float(film.pixels.max())
            assert 0 <= low < high <= 1, f"gray values from {low} to {high}"
        seconds = time.process_time() - started
        if seconds > self.slowest:
            self.slowest = seconds
            (self.out / "slowest").write_bytes(payload)
        assert seconds < SECONDS_A_FILE, f"{seconds:.0f} s"
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        assert peak_mb < MOST_MB, f"{peak_mb:.0f} MB"

    def tell(self) -> str:
        """What was counted so far."""
        seconds, files = time.perf_counter() - self.started, self.read + self.refused
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        numbers = {"files": files, "read": self.read, "refused": self.refused, "sentences": len(self.kinds)}
        times = {"seconds": round(seconds, 1), "a_second": round(files / seconds, 1), "slowest": round(self.slowest, 2)}
        return json.dumps(numbers | times | {"peak_mb": round(peak_mb)})


def fuzz_plainly(count: Count, seeds: list[bytes], files: int, seed: int) -> None:
    """None; so many files, each mutated from a seed or from one mutated before. The last one is kept in `--out`."""
    rng, pool = random.Random(seed), list(seeds)
    for _ in range(files):
        payload = mutate_from(pool, rng)
        (count.out / "last").write_bytes(payload)
        signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS_A_FILE)
        count.load(payload)
    signal.setitimer(signal.ITIMER_PROF, 0)


def mutate_from(pool: list[bytes], rng: random.Random) -> bytes:
    """A mutated film; one in five takes another mutated film's place in the pool, never a seed's."""
    from tests.hostile.mutate import mutate

    payload = mutate(rng.choice(pool), rng)[:LONGEST_BYTES]
    if rng.random() < 0.2:
        if len(pool) < 400:
            pool.append(payload)
        else:
            pool[rng.randrange(200, 400)] = payload
    return payload


def fuzz_guided(count: Count, seeds: list[bytes], files: int, seed: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    from tests.hostile.mutate import TAGS, mutate

    def change(payload: bytes, most: int, seed: int) -> bytes:
        if seed % 3 == 0:
            return atheris.Mutate(payload, most)
        return mutate(payload, random.Random(seed))[:most]

    def load(payload: bytes) -> None:
        count.load(payload)
        files_so_far = count.read + count.refused
        if files_so_far % 500 == 0 or files_so_far >= files:
            (count.out / "told.json").write_text(count.tell())

    corpus = count.out / "corpus"
    corpus.mkdir(exist_ok=True)
    for payload in seeds:
        (corpus / hashlib.sha256(payload).hexdigest()[:16]).write_bytes(payload)
    words = [*(b"".join(half.to_bytes(2, "little") for half in tag) for tag in TAGS), b"\xff\xff\xff\xff"]
    dictionary = count.out / "words"
    dictionary.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in words))
    limits = [f"-runs={files}", f"-timeout={SECONDS_A_FILE * 6}", f"-rss_limit_mb={MOST_MB}", f"-seed={seed}"]
    where = [f"-max_len={LONGEST_BYTES}", f"-dict={dictionary}", f"-artifact_prefix={count.out}/", str(corpus)]
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", *where], load, custom_mutator=change)
    atheris.Fuzz()


def watch_coverage() -> None:
    """None; must come before anything else imports these."""
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        import heartviz.radiograph  # noqa: F401


def main() -> None:
    """None; prints what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--out", type=Path, help="a folder for what is found (default: a new one)")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="fuzz"))
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    plain = options.plain or importlib.util.find_spec("atheris") is None
    if not plain:
        watch_coverage()
    from tests.hostile.seeds import SEEDS

    seeds, count = [make() for make in SEEDS.values()], Count(out)
    if plain:
        fuzz_plainly(count, seeds, options.files, options.seed)
        (out / "told.json").write_text(count.tell())
        print(count.tell())
    else:
        print(f"{out}/told.json", file=sys.stderr)
        fuzz_guided(count, seeds, options.files, options.seed)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
