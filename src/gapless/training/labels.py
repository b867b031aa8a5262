"""Labels of requests with their maturity, as known by a given moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES, KNOWN_AT, TIMESTAMP, to_numpy
from gapless.errors import InputError
from gapless.expr import columns_of, compile_columns
from gapless.features import DerivedSources, KeyIndex, SourceReader
from gapless.product import EventSource, Label

__all__ = ["GIVEN_UP", "LABELLED", "MATURITY", "PENDING", "label_columns", "label_names", "labels_of"]

LABELLED, PENDING, GIVEN_UP = "labelled", "pending", "given_up"
MATURITY = "label_maturity"

Array = npt.NDArray[Any]


class Labelled(Protocol):
    """What is needed of a model to look up its labels."""

    @property
    def requests(self) -> EventSource:
        """What asks."""
        ...

    @property
    def label(self) -> Label:
        """What is looked up."""
        ...


def label_names(model: Labelled) -> tuple[str, str, str]:
    """The three columns that `label_columns` makes: value, maturity, and when the value was known."""
    return model.label.columns


def label_columns(
    model: Labelled, requests: pa.RecordBatch, sources: SourceReader, *, known_by_us: int
) -> dict[str, pa.Array]:
    """The label of each request: value (null unless labelled), maturity, and when it was known.

    A request at t is labelled by the event that became known last among those that name it, have a value, happened at
    t or later and were known by `min(known_by, t + give_up_after)`. Without one it is `pending` while
    known_by < t + give_up_after, then `given_up`.

    Raises: InputError for two requests with one id.

    Cost: one pass over the label source between the first request and the last one's giving up.
    """
    ids = requests.column(model.requests.event_id)
    index = KeyIndex([ids])
    if len(index) < len(ids):
        raise InputError(
            "two requests have the same id, so that a label cannot tell them apart",
            seen=f"{len(ids) - len(index)} repeated in {model.requests.event_id!r}",
            allowed="each id once",
            next_step="ingest the requests: a repeated event_id counts once there",
        )
    at, _ = to_numpy(requests.column(model.requests.event_time))
    return _labels(model, index, at, sources, known_by_us)


def labels_of(
    model: Labelled, ids: pa.Array | pa.ChunkedArray, at_us: Array, sources: SourceReader, *, known_by_us: int
) -> dict[str, pa.Array]:
    """What `label_columns` gives, for requests that were asked more than once, each time as of an instant of its own.

    Parameters:
        ids — of the request's event_id, in its type; null is nobody's. at_us — [n] the instant of each.

    Cost: as `label_columns`; an event is compared with every row of its id.
    """
    return _labels(model, KeyIndex([ids]), at_us, sources, known_by_us)


def _labels(
    model: Labelled, index: KeyIndex, at: Array, sources: SourceReader, known_by_us: int
) -> dict[str, pa.Array]:
    latest = np.minimum(at + model.label.give_up_us, known_by_us)
    rows, events = _Rows(index), _Joined(len(at))
    for batch in _label_events(model, sources, at):
        event, row = rows.named_by(index.find([batch.column("on")]))
        time = to_numpy(batch.column("time"))[0][event]
        known = to_numpy(batch.column("known"))[0][event]
        value, has_value = (part[event] for part in to_numpy(batch.column("value")))
        in_time = (time >= at[row]) & (time <= at[row] + model.label.give_up_us) & (known <= latest[row])
        fits = has_value & in_time
        events.offer(row[fits], known[fits], value[fits])
    return _to_arrow(model, events, at, known_by_us)


class _Rows:
    """The rows of each id, side by side."""

    def __init__(self, index: KeyIndex) -> None:
        self._order = np.argsort(index.codes, kind="stable")
        self._start = np.searchsorted(index.codes[self._order], np.arange(len(index) + 1))

    def named_by(self, codes: Array) -> tuple[Array, Array]:
        """(event, row) for every row that an event names; the events in their order."""
        naming = np.flatnonzero(codes >= 0)
        first, counts = self._start[codes[naming]], np.diff(self._start)[codes[naming]]
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(naming, counts), self._order[np.repeat(first, counts) + place]


class _Joined:
    """The best event so far of each request: the one known last, the later row among equals."""

    def __init__(self, rows: int) -> None:
        self.known = np.full(rows, np.iinfo(np.int64).min)
        self.value = np.zeros(rows)

    def offer(self, row: Array, known: Array, value: Array) -> None:
        order = np.lexsort((np.arange(len(row)), known, row))
        row, known, value = row[order], known[order], value[order]
        last = np.append(row[1:] != row[:-1], True)[: len(row)]
        row, known, value = row[last], known[last], value[last]
        better = known >= self.known[row]
        self.known[row[better]] = known[better]
        self.value[row[better]] = value[better]


def _label_events(model: Labelled, sources: SourceReader, at: Array) -> Iterator[pa.RecordBatch]:
    if not len(at):
        return
    label, source = model.label, model.label.source
    on = label.joined_on(model.requests)
    columns = sorted(columns_of(label.expression) | {on, source.event_time})
    program = compile_columns({"value": label.expression})
    # Events later than the last giving up cannot count: they are known no earlier than they happen, or not at all.
    end_us = int(at.max()) + label.give_up_us + 1
    for batch in DerivedSources.around(sources).read(source, columns, start_us=int(at.min()), end_us=end_us):
        arrays = [batch.column(on), batch.column(source.event_time), batch.column(KNOWN_AT)]
        yield pa.RecordBatch.from_arrays([*arrays, program(batch).column(0)], ["on", "time", "known", "value"])


def _to_arrow(model: Labelled, events: _Joined, at: Array, known_by_us: int) -> dict[str, pa.Array]:
    name, maturity, known = label_names(model)
    found = events.known > np.iinfo(np.int64).min
    given_up = ~found & (known_by_us >= at + model.label.give_up_us)
    state = np.where(found, 0, np.where(given_up, 2, 1)).astype(np.int8)
    values = pa.array(events.value, mask=~found).cast(ARROW_TYPES[model.label.expression.type])
    return {
        name: values,
        maturity: pa.DictionaryArray.from_arrays(pa.array(state), [LABELLED, PENDING, GIVEN_UP]).dictionary_decode(),
        known: pa.array(np.where(found, events.known, 0), mask=~found).cast(TIMESTAMP),
    }
