"""The label of each request, looked up where its id and the label's events meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from gapless.expr import columns_of
from gapless.features import SourceReader
from gapless.product import EventSource, Label, Model
from gapless.training.labels import label_columns, label_names

__all__ = ["LabelLookup"]


@dataclass(frozen=True)
class LabelLookup:
    """See `training.labels.label_columns`: what it needs of a model, without the author's functions."""

    requests: EventSource
    label: Label
    known_by_us: int

    @classmethod
    def of(cls, model: Model, known_by_us: int) -> LabelLookup:
        """Of a model, as known by an instant."""
        return cls(model.requests, model.label, known_by_us)

    @property
    def source(self) -> EventSource:
        """See Lookup."""
        return self.label.source

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it gives."""
        return label_names(self)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """(request column, event column) that name the request."""
        assert self.requests.event_id is not None, "Model checks that requests have an event_id"
        return ((self.requests.event_id, self.label.joined_on(self.requests)),)

    @property
    def event_columns(self) -> list[str]:
        """What is read of the label's events."""
        own = {self.label.joined_on(self.requests), self.source.event_time}
        return sorted(columns_of(self.label.expression) | own)

    def columns(self, requests: pa.RecordBatch, sources: SourceReader) -> Mapping[str, pa.Array]:
        """See Lookup."""
        return label_columns(self, requests, sources, known_by_us=self.known_by_us)
