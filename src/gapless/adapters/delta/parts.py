"""Files of one append that are written elsewhere, by tasks that may be done twice or never come to their end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gapless.adapters.delta.columns import plain_batch
from gapless.adapters.delta.failures import storage_error
from gapless.adapters.delta.files import FileWriter, Sizes
from gapless.adapters.delta.journal import Disk
from gapless.errors import Conflict, StorageError
from gapless.ports.offline import Part

__all__ = ["PartFiles", "check_parts", "remove_others", "some_there"]


@dataclass(frozen=True)
class PartFiles:
    """See `PartWriter`. Each call writes under names of its own, which all end in the token of the append.

    Parameters:
        before — rows that the table holds already: what is appended stands behind them.
    """

    folder: Path
    schema: pa.Schema
    token: str
    before: int
    sizes: Sizes

    def write(self, first_row: int, batches: Iterable[pa.RecordBatch]) -> Part:
        """See PartWriter.write."""
        try:
            with self._own_name() as own:
                writer = FileWriter(self.folder, self.schema, own, self.before + first_row, None, self.sizes)
                try:
                    for batch in batches:
                        writer.write(plain_batch(batch))
                    writer.close()
                finally:
                    writer.abandon()
                for path in writer.paths:
                    Disk().sync(path)
        except OSError as problem:
            if isinstance(problem, StorageError):
                raise
            raise storage_error(problem, self.folder, "write rows (is it the same folder on every host?)") from problem
        return Part(tuple(path.name for path in writer.paths), writer.rows)

    @contextmanager
    def _own_name(self) -> Iterator[str]:
        """A name that nobody else has: an empty file holds it meanwhile, and goes with the others if all ends here."""
        suffix = f"-{self.token}.parquet"
        handle, held = tempfile.mkstemp(prefix="held-", suffix=suffix, dir=self.folder)
        os.close(handle)
        try:
            yield Path(held).name.removeprefix("held-").removesuffix(".parquet")
        finally:
            Path(held).unlink(missing_ok=True)


def check_parts(folder: Path, parts: Iterable[Part]) -> list[Path]:
    """The files, by the first row of each. Raises: StorageError for one that is not here."""
    paths = sorted(folder / name for part in parts for name in part.files)
    for path in paths:
        if not path.is_file():
            raise StorageError(
                "rows that a task wrote are not there",
                seen=path.name,
                where=str(folder),
                next_step="let the folder be the same one on every host, under the same path, and run it again",
            )
    return paths


def remove_others(folder: Path, token: str, kept: Iterable[Path]) -> None:
    """What tasks wrote that nobody took the result of."""
    names = {path.name for path in kept}
    for path in folder.glob(f"*-{token}.parquet"):
        if path.name not in names:
            path.unlink(missing_ok=True)


def some_there(folder: Path, there: int, wanted: int) -> Conflict:
    """The error to raise for an append whose batches are there in part."""
    return Conflict(
        "somebody else has written some of these rows meanwhile",
        seen=f"{there} of {wanted} batches",
        where=str(folder),
        next_step="run it again: it goes on with the others",
    )
