"""What a store must do whose tables are read and written by many machines at once."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from gapless.errors import Conflict, InputError, NotFound, UnknownName
from gapless.ports.offline import Part, PartWriter, SharedStore, TimeRange
from gapless.testing.offline_rows import SCHEMA, append, raises, rows_from, same

__all__ = ["SHARED_STORE_CHECKS", "check_shared_store"]

_T = "sources/t"


Factory = Callable[[str], SharedStore]
"""See `offline_rows.Factory`."""


def check_shared_store(factory: Factory) -> None:
    """Runs every check of SHARED_STORE_CHECKS, each on stores of its own.

    Raises: AssertionError where the store does not keep a promise of the ports SplitReads and PartAppends.
    """
    for check in SHARED_STORE_CHECKS:
        check(factory)


def splits_are_what_a_read_gives(factory: Factory) -> None:
    store = factory("splits")
    append(store, 0, 60, batch_id="a")
    append(store, 60, 45, batch_id="b")
    columns = ["amount", "key", "_offset"]
    for within in (
        None,
        TimeRange("at", -20_000_000, 30_000_000),
        TimeRange("at", 0),
        TimeRange("at", None, -10_000_000),
    ):
        for rows in (1, 10, 1000):
            splits = store.split(_T, columns=columns, version=1, within=within, rows=rows)
            found = [pickle.loads(pickle.dumps(split)).read().read_all() for split in splits]
            same(pa.concat_tables(found), store.read(_T, columns=columns, version=1, within=within).read_all())
            told = [split.rows for split in splits]
            assert all(n in (None, table.num_rows) for n, table in zip(told, found, strict=True)), told
    assert len(store.split(_T, columns=columns, version=1, rows=1)) > 1, "a table that is not cut"
    assert sum(s.read().read_all().num_rows for s in store.split(_T, columns=["key"], version=0, rows=1)) == 60


def a_split_of_what_is_not_there_is_an_error(factory: Factory) -> None:
    store = factory("no_splits")
    append(store, 0, 5, batch_id="a")
    raises(NotFound, lambda: store.split("sources/u", columns=["key"], version=0, rows=1), says="no such table")
    raises(NotFound, lambda: store.split(_T, columns=["key"], version=9, rows=1), says="no such version")
    raises(UnknownName, lambda: store.split(_T, columns=["kye"], version=0, rows=1), says="did you mean 'key'")


def _written(writer: PartWriter, first: int, count: int) -> Part:
    elsewhere: PartWriter = pickle.loads(pickle.dumps(writer))
    return elsewhere.write(first, rows_from(first, count).to_batches(max_chunksize=6))


def parts_are_one_commit_in_their_order(factory: Factory) -> None:
    store = factory("parts")

    def write(writer: PartWriter) -> Iterator[Part]:
        yield _written(writer, 20, 30)
        _written(writer, 0, 20)  # of a task whose outcome nobody took
        yield _written(writer, 0, 20)
        yield _written(writer, 50, 1)
        assert store.version(_T) is None, "rows are seen before the commit"

    done = store.append_parts(_T, SCHEMA, batch_ids=["a", "b"], write=write)
    assert (done.rows, done.version, done.repeated) == (51, 0, False)
    same(store.read(_T).read_all(), rows_from(0, 51))
    assert store.has_batch(_T, "a")
    assert store.has_batch(_T, "b")
    assert not store.has_batch(_T, "c")
    assert store.stats(_T).rows == 51


def parts_that_are_there_are_not_written_again(factory: Factory) -> None:
    store = factory("parts_again")
    store.append_parts(_T, SCHEMA, batch_ids=["a", "b"], write=lambda writer: [_written(writer, 0, 4)])

    def explode(writer: PartWriter) -> Iterable[Part]:
        raise AssertionError("repeated batches are written")

    again = factory("parts_again").append_parts(_T, SCHEMA, batch_ids=["b", "a"], write=explode)
    assert (again.repeated, again.rows, again.version) == (True, 0, 0)
    raises(
        Conflict,
        lambda: store.append_parts(_T, SCHEMA, batch_ids=["b", "c"], write=explode),
        says="1 of 2 batches",
    )
    assert not store.has_batch(_T, "c")


def parts_and_rows_mix(factory: Factory) -> None:
    store = factory("mixed")
    plain = rows_from(0, 10)
    store.append(_T, plain.to_reader(4), batch_id="a")
    store.append_parts(_T, SCHEMA, batch_ids=["b"], write=lambda writer: [_written(writer, 10, 10)])
    store.append(_T, rows_from(20, 10).to_reader(4), batch_id="c")
    assert sorted(store.read(_T).read_all().column("count").to_pylist(), key=str) == sorted(
        rows_from(0, 30).column("count").to_pylist(), key=str
    )
    assert store.version(_T) == 2


def a_task_that_fails_leaves_nothing(factory: Factory) -> None:
    store = factory("failing")

    def write(writer: PartWriter) -> Iterator[Part]:
        yield _written(writer, 0, 4)
        raise InputError("a row that is no row")

    raises(
        InputError, lambda: store.append_parts(_T, SCHEMA, batch_ids=["a"], write=write), says="a row that is no row"
    )
    assert store.version(_T) is None
    done = store.append_parts(_T, SCHEMA, batch_ids=["a"], write=lambda writer: [_written(writer, 0, 3)])
    assert done.rows == 3
    same(store.read(_T).read_all(), rows_from(0, 3))


def parts_of_other_columns_are_refused(factory: Factory) -> None:
    store = factory("columns")
    store.append(_T, rows_from(0, 3).to_reader(), batch_id="a")
    other = pa.schema([("key", pa.string())])
    raises(
        InputError,
        lambda: store.append_parts(_T, other, batch_ids=["b"], write=lambda writer: []),
        says="column",
    )


SHARED_STORE_CHECKS: tuple[Callable[[Factory], None], ...] = (
    splits_are_what_a_read_gives,
    a_split_of_what_is_not_there_is_an_error,
    parts_are_one_commit_in_their_order,
    parts_that_are_there_are_not_written_again,
    parts_and_rows_mix,
    a_task_that_fails_leaves_nothing,
    parts_of_other_columns_are_refused,
)
