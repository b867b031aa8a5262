"""What a batch run decided at its start, kept so that a resumed run decides the same."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gapless.bundle.folder import sync_folder
from gapless.errors import CorruptData, StorageError

__all__ = ["Pins", "pinned"]


@dataclass(frozen=True)
class Pins:
    """Table versions that features are read from, and how requests are cut into chunks."""

    versions: Mapping[str, int]
    chunk_rows: int


def pinned(folder: Path, run: str, fresh: Pins) -> Pins:
    """The pins of a run: what is written down already, else `fresh`, which is then on stable storage.

    Parameters:
        folder — made if it is not there.
        run — the run's identity, a hex digest; names the file.

    Raises: CorruptData for a file that cannot be read as pins; StorageError.

    Guarantees: two processes that start the same run agree on one answer.
    """
    file = folder / f"{run}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _publish(file, json.dumps(asdict(fresh)))
        document = json.loads(file.read_text(encoding="utf-8"))
        return Pins({str(name): int(v) for name, v in document["versions"].items()}, int(document["chunk_rows"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptData(
            "the notes of a batch run cannot be read",
            seen=str(error),
            where=str(file),
            next_step="if its table is not needed, remove both and run it again",
        ) from error
    except OSError as error:
        raise StorageError("could not write down a batch run", seen=str(error), where=str(file)) from error


def _publish(file: Path, text: str) -> None:
    own = file.with_suffix(f".{os.getpid()}")
    with open(own, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(own, file)  # fails where somebody else was first; theirs holds
    except FileExistsError:
        return
    finally:
        own.unlink()
    sync_folder(file.parent)
