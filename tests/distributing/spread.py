"""A view with every aggregation, a history with everything that is awkward, and its features by several ways."""

import pyarrow as pa

import gapless as gl
from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.files import Sizes as FileSizes
from gapless.distributing import Sizes, Tables, compute
from gapless.features import StoreSources, one_batch
from gapless.features import compute as compute_locally
from gapless.ingest import ingest
from gapless.windows import FUNCTIONS
from tests.features.world import EVENTS, REQUESTS, TRUTH, event_table, history, pair, request_table

WINDOWS = ["1h", "6h", "1d"]


@gl.feature_view(entity=pair, source=EVENTS)
def every(e):
    return {
        "count": gl.count(windows=WINDOWS),
        "sum": gl.sum(e.x, windows=WINDOWS),
        "mean": gl.mean(e.x, windows=WINDOWS),
        "var": gl.var(e.x.abs().sqrt(), windows=WINDOWS),
        "std": gl.std(e.x.abs().sqrt(), windows=WINDOWS),
        "min": gl.min(e.x, windows=WINDOWS),
        "max": gl.max(e.x, windows=WINDOWS),
        "first": gl.first(e.text, windows=WINDOWS),
        "last": gl.last(e.x, windows=WINDOWS),
        "n_unique": gl.n_unique(e.text, windows=WINDOWS),
        "last_n": gl.last_n(e.text, n=3, max_age="1d"),
        "any": gl.any(e.x > 1, windows=WINDOWS),
        "all": gl.all(e.x > 1, windows=WINDOWS),
    }


@gl.on_demand
def lengths(r):
    """A text cannot enter the vector."""
    texts = [*(f"first_{window}" for window in WINDOWS), "last_n_1", "last_n_2", "last_n_3"]
    return {name: getattr(r.every, name).length() for name in texts}


MODEL = gl.Model(
    "every",
    requests=REQUESTS,
    features=[every, lengths],
    label=gl.Label("y", source=TRUTH, value=lambda t: t.y > 0, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)
SMALL = Sizes(2, bucket_rows=400, split_rows=300, slice_rows=150)


class Spread:
    """The history in a store, and requests."""

    def __init__(self, folder, *, events=1500, requests=400, seed=11):
        rows, asks = history(seed, events=events, requests=requests)
        self.requests = request_table(asks)
        self.store = DeltaStore(folder / "store", sizes=FileSizes(rows_per_file=400, rows_per_group=100))
        ingest(self.store, EVENTS, event_table(rows))
        self.sources = StoreSources(self.store, {"events": EVENTS})

    def naively(self, monkeypatch):
        """By the oracle."""
        with monkeypatch.context() as patched:
            patched.setattr("gapless.windows.kernel._chosen", lambda kernel: "naive")
            return one_batch(compute_locally(MODEL, self.requests, self.sources))

    def by(self, engine, **more):
        tables = Tables(self.store, self.sources.versions, self.sources.rows)
        return pa.Table.from_batches(compute(engine, MODEL.feature_set, self.requests, tables, sizes=SMALL, **more))


def by_function(found, expected):
    """Aggregation → (values compared, values with other bits)."""
    counts = {}
    for function in FUNCTIONS:
        names = [name for name in expected.column_names if name.removeprefix("every__").rsplit("_", 1)[0] == function]
        assert names, function
        pairs = [pair for name in names for pair in zip(_bits(found, name), _bits(expected, name), strict=True)]
        counts[function] = (len(pairs), sum(a != b for a, b in pairs))
    return counts


def _bits(table, name):
    column = table.column(name).combine_chunks()
    return (column.view(pa.int64()) if pa.types.is_float64(column.type) else column).to_pylist()
