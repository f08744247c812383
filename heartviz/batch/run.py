"""A batch planned and run: films that are done are not done again, films that are there twice are analysed once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from heartviz.batch.ledger import Ledger
from heartviz.batch.one import Outcome, analyze_one, hash_content, refuse
from heartviz.batch.sources import Source
from heartviz.errors import HeartvizError
from heartviz.records import Report

# Runs films somewhere: place among the films given and outcome, in whatever order they are ready.
Engine = Callable[[Sequence[Source]], Iterable[tuple[int, Outcome]]]


@dataclass(frozen=True)
class Plan:
    """What is known before anything runs: place among the sources to outcome; and key to the places still to do."""

    known: Mapping[int, Outcome]
    to_do: Mapping[str, Sequence[int]]


def plan_batch(
    sources: Sequence[Source],
    key_of: Callable[[str], str],
    done: Mapping[str, Outcome],
    has_files: Callable[[Source, Outcome], bool] = lambda film, outcome: True,
) -> Plan:
    """Reads every film once for its hash; `key_of(sha256)` is the key under which `done` would hold it.

    One that is done is to do again where it has not its files, as under a new name.
    """
    known: dict[int, Outcome] = {}
    to_do: dict[str, list[int]] = {}
    for place, source in enumerate(sources):
        try:
            key = key_of(hash_content(source.read()))
        except HeartvizError as error:
            known[place] = refuse(error, lasting=False)
            continue
        if key in done and has_files(source, done[key]):
            known[place] = done[key]
        else:
            to_do.setdefault(key, []).append(place)
    return Plan(known, to_do)


def run_here(
    sources: Sequence[Source], analyze_film: Callable[[bytes], Report], each: Sequence[str] = ()
) -> Iterator[tuple[int, Outcome]]:
    """The engine that runs one film after another in this process."""
    for place, source in enumerate(sources):
        yield place, analyze_one(source, analyze_film, each)


def run_batch(
    sources: Sequence[Source],
    plan: Plan,
    engine: Engine,
    ledger: Ledger,
    keep_files: Callable[[Sequence[Source], Outcome], None] = lambda films, outcome: None,
) -> Iterator[tuple[Sequence[int], Outcome]]:
    """The places of a film and its outcome, each as soon as it is in the ledger; its files are kept before that."""
    keys = list(plan.to_do)
    for number, outcome in engine([sources[plan.to_do[key][0]] for key in keys]):
        keep_files([sources[place] for place in plan.to_do[keys[number]]], outcome)
        ledger.keep(keys[number], outcome)
        yield plan.to_do[keys[number]], outcome
