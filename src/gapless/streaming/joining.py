"""Labels joined with answers: a table that grows by a row whenever what is known of an answer changes.

    predictions/MODEL/…  ─ rows not seen yet ───────────┐
                                                        ├─► what is known now ─► is it news? ──► one append
    outcomes/MODEL       ─ newest rows not yet final ───┘            ▲
                                                          the label's source, between them

The newest rows are the state: nothing else has to be kept, found again or agreed with. All changes of a join are one
commit, computed from one version of the table; it goes through only where that version is still the newest. So a join
that is killed has done nothing or all, and one that runs again finds nothing to add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gapless.clock import DAY, format_instant
from gapless.errors import InputError, Transient
from gapless.faults import Fault, no_fault
from gapless.features import SourceReader
from gapless.ports.offline import OfflineStore
from gapless.ports.tables import outcomes_table
from gapless.product import Model
from gapless.product.hashing import definition_hash
from gapless.streaming.changes import Now, changed_rows, first_rows
from gapless.streaming.outcomes import OUTCOMES, answer_tables, no_answers
from gapless.streaming.stories import new_answers, open_answers, seen

__all__ = ["JOIN_POINTS", "LATE_US", "JoinReport", "join_labels"]

JOIN_POINTS = ("begun", "found", "writing", "written")
"""Where `fault(point, table)` is called, in order; "writing" for each batch."""

LATE_US = 35 * DAY
"""A month's file of labels may come this long after its labels were given up."""

CHUNK_ROWS = 1 << 19


@dataclass(frozen=True)
class JoinReport:
    """What a join did.

    Parameters:
        version — of the table of outcomes now.
        answers — seen by now; new — for the first time; final — of the others, not looked at any more.
        written — rows added by the maturity that they say.
        restated — of those, labels whose value was corrected.
    """

    model: str
    table: str
    version: int | None
    known_by_us: int
    answers: int
    new: int
    final: int
    written: dict[str, int]
    restated: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the time as ISO 8601."""
        rest = {name: value for name, value in asdict(self).items() if name != "known_by_us"}
        return {**rest, "known_by": format_instant(self.known_by_us)}


def join_labels(
    model: Model,
    sources: SourceReader,
    store: OfflineStore,
    *,
    known_by_us: int,
    late_us: int | None = LATE_US,
    chunk_rows: int = CHUNK_ROWS,
    fault: Fault = no_fault,
    progress: Callable[[int], None] | None = None,
) -> JoinReport:
    """The table `outcomes/MODEL` says of every landed answer what `label_columns` says of its request by `known_by`.

    A row is added for an answer that is seen for the first time, and whenever its maturity, its label or the instant
    that the label was known at has changed. Where the product defines another label than the last join had, every
    answer gets a row. Each answer counts by itself, also where a request was answered several times.

    Parameters:
        known_by_us — the instant of looking; never earlier than that of a join before, whose changes are in.
        late_us — labels come in after they are known, as files do: an answer is looked at until this long after it
            was given up at the join before; what came later is never seen. None: look at every answer again.
        chunk_rows — answers that are looked at together; more are fewer passes over the label's source and more memory.
        progress — told how many answers were looked at.

    Raises: NotFound where no answer has landed; InputError for an earlier `known_by_us`; Transient where somebody else
        joined meanwhile (nothing was written: run it again); StorageError.

    Guarantees: killed at any point and run again, every change is in once. A join that finds no change writes nothing.

    Cost: a pass over two narrow columns of the outcomes and over the outcomes that are not final; where a table of
        predictions has grown, a pass over nine of its columns; for each chunk, a pass over the label's source in that
        time. Memory of a chunk, some 500 bytes a row, and of 8 bytes for each answer that is not final.
    """
    join = _Join(model, sources, store, known_by_us, late_us, chunk_rows)
    join.check()
    fault("begun", join.table)
    join.write(fault, progress or (lambda done: None))
    return join.report()


class _Join:
    """One join, from one version of the table of outcomes."""

    def __init__(
        self,
        model: Model,
        sources: SourceReader,
        store: OfflineStore,
        known_by_us: int,
        late_us: int | None,
        chunk_rows: int,
    ) -> None:
        self.table = outcomes_table(model.name)
        self._model, self._store, self._chunk_rows = model, store, chunk_rows
        self._version = store.version(self.table)
        self._seen = seen(store, self.table, self._version)
        definition = definition_hash(model.label.canonical(model.requests))[:12]
        self._now = Now(model, sources, known_by_us, definition)
        self._from_us = self._first_open(late_us)
        self._new = self._again = self._restated = 0
        self._written: Counter[str] = Counter()

    def check(self) -> None:
        """There is something to join, and time does not go back."""
        last = self._seen.known_by_us
        if last is not None and self._now.known_by_us < last:
            raise InputError(
                f"labels of model {self._model.name!r} were joined as known later than that: no story goes back",
                seen=format_instant(self._now.known_by_us),
                allowed=f"{format_instant(last)} or later",
                next_step=f"join as of now; what was known before is in {self.table}: rows with known_by up to then",
            )
        if self._version is None and not answer_tables(self._store, self._model.name):
            raise no_answers(self._model.name)

    def write(self, fault: Fault, progress: Callable[[int], None]) -> None:
        """The changes are in the table, or there are none."""
        changes = self._changes(progress)
        first = next(changes, None)
        fault("found", self.table)
        if first is None:
            return

        def batches() -> Iterator[pa.RecordBatch]:
            self._check_unmoved()  # the append holds the table from here on
            for change in chain([first], changes):
                fault("writing", self.table)
                yield from change.to_batches()

        reader = pa.RecordBatchReader.from_batches(OUTCOMES, batches())
        commit = self._store.append(self.table, reader, batch_id=f"labels:{self._now.known_by_us}:{self._version}")
        if commit.repeated:
            raise self._overtaken()
        self._version = commit.version
        fault("written", self.table)

    def report(self) -> JoinReport:
        """What was done."""
        before = sum(self._seen.rows.values())
        return JoinReport(
            self._model.name,
            self.table,
            self._version,
            self._now.known_by_us,
            answers=before + self._new,
            new=self._new,
            final=before - self._again,
            written=dict(sorted(self._written.items())),
            restated=self._restated,
        )

    def _first_open(self, late_us: int | None) -> int | None:
        """The first time of a request whose answers are looked at again; None: every one."""
        last = self._seen.known_by_us
        if last is None or late_us is None or self._seen.definition != self._now.definition:
            return None
        return last - self._model.label.give_up_us - late_us + 1

    def _check_unmoved(self) -> None:
        if self._store.version(self.table) != self._version:
            raise self._overtaken()

    def _overtaken(self) -> Transient:
        return Transient(
            f"somebody else joined labels of model {self._model.name!r} meanwhile",
            next_step="run it again; nothing was written",
        )

    def _changes(self, progress: Callable[[int], None]) -> Iterator[pa.Table]:
        for before in self._open():
            made, corrected = changed_rows(before, self._now)
            self._again += before.num_rows
            self._restated += corrected
            yield from self._counted(made, progress)
        for answers in self._fresh():
            self._new += answers.num_rows
            yield from self._counted(first_rows(answers, self._now), progress)

    def _open(self) -> Iterator[pa.Table]:
        return open_answers(self._store, self.table, self._version, from_us=self._from_us, chunk_rows=self._chunk_rows)

    def _fresh(self) -> Iterator[pa.Table]:
        for name in answer_tables(self._store, self._model.name):
            version = self._store.version(name)
            assert version is not None, "tables are never removed"
            skip = self._seen.rows.get(name, 0)
            yield from new_answers(self._store, name, version, skip=skip, chunk_rows=self._chunk_rows)

    def _counted(self, made: pa.Table, progress: Callable[[int], None]) -> Iterator[pa.Table]:
        progress(self._again + self._new)
        for item in pc.value_counts(made.column("maturity")).to_pylist():
            self._written[item["values"]] += item["counts"]
        if made.num_rows:
            yield made
