"""A batch run as a process of its own, killed where it is told: python -m … FOLDER [POINT N]."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from gapless.adapters.delta import DeltaStore
from gapless.clock import DAY
from gapless.features import TableSources
from gapless.ports.scorer import Scores
from gapless.serving import Answering, Judge, Pins, Version, pinned, predict
from tests.features.world import MODEL, START, event_table, history, request_table

CHUNK = 7
AS_OF = START + DAY
JUDGE = Judge(MODEL.trust, None, MODEL.feature_set)
VERSION = Version("m", "3", "definition", "bundle")


class SumScorer:
    """A model that answers with the sum of the features that are there; no answer where the first is missing."""

    width = len(MODEL.vector)

    def score(self, features):
        return Scores(answers(features), None)


def answers(features):
    return np.where(np.isnan(features[:, 0]), np.float32(np.nan), np.nansum(features, axis=1))


def killed_at(point, count):
    """A fault that ends the process, as kill -9 does, the `count`-th time the store comes to `point`."""
    left = [count]

    def fault(here, table):
        if here == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return fault


def run(folder, *, fault=None, chunk_rows=CHUNK, run_id="r" * 64, known_by_us=None):
    rows, asks = history(5, events=300, requests=40)
    store = DeltaStore(folder / "store", **({"fault": fault} if fault else {}))
    pins = pinned(folder / "pins", run_id, Pins({"events": 1}, chunk_rows))
    return predict(
        Answering(MODEL.feature_set, VERSION, SumScorer(), JUDGE, {"stats": AS_OF}, known_by_us),
        request_table(asks),
        TableSources({"events": event_table(rows)}),
        store,
        "predictions",
        run=run_id,
        chunk_rows=pins.chunk_rows,
    )


def predictions(folder):
    return DeltaStore(folder / "store").read("predictions").read_all()


if __name__ == "__main__":
    np.seterr(all="ignore")
    run(Path(sys.argv[1]), fault=killed_at(sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else None)
