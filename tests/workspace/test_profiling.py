"""Profiles of a workspace's sources and models: by this process, by Spark, and as tables."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import gapless as gl
from gapless.cli import main
from gapless.errors import InputError, UnknownName
from gapless.monitoring import Profiles
from gapless.workspace import Workspace
from tests.cli.shop import ingest_all, make_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    return folder


@pytest.mark.parametrize("name", ["orders", "will_return"])
@pytest.mark.parametrize("every", [None, 7 * 86_400_000_000])
def test_spark_counts_what_this_process_counts(shop, spark, name, every):
    """(Asks for `spark` so that its session is joined and stays.)"""
    engines = ("local", "spark:local[2]")
    here, spread = (Workspace.open(shop, engine=each).profile(name, every_us=every) for each in engines)
    assert here.to_dict() == spread.to_dict()
    assert len(here.profiles) >= len(here.profiles.columns)


def test_a_models_profile_is_that_of_its_training_set(shop):
    workspace = Workspace.open(shop)
    found, rows = workspace.profile("will_return"), workspace.training_set("will_return").table
    model = workspace.product.model("will_return")
    assert set(found.profiles.columns) == {*model.outputs, model.label.columns[0]}
    for one in found.profiles:
        assert one.counts.rows == rows.num_rows
        assert one.counts.missing == rows[one.column].null_count


def test_one_time_and_some_columns(shop):
    workspace = Workspace.open(shop)
    whole = workspace.profile("orders", every_us=86_400_000_000)
    first = min(one.slice_us for one in whole.profiles)
    column = next(iter(whole.profiles.columns))
    part = workspace.profile("source:orders", columns=[column], from_us=first, until_us=first + 86_400_000_000)
    (one,) = part.profiles
    assert one.counts == next(day for day in whole.profiles if day.column == column and day.slice_us == first).counts


def test_names_that_there_are_not_or_twice(shop):
    workspace = Workspace.open(shop)
    with pytest.raises(UnknownName, match="did you mean 'orders'"):
        workspace.profile("ordres")
    with pytest.raises(UnknownName, match="column of 'orders'"):
        workspace.profile("orders", columns=["amuont"])
    model = workspace.product.models[0]
    twice = gl.EventSource(model.name, schema=dict(model.requests.schema), event_time=model.requests.event_time)
    both = Workspace(workspace.settings, product=gl.Product("both", models=[model], sources=[twice]))
    with pytest.raises(InputError, match=f"source:{model.name}, model:{model.name}"):
        both.profile(model.name)


def test_values_are_shown_as_they_are_not_as_markup(capsys, tmp_path):
    folder = make_shop(tmp_path)
    ingest_all(folder)
    bad = pa.table(
        {"order_id": ["o-1", "o-2"], "customer_id": ["[/oops] x", "[red]" + "long " * 20], "amount": [1.0, 2.0]}
    )
    bad = bad.append_column("at", pa.array([0, 1], pa.timestamp("us", "UTC")))
    Workspace.open(folder).ingest("orders", bad)
    assert main(["profile", "orders", "--until", "1970-01-02", "--workspace", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "[/oops]" in shown
    assert "[red]long" in shown


def test_the_command(shop, capsys):
    command = ["profile", "orders", "--workspace", str(shop)]
    assert main([*command, "--every", "7d"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("numbers", "missing", "from"))
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["of"] == "source"
    read = Profiles.from_dict(document)
    assert read.to_dict() == Workspace.open(shop).profile("orders").profiles.to_dict()
    assert {one["kind"] for one in document["profiles"]} <= {"numbers", "categories", "instants"}
    assert main([*command, "--every", "1x"]) == 2
