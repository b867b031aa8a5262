"""Which rows are learned from and which evaluate: by time, and by what was known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import to_numpy
from gapless.clock import format_instant
from gapless.errors import InputError
from gapless.features import float32_matrix
from gapless.ports.scorer import Float32
from gapless.product import Model
from gapless.training.fit import label_values
from gapless.training.labels import label_names

__all__ = ["Rows", "Split", "split_by_time"]

HELD_OUT_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows as arrays: features [n, k] float32, truth [n], time [n] in µs, and the table they are from."""

    features: Float32
    truth: npt.NDArray[np.float64]
    at_us: npt.NDArray[np.int64]
    table: pa.Table

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to learn from, all before `until_us` with labels known by then, and rows after it to evaluate on.

    `not_yet_known` counts rows before `until_us` whose label came only after it: a training at that moment could not
    have had them.
    """

    learn: Rows
    evaluate: Rows
    until_us: int
    not_yet_known: int


def split_by_time(model: Model, table: pa.Table, until_us: int | None) -> Split:
    """The labelled rows of a training set, split at `until_us`.

    Parameters:
        until_us — None: so that the last fifth of the labelled rows evaluates.

    Raises: InputError where one side has no row.
    """
    name, _, known_name = label_names(model)
    labelled = table.filter(pc.is_valid(table.column(name)))
    at, _ = to_numpy(labelled.column(model.requests.event_time))
    known, _ = to_numpy(labelled.column(known_name))
    if not len(at):
        raise InputError(
            f"no request of model {model.name!r} has a label",
            seen=f"{table.num_rows} requests without one",
            next_step=f"ingest {model.label.source.name!r}; its {model.label.joined_on(model.requests)!r} must hold "
            f"the requests' {model.requests.event_id!r}",
        )
    cut = int(np.quantile(at, 1 - HELD_OUT_SHARE, method="higher")) if until_us is None else until_us
    before = at < cut
    learn = before & (known <= cut)
    if not learn.any() or before.all():
        raise _one_sided(model, cut, at, int(learn.sum()))
    return Split(
        _rows(model, labelled, learn, at), _rows(model, labelled, ~before, at), cut, int((before & ~learn).sum())
    )


def _rows(model: Model, table: pa.Table, mask: npt.NDArray[Any], at: npt.NDArray[np.int64]) -> Rows:
    kept = table.filter(pa.array(mask))
    truth, _ = label_values(kept.column(model.label.name))
    return Rows(float32_matrix(kept, model.vector), truth, at[mask], kept)


def _one_sided(model: Model, cut: int, at: npt.NDArray[np.int64], learned: int) -> InputError:
    return InputError(
        f"model {model.name!r} needs labelled requests on both sides of the split",
        seen=f"{learned} to learn from before {format_instant(cut)}, {int((at >= cut).sum())} after it to evaluate on",
        allowed=f"a moment between {format_instant(int(at.min()))} and {format_instant(int(at.max()))}",
        next_step="choose another --until, or ingest more of the requests and their labels",
    )
