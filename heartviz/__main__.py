"""Command line: `python -m heartviz analyze FILE... --out DIR`."""

import argparse
import sys
from pathlib import Path

from heartviz.errors import HeartvizError
from heartviz.records import TASK_CLASSES


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 when every film was accepted, 1 when some were not, 2 when nothing could be started."""
    options = _parse(argv)
    from heartviz.pipeline import analyze
    from heartviz.report import refusal_to_dict, write_json, write_report
    from heartviz.weights import load_models

    try:
        models = load_models(options.weights)
    except HeartvizError as error:
        print(f"heartviz: {error}", file=sys.stderr)
        return 2
    refused = 0
    for path, stem in zip(options.files, _folder_names(options.files), strict=True):
        folder = options.out / stem
        try:
            report = analyze(
                path, models, task=options.task, target_class=options.target_class, gradient_for=options.gradient_for
            )
            write_report(report, path.name, folder)
            print(f"{path.name}: cardiothoracic ratio {report.cardiothoracic.ratio:.3f}, {folder}")
        except HeartvizError as error:
            refused += 1
            write_json(refusal_to_dict(str(error), path.name), folder)
            print(f"{path.name}: not accepted: {error}", file=sys.stderr)
    print(f"{len(options.files) - refused} of {len(options.files)} films analysed.")
    return 1 if refused else 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m heartviz", description="Does the model look at the heart?")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("analyze", help="analyse films: masks, ratio, predictions, sensitivity maps")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PNG, JPEG or DICOM; content decides")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="gets one folder for each film")
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
    command.add_argument("--weights", metavar="auto|local|hub|PATH", help="overrides HEARTVIZ_WEIGHTS")
    options = parser.parse_args(argv)
    if options.target_class and options.target_class not in TASK_CLASSES[options.task]:
        parser.error(f"--target-class of {options.task} must be one of {', '.join(TASK_CLASSES[options.task])}")
    return options


def _folder_names(paths: list[Path]) -> list[str]:
    """Each file's stem; files of equal stems get their place in the list behind it, so that nothing is overwritten."""
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else f"{stem}_{place + 1}" for place, stem in enumerate(stems)]


if __name__ == "__main__":
    sys.exit(main())
