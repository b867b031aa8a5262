"""A workspace from dirty files to answers: those of batch prediction, through damage and parts that are away."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import gapless as gl
from gapless.adapters.delta import DeltaStore
from gapless.bundle import read_bundle
from gapless.bundle.bundle import as_json
from gapless.clock import parse_instant
from gapless.errors import CorruptData, NotFound
from gapless.ports.metadata import Proposal, Route
from gapless.serving.entries import decode_entry
from tests.examples.load import module
from tests.examples.test_shop import deliver

AS_OF = parse_instant("2024-03-28")
KEYS = ("sku", "warehouse", "customer")
LAST = parse_instant("2091-01-01")


@dataclass(frozen=True)
class Shop:
    """A folder with a trained, materialized and promoted version, its requests, and what batch prediction answers."""

    folder: Path
    requests: list[dict[str, Any]]
    batch: dict[str, dict[str, Any]]

    def open(self) -> gl.Workspace:
        return gl.Workspace.open(self.folder, product=module("shop", "product").product)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    workspace = deliver(tmp_path_factory.mktemp("shop"), 7, orders=600, payments=1_500, visits=2_000).workspace
    workspace.train("will_return", until_us=parse_instant("2024-03-20"), evaluate_until_us=AS_OF)
    workspace.materialize(as_of_us=AS_OF)
    workspace.promote("will_return", "1")
    out = workspace.settings.folder / "predictions"
    workspace.predict("will_return", out, from_us=AS_OF, until_us=LAST, known_by_us=AS_OF)
    table = DeltaStore(out.parent).read("predictions").read_all()
    answers = {row["request_id"]: row for row in table.to_pylist()}
    workspace.online.close()
    workspace.metadata.close()
    return Shop(workspace.settings.folder, requests(workspace), answers)


def requests(workspace):
    """Orders that were made after the instant that the online state is as of, as a server gets them."""
    orders = workspace.product.model("will_return").requests
    table = workspace.offline.read(f"sources/{orders.name}").read_all().select(list(orders.columns))
    at = table.column(orders.event_time).cast(pa.int64())
    table = table.set_column(table.schema.get_field_index(orders.event_time), orders.event_time, at)
    return table.filter(pc.and_(pc.greater_equal(at, AS_OF), pc.less(at, LAST))).to_pylist()


@pytest.fixture
def shop(trained, tmp_path):
    """A copy, so that a test may break it."""
    folder = shutil.copytree(trained.folder, tmp_path / "shop", ignore=shutil.ignore_patterns("events", "predictions"))
    return Shop(folder, trained.requests, trained.batch)


@pytest.fixture
def started(shop):
    """What is live in the copy, started."""
    workspace = shop.open()
    live = workspace.live()
    live.start()
    yield workspace, live
    live.close()
    workspace.metadata.close()


def test_what_is_live_answers_as_batch_prediction_does(trained, started):
    _, live = started
    assert live.health().ready
    assert live.models() == ["will_return"]
    answerer = live.get("will_return")
    together = answerer.answer(trained.requests, AS_OF)
    assert len(together.rows) > 100
    for answer in together.rows:
        expected = trained.batch[answer.request_id]
        assert answer.prediction == expected["prediction"]
        assert answer.probability == expected["probability"]
        assert (answer.trust, list(answer.reasons)) == (expected["trust"], json.loads(expected["reasons"]))
    codes = {reason["code"] for answer in together.rows for reason in answer.reasons}
    assert codes >= {"feature_stale", "entity_unseen", "out_of_range"}
    for i, request in enumerate(trained.requests[:40]):
        alone = answerer.answer([request], AS_OF)
        assert (alone.rows[0], alone.log_entries[0]) == (together.rows[i], together.log_entries[i])


def test_a_log_entry_holds_what_it_takes_to_compute_the_answer_again(trained, started):
    workspace, live = started
    answered = live.get("will_return").answer(trained.requests[:1], AS_OF)
    entry = decode_entry(answered.log_entries[0])
    assert entry.inputs == trained.requests[0]
    again = workspace.predictor(entry.model, entry.version).answer([entry.inputs], entry.answered_us)
    assert again.rows == answered.rows
    assert again.log_entries == answered.log_entries
    assert [group.as_of_us for group in entry.groups] == [AS_OF] * 3


def test_views_alone(trained, started):
    _, live = started
    request = trained.requests[0]
    keys = live.view_keys(["shelf_price", "spending"])
    assert {name: kind.value for name, kind in keys.items()} == dict.fromkeys(
        ("sku", "warehouse", "customer"), "string"
    )
    at = request["ordered_at"]
    found = live.view_features(["shelf_price", "spending"], [{name: request[name] for name in keys}], [at], AS_OF + 5)
    (asked,) = live.get("will_return").features([request], AS_OF + 5).rows
    (row,) = found.rows
    assert row == {name: asked[name] for name in found.types}
    assert {name.split("__")[0] for name in row} == {"shelf_price", "spending"}
    assert found.views["spending"].age_us == 5
    assert found.views["spending"].expected_us is not None
    assert found.reasons == [[]]
    past = live.view_features(["spending"], [{name: request[name] for name in keys}], [0], AS_OF)
    assert past.reasons == [[{"code": "asked_in_past", "view": "spending"}]]
    with pytest.raises(NotFound, match="view"):
        live.view_features(["nothing"], [], [], AS_OF)


def bundle_folder(shop, version="1"):
    (found,) = (shop.folder / ".gapless" / "bundles").glob(f"will_return-{version}-*")
    return found


def break_bundle(shop, version="1"):
    file = bundle_folder(shop, version) / "model.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_bundle_that_broke_on_this_machine_is_fetched_again(shop):
    break_bundle(shop)
    workspace = shop.open()
    answered = workspace.predictor("will_return").answer(shop.requests[:1], AS_OF)
    assert answered.rows[0].prediction == shop.batch[answered.rows[0].request_id]["prediction"]
    assert read_bundle(bundle_folder(shop))
    assert [path.name for path in bundle_folder(shop).parent.glob(".damaged-*")] == [
        f".damaged-{bundle_folder(shop).name}"
    ]
    workspace.online.close()


def second_version(shop, **changes):
    """A version 2 beside the first: the same model, made at another moment. It is at no tracker."""
    first = bundle_folder(shop)
    manifest = json.loads((first / "manifest.json").read_text()) | {"created_us": 1} | changes
    second = first.with_name("will_return-2-0123456789abcdef")
    shutil.copytree(first, second)
    (second / "manifest.json").write_bytes(as_json(manifest))
    return second


def decide(workspace, *versions):
    """What a promotion comes down to, without its gates."""
    routes = (Route(versions[0]), *(Route(one, "fallback") for one in versions[1:]))
    current = workspace.metadata.deployments.current()["will_return"]
    proposal = Proposal("will_return", "promote", routes, "me", "why")
    return workspace.metadata.deployments.decide(proposal, expected=current.revision, at_us=AS_OF)


def until(condition):
    import threading

    for _ in range(2_000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come to be")


def test_a_promotion_reaches_what_is_live_and_so_does_going_back(shop, started):
    workspace, live = started
    second_version(shop)
    before = live.get("will_return")
    decide(workspace, "2", "1")
    until(lambda: live.get("will_return").signature.version == "2")
    assert before.answer(shop.requests[:1], AS_OF).version == "1"
    old, new = (one.answer(shop.requests[:1], AS_OF) for one in (before, live.get("will_return")))
    assert (new.version, new.rows[0].prediction) == ("2", old.rows[0].prediction)
    decide(workspace, "1")
    until(lambda: live.get("will_return").signature.version == "1")
    assert workspace.metadata.incidents.list() == []


@pytest.mark.parametrize("fault", ["corrupt", "absent", "golden"])
def test_a_version_that_cannot_be_served_is_refused_and_the_old_one_goes_on(shop, started, fault):
    workspace, live = started
    if fault != "absent":
        folder = second_version(shop)
    if fault == "corrupt":
        break_bundle(shop, "2")
    if fault == "golden":
        golden = json.loads((folder / "golden.json").read_text())
        golden["outputs"]["probability"] = "00" * (len(golden["outputs"]["probability"]) // 2)
        rewrite(folder, "golden.json", as_json(golden))
    decide(workspace, "2")
    until(lambda: live.health().models["will_return"]["fault"])
    assert live.get("will_return").answer(shop.requests[:1], AS_OF).version == "1"
    health = live.health()
    assert health.ready
    assert health.models["will_return"]["state"] == "behind"
    until(lambda: workspace.metadata.incidents.list())
    (incident,) = workspace.metadata.incidents.list()
    assert (incident.kind, incident.subject, incident.facts["version"]) == ("swap_refused", "will_return", "2")


def rewrite(folder, name, data):
    """Other bytes in a bundle whose manifest agrees with them."""
    import hashlib

    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_bytes(as_json(manifest))


def test_another_bundle_than_the_one_decided_on_is_refused(shop):
    """Somebody put another model under the version's name, hashes and all."""
    folder = bundle_folder(shop)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_bytes(as_json(manifest | {"created_us": 1}))
    workspace = shop.open()
    assert workspace.predictor("will_return").bundle_hash.startswith(
        folder.name[-16:]
    )  # fetched again: it is the right one
    record = workspace.tracker.version("will_return", "1")
    (Path(record.bundle.removeprefix("file://")) / "manifest.json").write_bytes(as_json(manifest | {"created_us": 2}))
    shutil.rmtree(bundle_folder(shop))
    with pytest.raises(CorruptData, match="decided on"):
        workspace.predictor("will_return")
    workspace.online.close()


def test_without_the_metadata_database_answers_go_on_and_a_new_server_starts(shop, started):
    workspace, live = started
    workspace.metadata.close()
    database = shop.folder / ".gapless" / "metadata.db"
    for file in database.parent.glob("metadata.db*"):
        file.unlink()
    database.mkdir()  # so that no new one can be made there
    until(lambda: live.health().parts["metadata"])
    assert live.get("will_return").answer(shop.requests[:1], AS_OF).version == "1"
    assert live.health().ready
    other = shop.open()
    again = other.live()
    again.start()
    assert again.health().parts["metadata"]
    assert again.get("will_return").answer(shop.requests[:1], AS_OF).version == "1"
    again.close()


def test_without_the_tracker_a_server_starts_from_what_is_here(shop):
    shutil.rmtree(shop.folder / ".gapless" / "mlruns", ignore_errors=True)
    (shop.folder / ".gapless" / "mlflow.db").unlink()
    workspace = shop.open()
    live = workspace.live()
    live.start()
    assert live.get("will_return").answer(shop.requests[:1], AS_OF).version == "1"
    assert "tracker" not in vars(workspace)  # it was not even asked
    live.close()


def test_the_newest_version_where_nothing_is_live(shop):
    for file in (shop.folder / ".gapless").glob("metadata.db*"):
        file.unlink()
    workspace = shop.open()
    assert workspace.predictor("will_return").signature.version == "1"
    live = workspace.live()
    live.start()
    assert live.models() == []
    live.close()
