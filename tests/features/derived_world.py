"""Worlds of `tests.features` whose views read what pandas functions make, and the same the slow way."""

from __future__ import annotations

import math
from datetime import datetime

import pyarrow as pa

import gapless as gl
from gapless.arrow import TIMESTAMP
from gapless.clock import DAY, HOUR, MINUTE
from gapless.windows.naive import naive
from tests.features.reference import visible
from tests.features.world import EVENTS, REQUESTS, TRUTH, event_table, pair

OUTPUTS = {"size": float, "word": str, "rank": int, "loud": bool, "when": datetime}


@gl.pandas_function(source=EVENTS, inputs=["text", "x", "at"], outputs=OUTPUTS, version="1")
def read(frame):
    import numpy as np
    import pandas as pd

    x = frame["x"].to_numpy()
    return pd.DataFrame(
        {
            "when": frame["at"].dt.floor("h"),
            "size": np.where(np.abs(x) > 1e10, np.inf, x / 3),
            "word": frame["text"].map({"p": "pp", "é": "e"}),  # what the map lacks is NaN
            "rank": frame["text"].str.len() + 1,
            "loud": frame["text"] == "🛬",
        }
    )


@gl.pandas_function(source=read, inputs=["size", "rank"], outputs={"score": float}, version="1")
def score(frame):
    return (frame["size"] * frame["rank"].astype("Float64")).astype("float64").to_frame("score")


@gl.feature_view(entity=pair, source=EVENTS)
def plain(e):
    return {"n": gl.count(windows=["1d"])}


@gl.feature_view(entity=pair, source=read)
def made(e):
    return {
        "size": gl.sum(e.size, windows=["1h", "1d"]),
        "loud": gl.mean(e.loud, windows=["1d"]),
        "word": gl.last(e.word),
        "kinds": gl.n_unique(e.word, windows=["1d"]),
        "rank": gl.max(e.rank, windows=["1d"], where=e.x > 0),
        "when": gl.last(e.when, max_age="6h"),
        "n": gl.count(windows=["1d"]),
    }


@gl.feature_view(entity=pair, source=score)
def scored(e):
    return {"score": gl.sum(e.score, windows=["1d"]), "size": gl.last(e.size)}


@gl.on_demand
def own(r):
    return {"twice": r.made.size_1h * 2, "long": r.made.word.length(), "age": r.t.hours_since(r.made.when)}


MODEL = gl.Model(
    "m",
    requests=REQUESTS,
    features=[plain, made, scored, own],
    label=gl.Label("y", source=TRUTH, value=lambda t: t.y > 0, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)
NAMES = [name for name in MODEL.outputs if not name.startswith("own__")]


def enriched(rows):
    """The rows with the columns of both functions, each called once, by hand, for the whole frame."""
    frame = event_table(rows).to_pandas(types_mapper={pa.string(): _string(), pa.int64(): _int()}.get)
    first = read.derivation.function(frame[["text", "x", "at"]])
    second = score.derivation.function(_again(first)[["size", "rank"]])
    columns = {
        "size": [_finite(v) for v in first["size"]],
        "word": [_known(v) for v in first["word"]],
        "rank": [_known(v) for v in first["rank"]],
        "loud": [_known(v) for v in first["loud"]],
        "when": pa.array(first["when"], from_pandas=True).cast(TIMESTAMP).cast(pa.int64()).to_pylist(),
        "score": [_finite(v) for v in second["score"]],
    }
    return [row | {name: values[i] for name, values in columns.items()} for i, row in enumerate(rows)]


def _string():
    import pandas as pd

    return pd.StringDtype("pyarrow")


def _int():
    import pandas as pd

    return pd.Int64Dtype()


def _again(first):
    """As the second function gets them."""
    import numpy as np

    size = np.where(np.isfinite(first["size"]), first["size"], np.nan)
    return first.assign(size=size, rank=first["rank"].astype("Int64"))


def _known(value):
    import pandas as pd

    return None if pd.isna(value) else value


def _finite(value):
    return float(value) if math.isfinite(value) else None


def features(rows, key, at):
    """What the views declare, of enriched rows, by `gapless.windows.naive`."""

    def values(column, width, hop, where=lambda e: True):
        return [e[column] for e in visible(rows, key, at, width, hop) if where(e)]

    day, hour = (DAY, HOUR), (HOUR, 5 * MINUTE)
    ranked = values("rank", *day, where=lambda e: e["x"] is not None and e["x"] > 0)
    return {
        "made__kinds_1d": naive("n_unique", values("word", *day))[0],
        "made__loud_1d": naive("mean", values("loud", *day))[0],
        "made__n_1d": float(len(values("x", *day))),
        "made__rank_1d": naive("max", ranked)[0],
        "made__size_1d": naive("sum", values("size", *day))[0],
        "made__size_1h": naive("sum", values("size", *hour))[0],
        "made__when": naive("last", values("when", 6 * HOUR, 0))[0],
        "made__word": naive("last", values("word", None, 0))[0],
        "plain__n_1d": float(len(values("x", *day))),
        "scored__score_1d": naive("sum", values("score", *day))[0],
        "scored__size": naive("last", values("size", None, 0))[0],
    }
