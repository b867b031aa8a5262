"""What an offline store must do where columns come, go, or change their type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from gapless.errors import InputError
from gapless.ports.offline import TextRange, TimeRange
from gapless.testing.offline_rows import SCHEMA, Factory, append, raises, rows_from, same

__all__ = ["a_column_keeps_its_type", "columns_come_and_go_where_they_may"]


def columns_come_and_go_where_they_may(factory: Factory) -> None:
    """With `widen`: what a row does not have is null."""
    store = factory("widen")
    old, wide = rows_from(0, 20), rows_from(20, 20).append_column("more", pa.array([f"m{i}" for i in range(20)]))
    narrow = wide.slice(10).drop_columns(["flag", "at"]).select(["more", "key", "amount", "count"])
    for batch_id, table in (("a", old), ("b", wide), ("c", narrow), ("d", rows_from(40, 5))):
        options: dict[str, Any] = {"batch_id": batch_id, "offset_column": "_offset", "widen": True}
        assert store.append("sources/w", table.to_reader(max_chunksize=7), **options).rows == table.num_rows
        assert store.append("sources/w", table.to_reader(), **options).repeated
    names = ["more", "flag", "key", "_offset"]
    found = store.read("sources/w", columns=names).read_all()
    first = [None] * 20
    more = [*first, *wide.column("more").to_pylist(), *narrow.column("more").to_pylist(), *first[:5]]
    flags = [*old.column("flag").to_pylist(), *wide.column("flag").to_pylist(), *first[:10]]
    assert found.column("more").to_pylist() == more
    assert found.column("flag").to_pylist() == [*flags, *rows_from(40, 5).column("flag").to_pylist()]
    assert found.column("_offset").to_pylist() == list(range(55))
    assert set(store.read("sources/w").schema.names) == {*SCHEMA.names, "more", "_offset"}
    same(store.read("sources/w", columns=["more"]).read_all(), found.select(["more"]))
    for within in (TextRange("more", "m3", "m5"), TimeRange("at", None, -45_000_000), TimeRange("_offset", 15, 43)):
        kept = store.read("sources/w", columns=names, within=within).read_all()
        whole = store.read("sources/w", columns=["_offset"], within=within).read_all()
        places = whole.column("_offset").to_pylist()
        assert kept.column("_offset").to_pylist() == places
        same(kept, found.take(pa.array(places, pa.int64())))
    first_version = store.read("sources/w", version=0)
    assert "more" not in first_version.schema.names
    same(first_version.read_all().drop_columns(["_offset"]), old)


def a_column_keeps_its_type(factory: Factory) -> None:
    """Also with `widen`."""
    store = factory("types")
    append(store, 0, 5, batch_id="a")
    other = rows_from(5, 5).set_column(3, "count", pa.array([1.5] * 5)).append_column("more", pa.array([1] * 5))
    raises(
        InputError,
        lambda: store.append("sources/t", other.to_reader(), batch_id="b", offset_column="_offset", widen=True),
        says="another type",
    )
    assert (store.version("sources/t"), store.read("sources/t").schema.names) == (0, [*SCHEMA.names, "_offset"])
