"""The engine that runs films on Ray Data actors: each has its own models and one core, here or on a cluster."""

import json
import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from heartviz.batch.one import Outcome, Settings, analyze_one, make_analyst
from heartviz.batch.sources import Source
from heartviz.errors import DataError

NO_RAY = "Ray is not installed: pip install -r requirements-ray.txt, or leave --engine ray out."
STOPPED = (
    "Ray stopped ({}). What is done is kept: the same command goes on from there. See that each machine has heartviz, "
    "the films and the weights under the same paths, and memory for its workers."
)
# Films a block: a block's rows come back together, so small ones fill the table evenly.
MOST_BLOCKS = 500


def run_on_ray(
    sources: Sequence[Source], settings: Settings, weights: str | None, workers: int, address: str | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Places and outcomes as they come, in no order. On a cluster, each machine needs heartviz and the films' paths.

    Raises DataError where Ray is missing, the cluster does not answer, or Ray stops on the way.
    """
    if not sources:
        return
    # Nothing is told to Ray's makers. Ray asks for this before it is imported.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError as error:
        raise DataError(NO_RAY) from error
    _start(ray, workers, address)
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        DataContext.get_current().enable_progress_bars = False
        DataContext.get_current().print_on_execution_start = False
        items = [
            {"place": place, "source": json.dumps(asdict(source), ensure_ascii=True)}
            for place, source in enumerate(sources)
        ]
        films = ray.data.from_items(items, override_num_blocks=min(len(items), MOST_BLOCKS))
        analysed = films.map_batches(
            _Analyst,
            fn_constructor_kwargs={"settings": asdict(settings), "weights": weights},
            batch_size=1,
            compute=ActorPoolStrategy(size=workers),
            num_cpus=1,
        )
        for row in analysed.iter_rows():
            # Made by our own actors in this very call.
            yield int(row["place"]), pickle.loads(row["outcome"])
    except Exception as error:  # of Ray's own kinds, whatever their cause
        raise DataError(STOPPED.format(type(error).__name__)) from error
    finally:
        ray.shutdown()


def _start(ray: Any, workers: int, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            # A core more than actors, for what Ray Data itself runs; only this computer can reach it.
            ray.init(
                address="local", num_cpus=workers + 1, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet
            )
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises bare ones, too
        where = "on this computer" if address is None else f"at {address}"
        advice = "Try again when it has less to do." if address is None else "Check --address."
        raise DataError(f"Ray could not be started {where} ({type(error).__name__}). {advice}") from error


class _Analyst:
    """An actor: the models are loaded once, then films come one by one."""

    def __init__(self, settings: dict[str, Any], weights: str | None) -> None:
        from heartviz.weights import load_models

        asked = Settings(**settings)
        self._each = asked.each
        self._analyze_film = make_analyst(asked, load_models(weights))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        outcomes = [
            pickle.dumps(analyze_one(Source(**json.loads(str(source))), self._analyze_film, self._each))
            for source in batch["source"]
        ]
        return {"place": batch["place"], "outcome": outcomes}
