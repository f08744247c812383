"""`python -m heartviz batch SRC... --out DIR`: a table of many films, and what it shares with `analyze`."""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tqdm import tqdm

from heartviz.gate import CORRECTIONS, OFFERED
from heartviz.records import TASK_CLASSES
from heartviz.words import DEFAULT_METHOD, FILE_KINDS, METHOD_WORDS

if TYPE_CHECKING:
    from heartviz.batch import Outcome, Source

LEDGER, CSV, INDEX, REPORT = "done.jsonl", "results.csv", "index.html", "report.json"
STOPPED = "Stopped: the same command goes on from here."


def add_batch(commands) -> argparse.ArgumentParser:
    """Adds the command's options."""
    batch = commands.add_parser("batch", help="analyse many films: a table as CSV and HTML; goes on after a stop")
    batch.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="files, folders, ZIP archives")
    batch.add_argument("--out", required=True, type=Path, metavar="DIR", help=f"gets {CSV}, {INDEX} and {LEDGER}")
    add_question(batch)
    add_also(batch)
    batch.add_argument(
        "--engine", choices=("here", "ray"), default="here", help="this process (default), or Ray Data actors"
    )
    batch.add_argument("--workers", type=_at_least_one, default=1, metavar="N", help="Ray actors, a core each")
    batch.add_argument("--address", metavar="ADDR", help="Ray cluster; by default Ray is started on this computer")
    batch.set_defaults(run=run_command)
    return batch


def add_question(command: argparse.ArgumentParser) -> None:
    """Adds what is asked of the models."""
    command.add_argument("--task", choices=list(TASK_CLASSES), default="congenital", help="task that the maps explain")
    command.add_argument(
        "--target-class", metavar="CLASS", help="class that the maps explain; default VGG+Mask's answer"
    )
    command.add_argument(
        "--gradient-for",
        choices=("picture_seen", "film"),
        default="picture_seen",
        help="picture the gradient is taken for: what the network sees, or the original film",
    )
    command.add_argument(
        "--method", choices=list(METHOD_WORDS), default=DEFAULT_METHOD, help="attribution method of the maps"
    )
    command.add_argument(
        "--correct",
        choices=(OFFERED, *CORRECTIONS),
        default="",
        help="put films right first: this way, or as offered where one is refused as turned or inverted",
    )


def add_also(command: argparse.ArgumentParser) -> None:
    """Adds the choice of further files."""
    told = "; ".join(f"{kind}: {words}" for kind, words in FILE_KINDS.items())
    command.add_argument("--also", nargs="+", choices=list(FILE_KINDS), default=[], help=f"more of each film. {told}")


def run_command(options: argparse.Namespace) -> int:
    """Exit status: 0 every film was accepted, 1 some were not, 2 it could not start or go on, 130 stopped."""
    from heartviz.batch import Settings, list_sources, plan_batch, run_batch
    from heartviz.batch.ledger import Ledger
    from heartviz.batch.one import make_analyst
    from heartviz.batch.run import run_here
    from heartviz.weights import load_models

    settings = Settings(
        options.task, options.target_class, options.gradient_for, options.method, options.correct, tuple(options.also)
    )
    try:
        sources = list_sources(options.sources, leave_out=options.out)
    except OSError as error:
        print(f"heartviz: {error.filename} can't be read ({error.strerror or error}).", file=sys.stderr)
        return 2
    models = load_models(options.weights)
    if options.engine == "ray":
        from heartviz.batch.ray_engine import run_on_ray

        engine = partial(
            run_on_ray, settings=settings, weights=options.weights, workers=options.workers, address=options.address
        )
    else:
        engine = partial(run_here, analyze_film=make_analyst(settings, models), each=settings.each)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with Ledger(options.out / LEDGER) as ledger:
            has_files = partial(_has_files, options.out) if settings.each else lambda film, outcome: True
            plan = plan_batch(sources, lambda sha256: settings.key_of(sha256, models.sha256), ledger.done, has_files)
            running = run_batch(sources, plan, engine, ledger, partial(_keep_files, options.out))
            return _run(options.out, [source.name for source in sources], dict(plan.known), running, models.sha256)
    except KeyboardInterrupt:  # While the films are read for what is done already: no table is due yet.
        print(STOPPED, file=sys.stderr)
        return 130
    except OSError as error:
        return tell_unwritable(options.out, error)


def tell_unwritable(out: Path, error: OSError) -> int:
    """The exit status when the folder can't be written to, after the reason was told."""
    reason = error.strerror or error
    print(f"heartviz: {out} can't be written ({reason}): make room, or give another --out.", file=sys.stderr)
    return 2


def _run(out: Path, names: list[str], outcomes: dict, running: Iterable, models: Mapping[str, str]) -> int:
    """The exit status of what is running; the tables are written however it ends."""
    before = sum(outcome.accepted for outcome in outcomes.values())
    stopped = False
    try:
        with tqdm(total=len(names), initial=len(outcomes), unit="film") as bar:
            if before:
                bar.write(f"{before} films were analysed before: going on with the rest.", file=sys.stderr)
            for places, outcome in running:
                outcomes |= dict.fromkeys(places, outcome)
                bar.update(len(places))
    except KeyboardInterrupt:
        stopped = True
    finally:
        status = _finish(out, names, outcomes, models, stopped)
    return status


def _finish(out: Path, names: list[str], outcomes: Mapping, models: Mapping[str, str], stopped: bool) -> int:
    """Writes the tables of what is there, tells of it, and gives the exit status."""
    from heartviz.batch import make_index, write_csv
    from heartviz.report import write_whole

    for name, table in ((CSV, write_csv(names, outcomes)), (INDEX, make_index(outcomes, models, len(names)))):
        write_whole(out / name, table.encode())
    bad = [place for place in sorted(outcomes) if not outcomes[place].accepted]
    for place in bad:
        print(f"{names[place]}: not accepted: {outcomes[place].numbers['messages']}", file=sys.stderr)
    turned = sum(outcomes[place].numbers.get("offered_correction") is not None for place in bad)
    if turned:
        print(f"{turned} not accepted can be put right: add --correct {OFFERED}.", file=sys.stderr)
    print(f"{len(outcomes) - len(bad)} of {len(names)} films analysed: {out / CSV}, {out / INDEX}")
    if stopped:
        print(STOPPED, file=sys.stderr)
        return 130
    return 1 if bad else 0


def _keep_files(out: Path, films: "Sequence[Source]", outcome: "Outcome") -> None:
    """Writes the files of one film to `films/NAME_HASHES/` for each name that it has; the report last, so named."""
    from heartviz.report import to_json, write_whole

    for film in films:
        for name, content in outcome.files.items():
            if name == REPORT:
                content = to_json(json.loads(content) | {"file": film.name}).encode()
            folder = _folder_of(out, film, outcome)
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, content)


def _has_files(out: Path, film: "Source", outcome: "Outcome") -> bool:
    """Whether there is nothing of this film to be kept that is not there."""
    return not outcome.accepted or (_folder_of(out, film, outcome) / REPORT).exists()


def _folder_of(out: Path, film: "Source", outcome: "Outcome") -> Path:
    """The stem in letters that every file system takes, and the starts of the hashes of content and name."""
    stem = PurePosixPath(film.name).stem[:60]
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in stem)
    named = hashlib.sha256(film.name.encode()).hexdigest()
    return out / "films" / f"{safe}_{outcome.numbers['film_sha256'][:8]}_{named[:4]}"


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1 on")
    return int(text)
