"""gapless push: files and standard input into the event log of a workspace, and history played back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapless.adapters.segments import FileEventLog
from gapless.cli import main
from gapless.clock import HOUR, parse_instant
from gapless.errors import DefinitionError, InputError, NotFound, UnknownName
from gapless.events.intake import Intake
from gapless.workspace import Workspace
from tests.cli.shop import answer, make_shop, tables
from tests.events.clicks import shown

START = parse_instant("2024-01-01T00:00:00Z")


@pytest.fixture
def shop(tmp_path):
    return make_shop(tmp_path / "shop")


def pushed(folder, name, partitions=1):
    """What the log holds of a source, as it is taken in, in the order of the log."""
    source, log = Workspace.open(folder).product.source(name), FileEventLog(Path(folder) / ".gapless" / "events")
    rows = []
    for partition in range(partitions):
        taken = Intake(source, partition).take(log.read(f"events.{name}", partition, 0, max_bytes=1 << 30))
        assert taken.rejected == []
        rows += shown(taken.rows)
    log.close()
    return rows


def plain(table):
    return [
        {name: round(v.timestamp() * 1e6) if hasattr(v, "timestamp") else v for name, v in row.items()}
        for row in table.to_pylist()
    ]


def without(rows, *names):
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def test_a_file_is_in_the_log_known_from_now_on(shop, capsys):
    before = time.time_ns() // 1_000
    report = answer(capsys, "push", "orders", str(shop / "orders.parquet"), "--workspace", str(shop))
    (file,) = report["files"]
    assert (file["rows_read"], file["rows_pushed"], file["rows_quarantined"]) == (1_500, 1_500, 0)
    rows = pushed(shop, "orders")
    assert without(rows, "_known_at", "_offset") == plain(tables()["orders"])
    assert min(row["_known_at"] for row in rows) >= before


def test_history_played_back_is_known_as_the_source_says(shop, capsys):
    answer(capsys, "push", "orders", str(shop / "orders.parquet"), "--replay", "--workspace", str(shop))
    assert all(row["_known_at"] == row["at"] for row in pushed(shop, "orders"))


def test_partitions_are_those_of_the_settings(shop, capsys):
    (shop / "gapless.toml").write_text("[stream]\npartitions = 3\n")
    answer(capsys, "push", "orders", str(shop / "orders.parquet"), "--workspace", str(shop))
    rows = pushed(shop, "orders", partitions=3)
    assert sorted(row["order_id"] for row in rows) == sorted(tables()["orders"]["order_id"].to_pylist())


def test_files_in_order_with_bad_rows_put_aside(shop, capsys):
    (shop / "a.jsonl").write_text('{"order_id": "x", "customer_id": "c", "amount": 1, "at": "2024-01-01"}\nbroken\n')
    (shop / "b.csv").write_text("order_id,customer_id,amount,at,color\n,c,1,2024-01-01,red\ny,c,much,2024-01-01,red\n")
    words = ["push", "orders", str(shop / "a.jsonl"), str(shop / "b.csv"), "--workspace", str(shop)]
    a, b = answer(capsys, *words)["files"]
    assert (a["rows_read"], a["rows_pushed"], a["reasons"]) == (2, 1, {"not_json": 1})
    assert (b["rows_read"], b["rows_pushed"], b["extra_columns"]) == (2, 0, ["color"])
    assert [row["order_id"] for row in pushed(shop, "orders")] == ["x"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "not_a_number: 1, null_event_id: 1" in text
    assert "quarantine/orders" in text
    aside = Workspace.open(shop).offline.read("quarantine/orders").read_all().to_pylist()
    assert sorted((row["reason"], row["row_number"]) for row in aside) == [  # of the second time nothing is added
        ("not_a_number", 2),
        ("not_json", 2),
        ("null_event_id", 1),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"order_id": "x", "amount": 1, "at": "2024-01-01"}\n', "lacks a column of the schema: customer_id"),
        ('[{"order_id": "x"}]', "a JSON array"),
        ("", "the file is empty"),
    ],
)
def test_a_file_is_refused_before_anything_of_it_is_pushed(shop, capsys, text, hint):
    (shop / "a.jsonl").write_text(text)
    assert main(["push", "orders", str(shop / "a.jsonl"), "--workspace", str(shop)]) == 1
    assert hint in capsys.readouterr().err
    assert not (shop / ".gapless" / "events").exists()


def test_a_source_that_is_not_there_is_said(shop, capsys):
    assert main(["push", "order", str(shop / "orders.parquet"), "--workspace", str(shop)]) == 1
    assert "did you mean 'orders'" in capsys.readouterr().err


def line(i, **more):
    row = {"order_id": f"o{i}", "customer_id": "c", "amount": i, "at": "2024-01-01T00:00:00Z"} | more
    return json.dumps(row).encode() + b"\n"


def until(found, seconds=60.0):
    """What `found` gives once it is something."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return value


def ids(folder):
    """Of the log as it is now, read by somebody else."""
    try:
        return [row["order_id"] for row in pushed(folder, "orders")]
    except NotFound:  # the topic is made with the first event
        return []


def test_lines_of_standard_input_are_in_the_log_while_more_may_come(shop):
    command = [sys.executable, "-m", "gapless", "push", "orders", "--workspace", str(shop), "--json"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        process.stdin.write(line(0) + b"\n" + line(1)[:20])
        process.stdin.flush()
        assert until(lambda: ids(shop)) == ["o0"]
        process.stdin.write(line(1)[20:] + b"null\n" + line(2, amount="much"))
        process.stdin.flush()
        assert until(lambda: len(found := ids(shop)) > 1 and found) == ["o0", "o1"]
        process.stdin.write(line(3).rstrip())  # the last line may have no end
        process.stdin.close()
        (report,) = json.loads(process.stdout.read())["files"]
    assert process.returncode == 0
    assert (report["rows_read"], report["rows_pushed"]) == (5, 3)
    assert report["reasons"] == {"not_a_number": 1, "not_an_object": 1}
    assert ids(shop) == ["o0", "o1", "o3"]
    aside = Workspace.open(shop).offline.read("quarantine/orders").read_all().to_pylist()
    assert sorted((row["row_number"], row["file"]) for row in aside) == [(4, "standard input"), (5, "standard input")]


def test_who_pushes_lines_and_is_killed_has_pushed_those_that_came(shop):
    command = [sys.executable, "-m", "gapless", "push", "orders", "-", "--workspace", str(shop)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        process.stdin.write(b"".join(line(i) for i in range(200)))
        process.stdin.flush()
        until(lambda: len(ids(shop)) == 200)
        process.send_signal(signal.SIGKILL)
    assert ids(shop) == [f"o{i}" for i in range(200)]


# ---- from Python ----


def test_tables_and_streams_are_pushed_too(shop):
    workspace = Workspace.open(shop)
    table = tables()["orders"]
    assert workspace.push("orders", table.slice(0, 2), name="some").to_dict()["name"] == "some"
    assert workspace.push("orders", table.slice(2, 3).to_reader()).rows_pushed == 3
    assert workspace.push("orders", pa.BufferReader(line(2_007) + line(2_008))).rows_pushed == 2
    with (shop / "orders.parquet").open("rb") as file:
        assert workspace.push("orders", file, format="parquet").rows_pushed == 1_500
    done = []
    assert workspace.push("orders", shop / "orders.parquet", progress=done.append).rows_read == done[-1] == 1_500
    with pytest.raises(UnknownName):
        workspace.push("nobodys", table)
    with pytest.raises(InputError, match="longer than 4 MiB"):
        workspace.push("orders", pa.BufferReader(line(2_009) + b"x" * (5 << 20)))
    rows = pushed(shop, "orders")
    assert len(rows) == 1_500 + 3  # the ids of the table count once, however often it is pushed
    workspace.events.close()


@pytest.mark.parametrize("every", ["1h", "1d"])
def test_history_is_played_back_in_slices_of_what_was_known(shop, every):
    workspace = Workspace.open(shop)
    files = {name: shop / f"{name}.parquet" for name in ("checkouts", "orders", "returns")}
    truth = {name: plain(table) for name, table in tables().items()}
    times = {"checkouts": "asked_at", "orders": "at", "returns": "returned_at"}
    width = HOUR if every == "1h" else 24 * HOUR
    first, last = START + 5 * 24 * HOUR, START + 7 * 24 * HOUR
    ends = []
    for end_us in workspace.replay(files, every=every, from_us=first, until_us=last):
        ends.append(end_us)
        if len(ends) % 10 == 1:
            for name, rows in truth.items():
                known = [row for row in rows if first <= row[times[name]] < last and row[times[name]] <= end_us]
                known.sort(key=lambda row, name=name: row[times[name]])
                assert without(pushed(shop, name), "_known_at", "_offset") == known
    both = [row[times[name]] for name, rows in truth.items() for row in rows if first <= row[times[name]] < last]
    assert ends == sorted({-(-us // width) * width for us in both})
    workspace.events.close()


def test_history_without_order_is_sorted_and_its_bad_rows_are_put_aside(shop):
    workspace = Workspace.open(shop)
    at = [START + hour * HOUR for hour in (3, 1, 2)]
    table = pa.table({"order_id": ["c", "a", "b"], "customer_id": ["x"] * 3, "amount": [1.0] * 3})
    table = table.append_column("at", pa.array(at, pa.timestamp("us", "UTC")))
    bad = pa.table({name: pa.nulls(1, table.schema.field(name).type) for name in table.schema.names})
    ends = list(workspace.replay({"orders": pa.concat_tables([table, bad])}))
    assert ends == sorted(at)
    assert [row["order_id"] for row in pushed(shop, "orders")] == ["a", "b", "c"]
    aside = workspace.offline.read("quarantine/orders").read_all()
    assert aside.column("reason").to_pylist() == ["null_event_time"]
    assert list(workspace.replay({})) == []
    with pytest.raises(DefinitionError, match="not a duration"):
        workspace.replay({}, every="soon")
    workspace.events.close()


def test_a_file_that_cannot_be_read_stops_a_replay_before_its_first_slice(shop):
    workspace = Workspace.open(shop)
    pq.write_table(tables()["returns"].drop_columns(["refund"]), shop / "returns.parquet")
    with pytest.raises(InputError, match="lacks a column"):
        workspace.replay({"orders": shop / "orders.parquet", "returns": shop / "returns.parquet"})
    assert not (shop / ".gapless" / "events").exists()
