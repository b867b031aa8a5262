"""What every offline store must do, as checks that any adapter can run.

@pytest.mark.parametrize("check", OFFLINE_STORE_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, tmp_path):
    check(lambda name: MyStore(tmp_path / name))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyarrow as pa

from gapless.errors import GaplessError, InputError, NotFound, UnknownName
from gapless.ports.offline import TextRange, TimeRange
from gapless.testing.offline_rows import SCHEMA, Factory, append, raises, rows_from, same
from gapless.testing.offline_widening import a_column_keeps_its_type, columns_come_and_go_where_they_may
from gapless.testing.threads import in_threads

__all__ = [
    "OFFLINE_STORE_CHECKS",
    "check_offline_store",
]


def check_offline_store(factory: Factory) -> None:
    """Runs every check of OFFLINE_STORE_CHECKS, each on stores of its own.

    Raises: AssertionError where the store does not keep a promise of the port.
    """
    for check in OFFLINE_STORE_CHECKS:
        check(factory)


def rows_come_back_in_order_with_dense_offsets(factory: Factory) -> None:
    store = factory("order")
    assert append(store, 0, 40, batch_id="a").rows == 40
    assert append(store, 40, 25, batch_id="b").rows == 25
    found = store.read("sources/t").read_all()
    assert found.column("_offset").to_pylist() == list(range(65))
    same(found.drop_columns(["_offset"]), rows_from(0, 65))
    zeros = [str(x) for x in found.column("amount").to_pylist() if x == 0]
    assert "-0.0" in zeros, "the sign of a zero is lost"


def a_batch_counts_once_and_is_not_read_again(factory: Factory) -> None:
    store = factory("once")
    first = append(store, 0, 10, batch_id="a")

    def explode() -> Iterator[pa.RecordBatch]:
        raise AssertionError("a repeated batch was read")
        yield

    reader = pa.RecordBatchReader.from_batches(SCHEMA, explode())
    again = factory("once").append("sources/t", reader, batch_id="a", offset_column="_offset")
    assert (again.repeated, again.rows, again.version) == (True, 0, first.version)
    assert store.has_batch("sources/t", "a")
    assert not store.has_batch("sources/t", "b")
    assert store.stats("sources/t").rows == 10


def versions_count_up_and_stay(factory: Factory) -> None:
    store = factory("versions")
    assert store.version("sources/t") is None
    versions = [append(store, 10 * i, 10, batch_id=str(i)).version for i in range(4)]
    assert versions == [0, 1, 2, 3]
    assert store.version("sources/t") == 3
    for version in versions:
        found = store.read("sources/t", version=version).read_all()
        same(found.drop_columns(["_offset"]), rows_from(0, 10 * (version + 1)))
        assert store.stats("sources/t", version=version).rows == 10 * (version + 1)


def a_reader_stays_at_its_version(factory: Factory) -> None:
    store = factory("pinned")
    append(store, 0, 10, batch_id="a")
    reader = store.read("sources/t")
    append(store, 10, 10, batch_id="b")
    assert reader.read_all().num_rows == 10


def columns_come_as_asked(factory: Factory) -> None:
    store = factory("columns")
    append(store, 0, 20, batch_id="a")
    found = store.read("sources/t", columns=["count", "key"]).read_all()
    same(found, rows_from(0, 20).select(["count", "key"]))


def ranges_filter_exactly(factory: Factory) -> None:
    store = factory("ranges")
    for i in range(5):
        append(store, 20 * i, 20, batch_id=str(i))
    whole = store.read("sources/t").read_all()
    us = whole.column("at").cast(pa.int64()).to_pylist()
    for start, end in [(None, None), (-50_000_000, 0), (0, 1), (1, 1_000_001), (7, None), (None, -49_000_000), (9, 9)]:
        expected = [(start is None or t >= start) and (end is None or t < end) for t in us]
        found = store.read("sources/t", within=TimeRange("at", start, end)).read_all()
        same(found, whole.filter(pa.array(expected)))
        aside = store.read("sources/t", columns=["key"], within=TimeRange("at", start, end)).read_all()
        same(aside, whole.filter(pa.array(expected)).select(["key"]))
    found = store.read("sources/t", within=TimeRange("_offset", 33, 61)).read_all()
    same(found, whole.slice(33, 28))
    for first, last in [("", "k000010é"), ("k00002", "k00004"), ("k000030é", "k000030é"), ("z", "a")]:
        keys = whole.column("key").to_pylist()
        expected = [key is not None and first.encode() <= key.encode() <= last.encode() for key in keys]
        same(store.read("sources/t", within=TextRange("key", first, last)).read_all(), whole.filter(pa.array(expected)))


def no_rows_are_a_batch_too(factory: Factory) -> None:
    store = factory("empty")
    commit = append(store, 0, 0, batch_id="none")
    assert (commit.rows, commit.version, commit.repeated) == (0, 0, False)
    assert store.has_batch("sources/t", "none")
    assert store.read("sources/t").read_all().num_rows == 0
    assert store.read("sources/t").schema.names == [*SCHEMA.names, "_offset"]
    assert store.stats("sources/t").rows == 0
    append(store, 0, 3, batch_id="some")
    assert store.read("sources/t").read_all().column("_offset").to_pylist() == [0, 1, 2]


def a_reader_that_fails_leaves_nothing(factory: Factory) -> None:
    store = factory("failing")
    append(store, 0, 5, batch_id="a")

    def fail() -> Iterator[pa.RecordBatch]:
        yield from rows_from(5, 100).to_batches()
        raise InputError("row 101 is bad")

    reader = pa.RecordBatchReader.from_batches(SCHEMA, fail())
    raises(
        InputError,
        lambda: store.append("sources/t", reader, batch_id="b", offset_column="_offset"),
        says="row 101 is bad",
    )
    assert not store.has_batch("sources/t", "b")
    assert store.version("sources/t") == 0
    assert store.read("sources/t").read_all().num_rows == 5
    append(store, 5, 5, batch_id="b")
    assert store.read("sources/t").read_all().column("_offset").to_pylist() == list(range(10))


def other_columns_are_refused(factory: Factory) -> None:
    store = factory("schema")
    append(store, 0, 5, batch_id="a")
    renamed = rows_from(5, 5).rename_columns(["key", "at", "amount", "number", "flag"])
    for table in (renamed, rows_from(5, 5).drop_columns(["flag"]), rows_from(5, 5).select(SCHEMA.names[::-1])):
        reader = table.to_reader()
        raises(
            InputError,
            lambda reader=reader: store.append("sources/t", reader, batch_id="b", offset_column="_offset"),  # type: ignore[misc]
            says="columns differ",
        )
    assert store.version("sources/t") == 0


def what_is_not_there_is_said(factory: Factory) -> None:
    store = factory("missing")
    raises(NotFound, lambda: store.read("sources/t"), says="no such table")
    append(store, 0, 5, batch_id="a")
    raises(NotFound, lambda: store.read("sources/tt"), says="did you mean 'sources/t'?")
    raises(NotFound, lambda: store.read("sources/t", version=9), says="0 to 0")
    raises(NotFound, lambda: store.stats("sources/t", version=9), says="0 to 0")
    raises(UnknownName, lambda: store.read("sources/t", columns=["amout"]), says="did you mean 'amount'?")
    raises(UnknownName, lambda: store.read("sources/t", within=TimeRange("att")), says="did you mean 'at'?")


def names_are_relative_paths(factory: Factory) -> None:
    store = factory("names")
    for name in ("", "/etc", "../up", "a//b", "a/../b", "_delta_log", "a b", "a/"):
        raises(GaplessError, lambda name=name: store.version(name), says="table's name")  # type: ignore[misc]


def tables_are_listed_with_their_counts(factory: Factory) -> None:
    store = factory("listing")
    assert store.tables() == []
    append(store, 0, 50, batch_id="a", table="sources/b")
    append(store, 0, 5, batch_id="a", table="sources/a")
    append(store, 0, 5, batch_id="a", table="predictions/late/2013")
    assert store.tables() == ["predictions/late/2013", "sources/a", "sources/b"]
    stats = store.stats("sources/b")
    assert stats.rows == 50
    assert stats.bytes > 0
    assert stats.files >= 1
    assert stats.ranges.get("at", (-50_000_000, -1_000_000)) == (-50_000_000, -1_000_000)


def strings_of_every_encoding_are_strings(factory: Factory) -> None:
    store = factory("strings")
    words = ["a", None, "b", "a"]
    kinds = [pa.array(words), pa.array(words, pa.large_string()), pa.array(words).dictionary_encode()]
    for i, column in enumerate(kinds):
        store.append("sources/s", pa.table({"word": column}).to_reader(), batch_id=str(i))
    found = store.read("sources/s").read_all()
    assert found.column("word").type == pa.string()
    assert found.column("word").to_pylist() == words * 3


def writers_take_turns(factory: Factory) -> None:
    in_threads(4, lambda i: [append(factory("turns"), 0, 3 + j, batch_id=f"{i}-{j}") for j in range(4)])
    found = factory("turns").read("sources/t").read_all()
    assert found.num_rows == 4 * (3 + 4 + 5 + 6)
    assert found.column("_offset").to_pylist() == list(range(found.num_rows))
    assert factory("turns").version("sources/t") == 15


def what_a_writer_looks_up_stays_true(factory: Factory) -> None:
    """Each of some writers adds "the number of rows so far", which it reads while its own batch is pulled."""

    def add(writer: int) -> None:
        store = factory("lookup")

        def count() -> Iterator[pa.RecordBatch]:
            seen = 0 if store.version("sources/n") is None else store.stats("sources/n").rows
            yield pa.record_batch({"seen": pa.array([seen], pa.int64())})

        reader = pa.RecordBatchReader.from_batches(pa.schema([("seen", pa.int64())]), count())
        store.append("sources/n", reader, batch_id=str(writer))

    in_threads(6, add)
    assert factory("lookup").read("sources/n").read_all().column("seen").to_pylist() == list(range(6))


def times_keep_their_microseconds(factory: Factory) -> None:
    store = factory("times")
    moments = [
        datetime(1700, 1, 1, tzinfo=UTC),
        datetime(2013, 5, 1, 12, 0, 0, 1, UTC),
        datetime(2261, 1, 1, tzinfo=UTC),
    ]
    column = pa.array(moments, pa.timestamp("us", "UTC"))
    store.append("sources/m", pa.table({"at": column}).to_reader(), batch_id="a")
    assert store.read("sources/m").read_all().column("at").to_pylist() == moments


OFFLINE_STORE_CHECKS: tuple[Callable[[Factory], None], ...] = (
    rows_come_back_in_order_with_dense_offsets,
    a_batch_counts_once_and_is_not_read_again,
    versions_count_up_and_stay,
    a_reader_stays_at_its_version,
    columns_come_as_asked,
    ranges_filter_exactly,
    no_rows_are_a_batch_too,
    a_reader_that_fails_leaves_nothing,
    other_columns_are_refused,
    columns_come_and_go_where_they_may,
    a_column_keeps_its_type,
    what_is_not_there_is_said,
    names_are_relative_paths,
    tables_are_listed_with_their_counts,
    strings_of_every_encoding_are_strings,
    writers_take_turns,
    what_a_writer_looks_up_stays_true,
    times_keep_their_microseconds,
)
