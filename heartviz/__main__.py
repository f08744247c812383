"""Command line: `python -m heartviz analyze FILE... --out DIR`, `batch SRC... --out DIR`, `audit`, `phantom`."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from heartviz.batch_command import add_also, add_batch, add_question, tell_unwritable
from heartviz.errors import GateError, HeartvizError
from heartviz.gate import OFFERED
from heartviz.phantom import KINDS, VIEWS
from heartviz.records import TASK_CLASSES
from heartviz.words import DEFAULT_METHOD, METHOD_WORDS, READ_HERE

UNFORESEEN = (
    "An unforeseen fault ({}) stopped this film: the others went on. Please report it with how the film was made."
)


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 every film was accepted, 1 some were not, 2 nothing could be started, 130 stopped."""
    options = _parse(argv)
    try:
        return options.run(options)
    except HeartvizError as error:
        print(f"heartviz: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _audit(options: argparse.Namespace) -> int:
    from heartviz.audit import AuditFile, make_key, read_audit
    from heartviz.audit.collect import audit_films, read_labels
    from heartviz.audit_report import introduce, write_html
    from heartviz.weights import load_models

    places = [options.out.parent, *([options.out] if options.out.exists() else [])]
    if options.out.is_dir() or not all(os.access(place, os.W_OK) for place in places):
        print(f"heartviz: --out {options.out} can't be written: give a file in an existing folder.", file=sys.stderr)
        return 2
    task, films = read_labels(options.labels, options.folder)
    models = load_models(options.weights)
    part = options.out.with_name(f"{options.out.name}.part")
    stats = [film.source.stat() if film.source.is_file() else None for film in films]
    seen = [None if stat is None else (stat.st_size, stat.st_mtime_ns) for stat in stats]
    asked = (models.sha256, task, options.method)
    key = make_key(options.labels.read_bytes(), str(options.folder.resolve()), seen, *asked)
    try:
        with AuditFile(part, key, task, options.method, models.sha256) as file:
            with tqdm(total=len(films), unit="film") as bar:

                def tell(done: float, words: str) -> None:
                    bar.update(round(done * len(films)) - bar.n)

                if file.done:
                    bar.write(f"{len(file.done)} films were audited before: going on with the rest.", file=sys.stderr)
                try:
                    audit_films(films, models, task, options.method, tell, done=file.done, keep=file.keep)
                except KeyboardInterrupt:
                    bar.write(f"Stopped: the same command goes on from {part.name}.", file=sys.stderr)
                    return 130
            audit = read_audit(part)
            for line, reason in audit.refused.items():
                print(f"line {line}: not audited: {reason}", file=sys.stderr)
            write_html(audit, options.out)
            file.remove()
    except OSError as error:
        return tell_unwritable(options.out, error)
    print(f"{introduce(audit)} {options.out}")
    return 1 if audit.refused else 0


def _phantom(options: argparse.Namespace) -> int:
    from heartviz.phantom_files import Order, read_gray_quantiles, write_films

    if options.out.exists() and not options.out.is_dir():
        print(f"heartviz: {options.out} is a file; --out needs a folder.", file=sys.stderr)
        return 2
    order = Order(
        count=options.count,
        kinds=tuple(options.kinds),
        view=options.view,
        severity=options.severity,
        seed=options.seed,
        out=options.out,
        size_px=options.size,
        ages=None if options.ages is None else tuple(options.ages),
        file_format=options.format,
        like=None if options.like is None else read_gray_quantiles(options.like),
    )
    try:
        with tqdm(total=order.count, unit="film") as bar:
            table = write_films(order, options.processes, lambda done: bar.update(done - bar.n))
    except OSError as error:
        return tell_unwritable(options.out, error)
    except KeyboardInterrupt:
        print("Stopped: the films that are done have no table. Remove them, or draw again.", file=sys.stderr)
        return 130
    print(f"{order.count} drawn film{'s' * (order.count > 1)}, none of a patient: {table}")
    return 0


def _analyze(options: argparse.Namespace) -> int:
    from heartviz.batch.sources import printable
    from heartviz.decoder import Decoder
    from heartviz.pipeline import analyze
    from heartviz.report import clear_report, refusal_to_dict, write_json, write_report
    from heartviz.take_home import list_file_names, make_files
    from heartviz.weights import load_models

    if options.out.exists() and not options.out.is_dir():
        print(f"heartviz: {options.out} is a file; --out needs a folder.", file=sys.stderr)
        return 2
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return tell_unwritable(options.out, error)
    models, decoder, refused = load_models(options.weights), Decoder(), 0

    def analyze_file(path: Path, name: str, folder: Path) -> tuple[bool, str]:
        """Whether the film was analysed, and what is to be said of it."""
        clear_report(folder, list_file_names())
        try:
            report = analyze(
                decoder.load(path),
                models,
                task=options.task,
                target_class=options.target_class,
                gradient_for=options.gradient_for,
                method=options.method,
                correct=options.correct,
            )
            files = make_files(report, options.also, options.title)
        except Exception as error:
            reason = str(error) if isinstance(error, HeartvizError) else UNFORESEEN.format(type(error).__name__)
            write_json(refusal_to_dict(error, reason, name), folder)
            if isinstance(error, GateError) and error.offer:
                reason += f" Here: --correct {error.offer}, or --correct {OFFERED} for all such films."
            return False, f"{name}: not accepted: {reason}"
        write_report(report, name, folder, files)
        return True, f"{name}: cardiothoracic ratio {report.cardiothoracic.ratio:.3f}, {printable(str(folder))}"

    for path, stem in zip(options.files, _folder_names(options.files), strict=True):
        try:
            accepted, words = analyze_file(path, printable(path.name), options.out / stem)
        except OSError as error:
            return tell_unwritable(options.out / stem, error)
        refused += not accepted
        _say(words, sys.stdout if accepted else sys.stderr)
    _say(f"{len(options.files) - refused} of {len(options.files)} films analysed.", sys.stdout)
    return 1 if refused else 0


def _say(words: str, stream: TextIO) -> None:
    """Prints; whoever closes the pipe that it goes to stops nothing."""
    try:
        print(words, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m heartviz", description="Does the model look at the heart?")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("analyze", help="analyse films: masks, ratio, predictions, sensitivity maps")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help=f"{READ_HERE}; content decides")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="gets one folder for each film")
    add_question(command)
    add_also(command)
    command.add_argument("--title", default="", metavar="WORDS", help="heading of the HTML and PDF reports")
    command.set_defaults(run=_analyze)
    audit = commands.add_parser("audit", help="audit the models on a folder of labelled films: one HTML file")
    audit.add_argument("folder", type=Path, metavar="FOLDER", help="the films lie in it")
    audit.add_argument("--labels", required=True, type=Path, metavar="CSV", help="columns file,label and maybe group")
    audit.add_argument("--out", required=True, type=Path, metavar="FILE", help="the report, HTML that opens offline")
    audit.add_argument(
        "--method", nargs="+", choices=list(METHOD_WORDS), default=[DEFAULT_METHOD], help="maps; the first is drawn"
    )
    audit.set_defaults(run=_audit)
    _add_phantom(commands)
    batch = add_batch(commands)
    for each in (command, audit, batch):
        each.add_argument("--weights", metavar="auto|local|hub|PATH", help="overrides HEARTVIZ_WEIGHTS")
    options = parser.parse_args(argv)
    if options.command == "phantom" and options.ages and options.ages[0] > options.ages[1]:
        parser.error("--ages wants the lower age first")
    if (
        options.command in ("analyze", "batch")
        and options.target_class
        and options.target_class not in TASK_CLASSES[options.task]
    ):
        parser.error(f"--target-class of {options.task} must be one of {', '.join(TASK_CLASSES[options.task])}")
    return options


def _add_phantom(commands) -> None:
    phantom = commands.add_parser("phantom", help="draw chest films from three-dimensional anatomy, with masks")
    phantom.add_argument("--count", type=_positive, default=1, metavar="N", help="how many films (default: 1)")
    phantom.add_argument(
        "--class", dest="kinds", nargs="+", choices=KINDS, default=["Normal"], help="one class, or several in turn"
    )
    phantom.add_argument("--view", choices=VIEWS, default="pa", help="default: pa")
    phantom.add_argument(
        "--severity", type=_share, metavar="S", help="0 to 1; by default one drawn from 0.35 to 1 for each film"
    )
    phantom.add_argument("--seed", type=_seed, default=0, metavar="K", help="the same seed draws the same bytes")
    phantom.add_argument("--out", required=True, type=Path, metavar="DIR", help="gets films, masks and labels.csv")
    phantom.add_argument("--size", type=_size, default=512, metavar="PX", help="side of the film (default: 512)")
    phantom.add_argument("--format", choices=("png", "dicom"), default="png", help="16 bit PNG, or DICOM")
    phantom.add_argument("--ages", type=_age, nargs=2, metavar=("LOW", "HIGH"), help="years; by default adults")
    phantom.add_argument("--like", type=Path, metavar="FOLDER", help="gray values as of the films in this folder")
    phantom.add_argument("--processes", type=_positive, default=os.cpu_count() or 1, metavar="N")
    phantom.set_defaults(run=_phantom)


def _number(text: str, kind: type, low: float, high: float, words: str):
    try:
        value = kind(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text}: give {words}")
    return value


_seed = partial(_number, kind=int, low=0, high=2**31 - 1, words="a whole number from 0 on")
_positive = partial(_number, kind=int, low=1, high=1_000_000, words="a whole number from 1 on")
_size = partial(_number, kind=int, low=64, high=2048, words="64 to 2048 px")
_share = partial(_number, kind=float, low=0, high=1, words="0 to 1")
_age = partial(_number, kind=float, low=0, high=100, words="0 to 100 years")


def _folder_names(paths: list[Path]) -> list[str]:
    """Each file's stem; one that is taken gets the first free number behind it."""
    names: list[str] = []
    for path in paths:
        name, number = path.stem, 1
        while name in names:
            number += 1
            name = f"{path.stem}_{number}"
        names.append(name)
    return names


if __name__ == "__main__":
    sys.exit(main())
