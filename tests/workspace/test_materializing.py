"""gapless materialize on a workspace: from ingested files to what a request reads."""

from __future__ import annotations

import fcntl

import pyarrow as pa
import pytest

from gapless.cli import main
from gapless.clock import DAY, parse_instant
from gapless.errors import Conflict, InputError, SettingsError, Transient, UnknownName
from gapless.online import OnlineReader
from gapless.workspace import Workspace
from tests.cli.shop import START, answer, copy, ingest_all, make_shop

NOW = parse_instant("2024-01-20T00:00:00Z")


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    return folder


@pytest.fixture
def shop(ingested, tmp_path):
    return Workspace.open(copy(ingested, tmp_path / "shop"))


def requests(at_us):
    people = [f"c{i}" for i in range(20)] + [None, "nobody"]
    at = pa.array([at_us] * len(people), pa.timestamp("us", "UTC"))
    columns = {"checkout_id": [f"k{i}" for i in range(len(people))], "customer_id": people}
    return pa.table(columns | {"amount": [1.0] * len(people), "asked_at": at})


def batch(shop, at_us, out):
    shop.features("will_return", requests(at_us), out)
    return pa.table(pa.ipc.open_file(out).read_all()) if out.suffix == ".arrow" else None


@pytest.mark.parametrize("later", [0, 1, 5 * DAY])
def test_reads_equal_the_features_of_batch(shop, tmp_path, later):
    """At the instant it is as of and at later ones, as long as nothing else became known."""
    end = parse_instant(START) + 40 * DAY
    shop.materialize(as_of_us=end)
    table = batch(shop, end + later, tmp_path / "f.arrow")
    rows = [{"customer_id": key} for key in table.column("customer_id").to_pylist()]
    looked = OnlineReader.of(shop.product.model("will_return").feature_set, shop.online).read(
        rows, [end + later] * len(rows)
    )
    for name, column in looked.columns().items():
        assert column.to_pylist() == table.column(name).to_pylist()


def test_day_by_day_is_all_at_once(shop, ingested, tmp_path):
    other = Workspace.open(copy(ingested, tmp_path / "other"))
    start = parse_instant(START)
    events = sum(shop.materialize(as_of_us=start + day * DAY).groups[0].events for day in range(0, 41, 5))
    whole = other.materialize(as_of_us=start + 40 * DAY).groups[0]
    assert events == whole.events == 1_500
    layout = whole.namespace
    keys = sorted(shop.online.keys(bytes.fromhex(layout) + b"\x01"))
    assert len(keys) == 20
    cut = 25  # the head of a record names its commit
    assert [data[cut:] for data in shop.online.read(keys)] == [data[cut:] for data in other.online.read(keys)]


def test_the_command_prints_what_it_did(shop, capsys):
    folder = str(shop.settings.folder)
    printed = answer(capsys, "materialize", "--as-of", "2024-01-20", "--workspace", folder)
    (group,) = printed["groups"]
    assert group["views"] == ["spend"]
    assert (group["offset"], group["as_of"]) == (1_500, "2024-01-20T00:00:00Z")
    assert 0 < group["events"] < 1_500
    assert printed["notes"] == []
    assert main(["materialize", "spend", "--as-of", "2024-01-21", "--workspace", folder]) == 0
    assert "spend" in capsys.readouterr().out


def test_an_earlier_instant_wants_a_rebuild(shop):
    shop.materialize(as_of_us=NOW)
    with pytest.raises(InputError, match="knows more"):
        shop.materialize(as_of_us=NOW - DAY)
    assert shop.materialize(as_of_us=NOW - DAY, rebuild=True).groups[0].as_of_us == NOW - DAY


def test_an_instant_to_come_would_look_fresh_until_then_and_is_refused(shop):
    now = shop.clock.now_us()
    for rebuild in (False, True):
        with pytest.raises(InputError, match="nobody knows yet"):
            shop.materialize(as_of_us=now + 366 * DAY, rebuild=rebuild)
    assert shop.materialize().groups[0].as_of_us >= now


def test_views_and_models_are_chosen_by_name(shop):
    assert shop.materialize(["spend"], as_of_us=NOW).groups[0].views == ("spend",)
    assert shop.materialize(model="will_return", as_of_us=NOW).groups[0].events == 0
    with pytest.raises(UnknownName, match="spent"):
        shop.materialize(["spent"])
    with pytest.raises(InputError, match="which model"):
        shop.materialize(version="1")


def test_two_at_once_in_a_workspace_are_told(shop):
    with open(shop.home("locks") / "materialize.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="under way"):
            shop.materialize(as_of_us=NOW)
    shop.materialize(as_of_us=NOW)


def test_incomplete_views_are_named(shop):
    from gapless.workspace.materializing import incomplete_views

    features = shop.product.model("will_return").feature_set
    assert incomplete_views(shop, features) == ["spend"]
    shop.materialize(as_of_us=NOW)
    assert incomplete_views(shop, features) == []


@pytest.mark.parametrize("uri", ["memcached://here", "redis:/here", "online"])
def test_a_store_that_nobody_knows_is_a_mistake_in_the_settings(shop, uri):
    (shop.settings.folder / "gapless.toml").write_text(f'[stores]\nonline = "{uri}"\n')
    with pytest.raises(SettingsError, match="online"):
        Workspace.open(shop.settings.folder).online.read([b"key"])


def test_a_live_version_is_kept_fresh_after_its_features_changed(shop):
    """What answers was trained with another definition than the product has by now."""
    from gapless.bundle import feature_set
    from gapless.ports.metadata import Proposal, Route
    from gapless.workspace.versions import fetch_bundle

    trained = shop.train("will_return")
    route = (Route(trained.version),)
    proposal = Proposal("will_return", "promote", route, by="test", why="test")
    shop.metadata.deployments.decide(proposal, expected=0, at_us=NOW)
    product = shop.settings.folder / "product.py"
    product.write_text(
        product.read_text().replace('windows=["7d"])}', 'windows=["14d"])}').replace("usual_7d", "usual_14d")
    )
    changed = Workspace.open(shop.settings.folder)
    live = feature_set(fetch_bundle(changed, changed.tracker.version("will_return", trained.version)))
    assert live.features_hash != changed.product.model("will_return").features_hash
    report = changed.materialize(as_of_us=NOW)
    assert len({group.namespace for group in report.groups}) == 2
    assert OnlineReader.of(live, changed.online).heads().as_of_us == {"spend": NOW}
    (alone,) = changed.materialize(model="will_return", version=trained.version, as_of_us=NOW + DAY).groups
    assert alone.as_of_us == NOW + DAY


def changed_product(shop, days):
    """The same workspace after somebody has edited a window."""
    product = shop.settings.folder / "product.py"
    before = 'windows=["1d", "7d"]'
    product.write_text(product.read_text().replace(before, f'windows=["1d", "7d", "{days}d"]'))
    return Workspace.open(shop.settings.folder)


def deploy(shop, *versions):
    from gapless.ports.metadata import Proposal, Route

    routes = tuple(Route(version, "fallback" if i else "main") for i, version in enumerate(versions))
    current = shop.metadata.deployments.current().get("will_return")
    proposal = Proposal("will_return", "promote", routes, by="test", why="test")
    shop.metadata.deployments.decide(proposal, expected=current.revision if current else 0, at_us=NOW)


def test_state_that_nothing_needs_any_more_is_removed(shop, capsys):
    (old,) = shop.materialize(as_of_us=NOW).groups
    before = (shop.settings.folder / "product.py").read_text()
    changed = changed_product(shop, 3)
    report = changed.materialize(as_of_us=NOW, prune=True)
    assert [(gone.namespace, gone.as_of_us) for gone in report.pruned] == [(old.namespace, NOW)]
    assert not list(changed.online.keys(bytes.fromhex(old.namespace)))
    assert list(changed.online.keys(bytes.fromhex(report.groups[0].namespace)))
    folder = str(shop.settings.folder)
    assert answer(capsys, "materialize", "--as-of", "2024-01-20", "--prune", "--workspace", folder)["pruned"] == []
    (shop.settings.folder / "product.py").write_text(before)
    assert main(["materialize", "--as-of", "2024-01-20", "--prune", "--workspace", folder]) == 0
    assert f"removed {report.groups[0].namespace}: " in " ".join(capsys.readouterr().out.split())


def test_what_a_version_in_use_needs_is_never_removed(shop):
    """Live, fallback, and what a rollback brings back; then, two promotions later, it is gone."""
    versions = [shop.train("will_return").version]
    (first,) = shop.materialize(as_of_us=NOW).groups
    deploy(shop, versions[0])
    changed = changed_product(shop, 3)
    versions.append(changed.train("will_return").version)
    for routes in ((versions[0],), (versions[1], versions[0]), (versions[1],)):
        if routes != (versions[0],):
            deploy(changed, *routes)
        assert changed.materialize(as_of_us=NOW, prune=True).pruned == ()  # the last one: a rollback leads back to it
    deploy(changed, versions[1])
    assert [gone.namespace for gone in changed.materialize(as_of_us=NOW, prune=True).pruned] == [first.namespace]
    asked = changed.materialize(model="will_return", version=versions[0], as_of_us=NOW, prune=True)
    assert asked.groups[0].namespace == first.namespace
    assert asked.pruned == ()  # what was asked for stays
    assert len(changed.materialize(as_of_us=NOW, prune=True).pruned) == 1


def test_nothing_is_removed_while_not_all_is_known_that_is_needed(shop):
    trained = shop.train("will_return").version
    (old,) = shop.materialize(as_of_us=NOW).groups
    deploy(shop, trained)
    changed = changed_product(shop, 3)
    changed.materialize(as_of_us=NOW)
    (kept,) = shop.home("bundles").glob("will_return-*")
    (kept / "manifest.json").write_text("{}")
    report = changed.materialize(as_of_us=NOW + DAY)
    assert report.groups[0].as_of_us == NOW + DAY  # what is damaged stops nothing else
    assert "left out what version" in report.notes[0]
    with pytest.raises(Transient, match="nothing is removed"):
        changed.materialize(as_of_us=NOW + DAY, prune=True)
    assert list(changed.online.keys(bytes.fromhex(old.namespace)))


def test_the_product_is_kept_fresh_while_nobody_knows_what_is_live(ingested, tmp_path, capsys):
    folder = copy(ingested, tmp_path / "shop")
    (folder / "gapless.toml").write_text('[stores]\nmetadata = "postgresql://127.0.0.1:1/nobody"\n')
    printed = answer(capsys, "materialize", "--as-of", "2024-01-20", "--workspace", str(folder))
    assert printed["groups"][0]["views"] == ["spend"]
    assert "left out what versions that are live need" in printed["notes"][0]
