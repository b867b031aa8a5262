"""What was live when it was last heard of: for a server that starts while the metadata database is away."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from gapless.errors import CorruptData, StorageError
from gapless.ports.metadata import Deployment, Route

__all__ = ["Remembered"]


@dataclass(frozen=True)
class Remembered:
    """Deployments in a file, replaced as a whole; several servers may share it.

    Parameters:
        database — the URL of the metadata database that they are learned from. What another one said is not used:
            nobody decided it for who asks this one. The file holds a digest of it, without user and password.

    Examples:
        >>> import tempfile
        >>> file = Remembered(Path(tempfile.mkdtemp()) / "live.json", "sqlite:///m.db")
        >>> file.load()
        {}
        >>> file.save({"m": Deployment("m", 4, 0, (Route("3"), Route("2", "fallback")))})
        >>> file.load()["m"].live
        '3'
    """

    file: Path
    database: str

    def load(self) -> dict[str, Deployment]:
        """What `save` was given last; nothing where it never was, or was for another database.

        Raises: CorruptData, StorageError.
        """
        try:
            document = json.loads(self.file.read_bytes())
            if document.get("database") != _digest(self.database):
                return {}
            return {name: _deployment(name, fields) for name, fields in document["live"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError("cannot read what was live", seen=str(error), where=str(self.file)) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptData(
                "the note of what was live cannot be read",
                seen=str(error),
                where=str(self.file),
                next_step="remove it; it is written again from the metadata database",
            ) from error

    def save(self, deployments: Mapping[str, Deployment]) -> None:
        """They are in the file. Raises: StorageError; then the file is what it was."""
        own = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        live = {name: asdict(deployment) for name, deployment in deployments.items()}
        document = {"database": _digest(self.database), "live": live}
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            own.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            own.replace(self.file)
        except OSError as error:
            raise StorageError("cannot note down what is live", seen=str(error), where=str(self.file)) from error
        finally:
            own.unlink(missing_ok=True)


def _digest(url: str) -> str:
    """Of a database whatever its password is today."""
    parts = urlsplit(url)
    return sha256(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().encode()).hexdigest()


def _deployment(name: str, fields: Mapping[str, object]) -> Deployment:
    routes = tuple(Route(**route) for route in fields["routes"])  # type: ignore[attr-defined]
    revision, since = fields["revision"], fields["since_us"]
    if not isinstance(revision, int) or not isinstance(since, int) or not routes:
        raise ValueError(f"not a deployment: {fields}")
    return Deployment(name, revision, since, routes)
