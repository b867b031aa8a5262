"""What a join adds to the story of some answers: their first rows, and a row where something has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import ARROW_TYPES, TIMESTAMP, to_numpy
from gapless.features import SourceReader
from gapless.product import Model
from gapless.streaming.outcomes import OUTCOMES
from gapless.training.labels import LABELLED, label_names, labels_of

__all__ = ["Now", "changed_rows", "first_rows"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Now:
    """What is known of labels, and by when.

    Parameters:
        definition — names what the product means by the label.
    """

    model: Model
    sources: SourceReader
    known_by_us: int
    definition: str

    def of(self, answers: pa.Table) -> dict[str, pa.Array]:
        """maturity, label and label_known_at of each answer."""
        at, _ = to_numpy(answers.column("as_of"))
        ids = _in_type(answers.column("request_id"), self._id_type())
        found = labels_of(self.model, ids, at, self.sources, known_by_us=self.known_by_us)
        value, maturity, known = label_names(self.model)
        return {"maturity": found[maturity], "label": found[value].cast(pa.float64()), "label_known_at": found[known]}

    def stamp(self, rows: int) -> dict[str, pa.Array]:
        """The columns that say which join wrote a row."""
        known_by = pa.array(np.full(rows, self.known_by_us)).cast(TIMESTAMP)
        return {"known_by": known_by, "label_definition": pa.repeat(self.definition, rows)}

    def _id_type(self) -> pa.DataType:
        requests = self.model.requests
        assert requests.event_id is not None, "Model checks that requests have an event_id"
        return ARROW_TYPES[requests.columns[requests.event_id]]


def first_rows(answers: pa.Table, now: Now) -> pa.Table:
    """Revision 0 of answers that were not seen before."""
    none = pa.array(np.zeros(answers.num_rows, np.int64))
    return _made(answers, {**now.of(answers), "revision": none, "restated": none, **now.stamp(answers.num_rows)})


def changed_rows(before: pa.Table, now: Now) -> tuple[pa.Table, int]:
    """(the next revision of each answer of which something else is known now, how many labels were corrected).

    Parameters:
        before — the newest row of each answer. One that was joined under another definition of the label gets a next
            revision whatever is known, and its corrections are counted from 0 again.
    """
    found = now.of(before)
    same_label = _same(before.column("label"), found["label"])
    same = same_label & _same(before.column("label_known_at"), found["label_known_at"])
    same &= _true(pc.equal(before.column("maturity"), found["maturity"]))
    defined = _true(pc.equal(before.column("label_definition"), now.definition))
    labelled = _true(pc.equal(before.column("maturity"), LABELLED)) & _true(pc.equal(found["maturity"], LABELLED))
    corrected = defined & labelled & ~same_label
    counted = {
        "revision": pa.array(to_numpy(before.column("revision"))[0] + 1),
        "restated": pa.array(np.where(defined, to_numpy(before.column("restated"))[0], 0) + corrected),
    }
    rows = _made(before, {**found, **counted, **now.stamp(before.num_rows)})
    return rows.filter(pa.array(~(same & defined))), int(corrected.sum())


def _made(answers: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    return pa.table([columns.get(name, answers.column(name) if name in answers.column_names else None)
                     for name in OUTCOMES.names], schema=OUTCOMES)  # fmt: skip


def _same(before: pa.ChunkedArray, now: pa.Array) -> Array:
    """Both null, or the same bits."""
    (a, has_a), (b, has_b) = to_numpy(before), to_numpy(now)
    same: Array = (has_a == has_b) & (a.view(np.int64) == b.view(np.int64))
    return same


def _true(mask: pa.Array | pa.ChunkedArray) -> Array:
    values, _ = to_numpy(mask)
    return values


def _in_type(texts: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Ids as the label's source has them; an old definition's id that is no such value is nobody's."""
    if kind == pa.string():
        return texts
    fits = pc.match_substring_regex(texts, "^-?[0-9]{1,18}$")
    return pc.if_else(fits, texts, pa.scalar(None, pa.string())).cast(kind)
