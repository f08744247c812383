"""The readers by name, and films of several sources at once: `ctr512=../data/ctr512 films_csv=mine.csv`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from heartviz.errors import DataError
from train.sources import Film, chd_cxr, cohen, ctr512, drawn, films_csv, jsrt_scr, nih14, openi

READERS: Mapping[str, Callable[[Path], list[Film]]] = MappingProxyType(
    {
        "ctr512": ctr512.read_films,
        "jsrt_scr": jsrt_scr.read_films,
        "chd_cxr": chd_cxr.read_films,
        "nih14": nih14.read_films,
        "openi": openi.read_films,
        "cohen": cohen.read_films,
        "drawn": drawn.read_films,
        "films_csv": films_csv.read_films,
    }
)


def open_sources(specs: Sequence[str]) -> list[Film]:
    """The films of all sources, each given as "NAME=PATH" with a name of READERS; no film may come twice."""
    films = [film for spec in specs for film in _open_source(spec)]
    repeated = [film_id for film_id, count in Counter(film.film_id for film in films).items() if count > 1]
    if repeated:
        raise DataError(
            f"{len(repeated)} films come twice, {repeated[0]} first. Give each data set once, and list each film once; "
            "ctr512 and jsrt_scr hold the same JSRT films."
        )
    return films


def _open_source(spec: str) -> list[Film]:
    name, _, place = spec.partition("=")
    path = Path(place).expanduser()
    if name not in READERS or not place or not path.exists():
        fault = f"there is no {place}" if name in READERS and place else "that is not a source"
        raise DataError(
            f"Got {spec}: {fault}. Needed is NAME=PATH with a path that exists and a NAME of {', '.join(READERS)}."
        )
    return READERS[name](path)
