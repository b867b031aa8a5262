"""A product whose views and label read pandas functions, from files to answers over HTTP, and when one is gone."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from gapless.arrow import TIMESTAMP
from gapless.cli import main
from gapless.clock import parse_instant
from gapless.errors import NotFound
from gapless.events.pushing import Pusher
from gapless.features import TableSources, compute, one_batch
from gapless.online import OnlineReader
from gapless.streaming.world import Limits
from gapless.workspace import Workspace
from gapless.workspace.functions import RUNS
from gapless.workspace.streaming import StreamOptions
from tests.cli.shop import PRODUCT, answer, tables
from tests.serving.http.test_serve import post, serving
from tests.streaming.processes import answers, check_everything, make_shop, push, slices

FUNCTION = """
@gl.pandas_function(source=orders, inputs=["amount", "customer_id"], outputs={"cents": float, "big": bool}, version="1")
def priced(frame):
    import numpy as np
    cents = np.floor(frame["amount"] * 100) / 7
    return frame.assign(cents=cents, big=frame["amount"] > 60)[["cents", "big"]]

@gl.pandas_function(source=returns, inputs=["refund"], outputs={"kept": float}, version="1")
def refunded(frame):
    return frame[["refund"]].rename(columns={"refund": "kept"})

@gl.feature_view(entity=customer, source=priced)
def prices(o):
    return {
        "cents": gl.sum(o.cents, windows=["7d"]), "big": gl.mean(o.big, windows=["7d"]),
        "last": gl.last(o.cents), "n": gl.count(windows=["1d"]),
    }
"""
DERIVED = (
    PRODUCT.replace(
        "@gl.feature_view(entity=customer, source=orders)",
        f"{FUNCTION}\n@gl.feature_view(entity=customer, source=orders)",
    )
    .replace("features=[spend, basket]", "features=[spend, prices, basket]")
    .replace("source=returns, value=lambda r: r.refund > 0", "source=refunded, value=lambda r: r.kept > 0")
)
GONE = DERIVED.replace('version="1")\ndef priced', 'version="2")\ndef priced')
STREAMING = GONE.replace('slices=["customer_id"]', 'slices=["customer_id"], streaming=True')
AT = parse_instant("2024-02-20")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop with a live version; the later half of the events is not pushed yet."""
    folder = tmp_path_factory.mktemp("made")
    workspace = make_shop(folder, partitions=2, product=DERIVED)
    workspace.online.close()
    workspace.metadata.close()
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "shop")


@pytest.fixture
def shop(folder):
    workspace = Workspace.open(folder)
    yield workspace
    workspace.events.close()
    workspace.online.close()
    workspace.metadata.close()


def requests(at_us=AT, people=20):
    at = pa.array([at_us] * people, pa.int64()).cast(TIMESTAMP)
    columns = {"checkout_id": [f"k{i}" for i in range(people)], "customer_id": [f"c{i}" for i in range(people)]}
    return pa.table(columns | {"amount": [1.0] * people, "asked_at": at})


def by_hand(known_until_us):
    """The views' columns from orders that were enriched as a whole by pandas, without gapless running the function."""
    orders = tables()["orders"].to_pandas()
    orders["cents"], orders["big"] = np.floor(orders.amount * 100) / 7, orders.amount > 60
    orders["us"] = orders["at"].astype("datetime64[us, UTC]").astype("int64")
    seen = orders[orders.us < known_until_us]
    return {
        f"c{i}": {"last": (mine := seen[seen.customer_id == f"c{i}"].sort_values("us"))["cents"].iloc[-1],
                  "rows": len(mine)}
        for i in range(20)
    }  # fmt: skip


def test_batch_equals_pandas_by_hand(shop, tmp_path):
    report = shop.features("will_return", requests(), tmp_path / "f.arrow")
    table = pa.ipc.open_file(tmp_path / "f.arrow").read_all()
    live = parse_instant("2024-01-31")
    expected = by_hand(live)
    assert table["prices__last"].to_pylist() == [expected[key]["last"] for key in table["customer_id"].to_pylist()]
    (ran,) = report.pandas_functions
    assert (ran["function"], ran["views"], ran["runs"], ran["label"]) == ("priced", ["prices"], RUNS, None)
    assert ran["rows"] > 0
    assert ran["us_per_row"] > 0
    assert ran["rows_per_s"] == pytest.approx(1e6 / ran["us_per_row"])
    written = json.loads((tmp_path / "f.arrow.manifest.json").read_text())
    assert written["pandas_functions"][0]["hash"] == shop.product.pandas_functions["priced"].hash


def test_a_read_of_online_state_is_what_batch_gives(shop):
    looked = OnlineReader.of(shop.product.model("will_return").feature_set, shop.online).read(
        requests().cast(pa.schema([("checkout_id", pa.string()), ("customer_id", pa.string()),
                                   ("amount", pa.float64()), ("asked_at", pa.int64())])).to_pylist(),
        [AT] * 20,
    )  # fmt: skip
    model = shop.product.model("will_return")
    batch = one_batch(compute(model, requests(), shop.sources(model, labels=False)))
    for name, column in looked.columns().items():
        assert column.to_pylist() == batch.column(name).to_pylist(), name


def test_stream_and_verify_agree_with_batch(shop):
    stream = shop.stream(StreamOptions(Limits(refresh_us=1)))
    stream.run_to_end()
    pusher, asked = Pusher(shop.events, shop.clock, partitions=2), 0
    for piece in slices(shop, 12):
        asked += push(shop, pusher, piece) * (piece[0].name == "checkouts")
        stream.run_to_end()
    ran = stream.report()["pandas_functions"]
    stream.close()
    verified = check_everything(shop, asked)
    assert (verified.different, verified.proven["at_its_instant"]) == (0, asked)
    assert [each["name"] for each in ran] == ["priced"]
    assert ran[0]["rows"] > 0
    told, entry = max(answers(shop), key=lambda pair: pair[1].as_of_us)
    explained = shop.explain(told["request_id"], "prices__cents_7d")
    place = shop.product.model("will_return").vector.index("prices__cents_7d")
    assert explained.verdict == "at_its_instant"
    assert explained.explanation.source == "priced"
    assert explained.explanation.float32 == float(np.frombuffer(entry.vector, "<f4")[place])
    assert explained.explanation.events


def test_an_answer_over_http_looks_it_up_and_says_how_old_it_is(shop, folder):
    """The server has no pandas function to run: it reads what was computed, and its age is in the trust."""
    until, later = parse_instant("2024-01-30"), parse_instant("2024-02-02")
    shop.materialize(as_of_us=until, rebuild=True)
    shop.online.close()
    people = [f"c{i}" for i in range(20)]
    rows = [{"checkout_id": f"k{key}", "customer_id": key, "amount": 1.0, "asked_at": "2024-02-02T00:00:00Z"}
            for key in people]  # fmt: skip
    asked = {"views": ["prices"], "rows": [{"customer_id": key} for key in people], "at": "2024-02-02T00:00:00Z"}
    with serving(folder) as (server, _):
        server.wait_ready()
        status, told = post(server, "/v1/models/will_return/predict", {"requests": rows})
        looked = post(server, "/v1/features", asked)
    assert status == 200
    stale = [reason for reason in told["predictions"][0]["reasons"] if reason["code"] == "feature_stale"]
    assert ("prices", later - until) in {(reason["view"], reason["age_us"]) for reason in stale}
    assert told["predictions"][0]["trust"] == "degraded"
    assert looked[0] == 200, looked
    expected = by_hand(until)
    values = [one["values"]["prices__last"] for one in looked[1]["features"]]
    assert values == [expected[key]["last"] for key in people]


def test_reports_say_what_depends_on_functions_and_where_they_run(shop, folder, capsys):
    status = answer(capsys, "status", "--workspace", str(folder))
    found = {each["function"]: each for each in status["pandas_functions"]}
    assert {name: (each["views"], each["label"]) for name, each in found.items()} == {
        "priced": (["prices"], None),
        "refunded": ([], "returned"),
    }
    assert {each["runs"] for each in found.values()} == {"batch, stream, Spark; not in a request"}
    shown = answer(capsys, "models", "show", "will_return", "--workspace", str(folder))
    assert [(each["function"], each["in_product"]) for each in shown["pandas functions"]] == [("priced", True)]
    trained = answer(capsys, "train", "will_return", "--workspace", str(folder))
    ran = {each["function"]: each for each in trained["pandas_functions"]}
    assert set(ran) == {"priced", "refunded"}
    assert all(each["rows"] and each["us_per_row"] > 0 for each in ran.values())
    for words in (["status"], ["models", "show", "will_return"], ["materialize"]):
        assert main([*words, "--workspace", str(folder)]) == 0
        assert "priced" in capsys.readouterr().out or words == ["materialize"]


def test_training_again_gives_the_same_set(shop):
    first, second = (shop.training_set("will_return") for _ in range(2))
    assert first.manifest.content_hash == second.manifest.content_hash
    labelled = [row for row in first.table.to_pylist() if row["label_maturity"] == "labelled"]
    refunds = dict(zip(*(tables()["returns"][name].to_pylist() for name in ("checkout_id", "refund")), strict=True))
    assert labelled
    assert all(row["returned"] == (refunds[row["checkout_id"]] > 0) for row in labelled)


# ---- the product has another function, or none ---------------------------------------------------


@pytest.fixture
def gone(folder):
    """The live version was trained with a function that the product does not have any more."""
    (folder / "product.py").write_text(STREAMING)
    workspace = Workspace.open(folder)
    yield workspace
    workspace.events.close()
    workspace.online.close()
    workspace.metadata.close()


def looked_up(workspace):
    """What the live version reads of its state."""
    rows = [{"checkout_id": "k", "customer_id": f"c{i}", "amount": 1.0, "asked_at": AT} for i in range(20)]
    found = workspace.predictor("will_return").features(rows, AT)
    return [{name: row[name] for name in row if name.startswith("prices__")} for row in found.rows]


def test_what_was_computed_is_still_served(shop, gone):
    before = looked_up(shop)
    assert any(row["prices__last"] is not None for row in before)
    assert looked_up(gone) == before
    gone.materialize()
    assert looked_up(gone) == before


def test_materialize_leaves_out_what_it_cannot_compute_and_says_so(shop, gone):
    before = gone.online.read(list(gone.online.keys(b"")))
    report = gone.materialize()
    (note,) = report.notes
    assert note.startswith("left out prices: the product no longer has pandas function 'priced'")
    assert "version '1'" in note
    # the product's own function made state of its own; the version's is as it was
    assert [each["version"] for each in report.pandas_functions] == ["2"]
    after = dict.fromkeys(gone.online.read(list(gone.online.keys(b""))))
    assert all(value in after for value in before if value is not None and len(value) > 60)


def test_the_stream_leaves_it_out_too(gone):
    stream = gone.stream(StreamOptions(Limits(refresh_us=1), answer=False))
    try:
        stream.run_to_end()
        assert [note for note in stream.notes if "'priced'" in note and "still served" in note]
    finally:
        stream.close()


def test_verify_says_that_it_cannot_compute_it_again(shop, folder):
    stream = shop.stream(StreamOptions(Limits(refresh_us=1)))
    stream.run_to_end()
    pusher = Pusher(shop.events, shop.clock, partitions=2)
    for piece in list(slices(shop, 12))[:6]:
        push(shop, pusher, piece)
    stream.run_to_end()
    stream.close()
    (folder / "product.py").write_text(STREAMING)
    with pytest.raises(NotFound, match="does not have pandas function 'priced' as this version was trained with it"):
        Workspace.open(folder).verify()


def test_table_sources_take_a_label_from_a_function(shop):
    """A label is looked up through the function as well where there is no store."""
    from gapless.training.training_set import training_set

    held = {name: table.cast(table.schema) for name, table in tables().items()}
    model = shop.product.model("will_return")
    made = training_set(model, TableSources(held), versions={}, known_by_us=2**55)
    assert set(made.manifest.counts) <= {"labelled", "given_up"}
    assert made.manifest.counts["labelled"] > 0
