"""Command-line flags made from a config dataclass, and the resolved config written beside the results."""

import argparse
import dataclasses
import json
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from heartviz.errors import HeartvizError

Config = TypeVar("Config")


def parse_config(config_class: type[Config], argv: list[str] | None = None) -> Config:
    """An instance of the dataclass from flags: field `learning_rate` is `--learning-rate`; tuples take many values.

    Each field's help stands in its metadata: `field(default, metadata={"help": ...})`.
    """
    parser = argparse.ArgumentParser(
        description=(config_class.__doc__ or "").strip(), formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    hints = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        options: dict[str, Any] = {"help": field.metadata.get("help", " ")}
        if "choices" in field.metadata:
            options["choices"] = field.metadata["choices"]
        hint = hints[field.name]
        if isinstance(hint, types.UnionType):
            hint = next(part for part in typing.get_args(hint) if part is not type(None))
        if hint is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif typing.get_origin(hint) is tuple:
            options |= {"type": typing.get_args(hint)[0], "nargs": "+"}
        else:
            options["type"] = hint
        if field.default is dataclasses.MISSING:
            options["required"] = True
        else:
            options["default"] = field.default
        parser.add_argument("--" + field.name.replace("_", "-"), **options)
    values = vars(parser.parse_args(argv))
    return config_class(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def run_script(main: Callable[[Config], None], config_class: type[Config]) -> None:
    """Runs a script's `main` on its flags; what the user can mend is said in a sentence, with exit status 2."""
    try:
        main(parse_config(config_class))
    except HeartvizError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error
    except OSError as error:
        if error.filename is None:
            raise
        print(
            f"{error.filename}: {error.strerror}. Check the path that was given, and its permissions.", file=sys.stderr
        )
        raise SystemExit(2) from error


def describe_config(config: Any) -> dict[str, Any]:
    """The resolved config, fit for JSON; paths by their last part only, so that no machine's folders are told."""
    return {name: _shorten(value) for name, value in dataclasses.asdict(config).items()}


def _shorten(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple):
        return [_shorten(part) for part in value]
    if isinstance(value, str) and "=" in value:  # NAME=PATH of train.sources
        name, _, place = value.partition("=")
        return f"{name}={Path(place).name}"
    return value


def write_config(config: Any, path: Path) -> None:
    """Writes `describe_config` as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(describe_config(config), indent=2) + "\n", encoding="utf-8")
