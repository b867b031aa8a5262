"""Features of some entities from the online store, in process: one look, and a dictionary for each entity."""

from __future__ import annotations

from typing import Any

import gapless as gl
from bench.child import serve
from bench.ours.read_data import AT_US, MODEL, VIEW
from bench.timing import medians
from gapless.online import OnlineReader


def prepare(options: dict[str, Any]) -> Any:
    workspace = gl.Workspace.open(options["workspace"])
    features = workspace.product.model(MODEL).feature_set
    if options["materialize"]:
        workspace.materialize(views=[VIEW], as_of_us=AT_US)
    reader = OnlineReader.of(features, workspace.online)

    def read(keys: list[str]) -> list[dict[str, Any]]:
        found = reader.read([{"key": key} for key in keys], [AT_US] * len(keys))
        return [found.row(i) for i in range(len(keys))]

    read(options["keys"][:1])
    return options, read


def work(state: Any) -> dict[str, float]:
    options, read = state
    return medians(read, options["keys"], options["sizes"], options["seconds"])


def finish(options: dict[str, Any], found: dict[str, float]) -> dict[str, Any]:
    _, read = prepare({**options, "materialize": False})
    return {"medians": found, "sample": read(options["keys"][: options["sample"]])}


if __name__ == "__main__":
    serve(prepare, work, finish)
