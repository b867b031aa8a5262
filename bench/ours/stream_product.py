"""One source and one group of 25 windowed features: five aggregations of one number over five windows."""

from datetime import datetime

import gapless as gl

WINDOWS = ["1h", "3h", "12h", "24h", "7d"]
KEY = gl.Entity("key", keys=["key"])

SOURCE = gl.EventSource("events", schema={"key": str, "v": float, "t": datetime}, event_time="t")
REQUESTS = gl.EventSource("requests", schema={"id": str, "key": str, "t": datetime}, event_time="t", event_id="id")
TRUTHS = gl.EventSource("truths", schema={"id": str, "t": datetime, "y": bool}, event_time="t")


# The data is of a fixed week: how old it is when the benchmark runs says nothing.
@gl.feature_view(entity=KEY, source=SOURCE, freshness="36500d")
def view(e):
    made = {"count": gl.count(windows=WINDOWS)}
    return made | {name: getattr(gl, name)(e.v, windows=WINDOWS) for name in ("sum", "mean", "min", "max")}


MODEL = gl.Model(
    "reader",
    requests=REQUESTS,
    features=[view],
    label=gl.Label("y", source=TRUTHS, value=lambda r: r.y, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)

product = gl.Product("stream", models=[MODEL])
