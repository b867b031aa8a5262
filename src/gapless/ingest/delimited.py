"""CSV: every column is read as text; a line with another number of fields than the header is one bad row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from gapless.errors import InputError
from gapless.ingest.columns import extra_columns
from gapless.ingest.content import Content
from gapless.ingest.rows import Raw, Rejected
from gapless.schema import Schema

__all__ = ["CsvOrigin"]

_BLOCK_BYTES = 4 << 20
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class CsvOrigin:
    """A CSV file with a header, in UTF-8; compressed ones are recognized by their name's ending."""

    content: Content
    extra_columns: tuple[str, ...]
    wanted: tuple[str, ...]
    delimiter: str
    has_types: bool = False

    @classmethod
    def open(cls, content: Content, schema: Schema) -> CsvOrigin:
        """Reads the header.

        Raises: InputError where it is another format, or lacks a column.
        """
        header = _header(content)
        found, delimiter = _split(header, list(schema))
        return cls(content, extra_columns(found, list(schema), file=content.name), tuple(schema), delimiter)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.content.name

    @property
    def batch_id(self) -> str:
        """The hash of the file's bytes."""
        return self.content.digest

    def batches(self) -> Iterator[Raw]:
        """All rows, in order."""
        uneven = _Uneven()
        try:
            with pa.input_stream(str(self.content.path)) as stream:
                reader = self._reader(stream, uneven)
                for batch in reader or ():
                    yield uneven.numbered(batch)
        except (pa.ArrowException, OSError) as problem:
            raise _unreadable(problem, self.name) from problem
        empty = pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in self.wanted]))
        yield uneven.rest(empty)
        self.content.check_unchanged()

    def _reader(self, stream: pa.NativeFile, uneven: _Uneven) -> pacsv.CSVStreamingReader:
        return pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),  # threads do not number rows
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=uneven.take
            ),
            convert_options=pacsv.ConvertOptions(
                check_utf8=False,  # a bad byte spoils its row, not the file
                column_types={name: pa.string() for name in self.wanted},
                include_columns=list(self.wanted),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=False,
            ),
        )


@dataclass
class _Uneven:
    """Lines that the parser left out, and the true numbers of the rows around them."""

    lines: list[Rejected] = field(default_factory=list)
    given: int = 0
    good: int = 0

    def take(self, row: Any) -> str:
        text = str(row.text) if isinstance(row.text, str) else bytes(row.text).decode("utf-8", "backslashreplace")
        number = row.number - 1  # the parser counts the header
        self.lines.append(Rejected(number, "wrong_number_of_fields", None, json.dumps(text, ensure_ascii=False)))
        return "skip"

    def numbered(self, batch: pa.RecordBatch) -> Raw:
        numbers = self._numbers(batch.num_rows)
        last = int(numbers[-1]) if len(numbers) else 0
        return Raw(batch, numbers, self._until(last))

    def rest(self, empty: pa.RecordBatch) -> Raw:
        return Raw(empty, self._numbers(0), self._until(None))

    def _numbers(self, count: int) -> npt.NDArray[np.int64]:
        rows = np.arange(self.good, self.good + count, dtype=np.int64)
        self.good += count
        good_before = np.array([line.row_number - 1 - i for i, line in enumerate(self.lines)], np.int64)
        return rows + np.searchsorted(good_before, rows, side="right") + 1

    def _until(self, last: int | None) -> list[Rejected]:
        """Only lines before the last row: how far the parser has read ahead depends on the hour."""
        end = self.given
        while end < len(self.lines) and (last is None or self.lines[end].row_number < last):
            end += 1
        fresh, self.given = self.lines[self.given : end], end
        return fresh


def _header(content: Content) -> str:
    try:
        with pa.input_stream(str(content.path)) as stream:
            start: bytes = stream.read(1 << 20)
    except (pa.ArrowException, OSError) as problem:
        raise _unreadable(problem, content.name) from problem
    try:
        lines = start.decode("utf-8-sig", "strict" if len(start) < 1 << 20 else "ignore")
    except UnicodeDecodeError:
        lines = start.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or "\0" in lines[:100]:
        raise InputError(
            "not UTF-8 text", where=content.name, seen=repr(start[:16]), next_step="write the file as UTF-8"
        )
    return lines


def _split(text: str, wanted: list[str]) -> tuple[list[str], str]:
    """The header's names, by the delimiter that finds the most wanted ones."""
    tries = []
    for delimiter in _DELIMITERS:
        names = next(csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter), [])
        tries.append((len(set(names) & set(wanted)), names, delimiter))
    _, names, delimiter = max(tries, key=lambda attempt: attempt[0])
    return names, delimiter


def _unreadable(problem: Exception, name: str) -> InputError:
    if "straddling" in str(problem):
        return InputError(
            "a row longer than 4 MiB",
            where=name,
            seen=str(problem),
            next_step='look for a quote (") that is opened and not closed; nothing was taken in',
        )
    return InputError(
        "not a CSV file that can be read",
        where=name,
        seen=str(problem),
        next_step="look at the file, or name its true format; nothing was taken in",
    )
