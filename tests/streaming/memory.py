"""Small true implementations of what the processor stands on, so that ten thousand crashes take seconds."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from gapless.errors import Conflict, NotFound
from gapless.ports.events import TopicPartition
from gapless.ports.offline import Commit, TableStats, TimeRange
from tests.events.memory_log import MemoryLog


class MemoryOffline:
    """An offline store that forgets with the object; an append is there as a whole or not at all.

    Parameters:
        fault — called before and after an append.
    """

    def __init__(self, *, fault=lambda point, table: None):
        self.tables_, self.fault = {}, fault

    def append(self, table, batches, *, batch_id, offset_column=None, widen=False):
        there = self.tables_.get(table)
        if there is not None and batch_id in there[1]:
            return Commit(table, len(there[1]) - 1, 0, True)
        made = pa.Table.from_batches(list(batches), batches.schema)
        rows = 0 if there is None else there[0].num_rows
        if offset_column is not None:
            made = made.append_column(offset_column, pa.array(range(rows, rows + made.num_rows), pa.int64()))
        self.fault("append", table)
        whole = made if there is None else pa.concat_tables([there[0], made])
        self.tables_[table] = (whole, [*(there[1] if there else []), batch_id])
        self.fault("appended", table)
        return Commit(table, len(self.tables_[table][1]) - 1, made.num_rows, False)

    def read(self, table, *, columns=None, version=None, within=None):
        if table not in self.tables_:
            raise NotFound("no such table", seen=table)
        found = self.tables_[table][0]
        if isinstance(within, TimeRange):
            values = found.column(within.column)
            values = values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
            keep = pc.is_valid(values)
            if within.start_us is not None:
                keep = pc.and_(keep, pc.greater_equal(values, within.start_us))
            if within.end_us is not None:
                keep = pc.and_(keep, pc.less(values, within.end_us))
            found = found.filter(keep)
        return (found if columns is None else found.select(list(columns))).to_reader()

    def version(self, table):
        return len(self.tables_[table][1]) - 1 if table in self.tables_ else None

    def has_batch(self, table, batch_id):
        return table in self.tables_ and batch_id in self.tables_[table][1]

    def tables(self):
        return sorted(self.tables_)

    def stats(self, table, *, version=None):
        if table not in self.tables_:
            raise NotFound("no such table", seen=table)
        found = self.tables_[table][0]
        ranges = {}
        for name in found.column_names:
            column = found.column(name)
            column = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
            ends = pc.min_max(column).as_py()
            if ends["min"] is not None:
                ranges[name] = (ends["min"], ends["max"])
        return TableStats(found.num_rows, found.nbytes, 1, ranges)


class GroupedLog(MemoryLog):
    """A log in memory with groups: the member that joined last has all partitions, one that joined before has none.

    Parameters:
        fault — called at each append and commit, before and after.
    """

    def __init__(self, *, now_us=lambda: 0, gap=0, fault=lambda point, what: None):
        super().__init__(now_us=now_us, gap=gap)
        self.fault = fault
        self.offsets, self.generations = {}, {}

    def join(self, group, topics):
        self.generations[group] = self.generations.get(group, 0) + 1
        return _Member(self, group, topics, self.generations[group])


class _Member:
    def __init__(self, log, group, topics, generation):
        self._log, self._group, self._topics, self._generation = log, group, topics, generation

    def assigned(self):
        if self._log.generations[self._group] != self._generation:
            return frozenset()
        return frozenset(
            TopicPartition(topic, partition)
            for topic in self._topics
            for partition in range(len(self._log.spans(topic)))
        )

    def committed(self, partition):
        return self._log.offsets.get((self._group, partition))

    def commit(self, outputs, offsets):
        self._log.fault("commit", self._group)
        if self._log.generations[self._group] != self._generation:
            raise Conflict("the partition is somebody else's", seen=self._group)
        places = [self._log.append(topic, [out])[0] for topic, out in outputs]
        self._log.offsets.update({(self._group, partition): offset for partition, offset in offsets.items()})
        self._log.fault("committed", self._group)
        return places

    def close(self):
        """Nothing is held."""
