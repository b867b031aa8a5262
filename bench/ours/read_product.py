"""One entity with 50 windowed features: five aggregations of two columns over five windows."""

from datetime import datetime

import gapless as gl

WINDOWS = ["1h", "6h", "24h", "7d", "30d"]

events = gl.EventSource("events", schema={"key": str, "v": float, "w": float, "t": datetime}, event_time="t")
requests = gl.EventSource("requests", schema={"id": str, "key": str, "t": datetime}, event_time="t", event_id="id")
truths = gl.EventSource("truths", schema={"id": str, "t": datetime, "y": bool}, event_time="t")


@gl.feature_view(entity=gl.Entity("key", keys=["key"]), source=events, freshness="36500d")
def view(e):
    made = {}
    for name, column in {"v": e.v, "w": e.w}.items():
        for function in ("sum", "mean", "min", "max", "std"):
            made[f"{name}_{function}"] = getattr(gl, function)(column, windows=WINDOWS)
    return made


def estimator():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=5, random_state=0)


reader = gl.Model(
    "reader",
    requests=requests,
    features=[view],
    label=gl.Label("y", source=truths, value=lambda row: row.y, give_up_after="1d"),
    estimator=estimator,
    metrics=["roc_auc"],
)
product = gl.Product("bench", models=[reader])
