"""gapless.toml as frozen values: read once, every line with an embedded default."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapless.errors import NotFound, SettingsError, closest
from gapless.ports.events import MAX_PARTITIONS

__all__ = ["FILE", "Settings", "find_folder", "read_settings"]

FILE = "gapless.toml"

_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("product",),
    "stores": ("offline", "online", "events", "log", "metadata", "tracking"),
    "stream": ("partitions",),
    "batch": ("engine",),
}
# Lines that are whole numbers, and from where to where; all others are texts.
_NUMBERS: Mapping[str, tuple[int, int]] = {"partitions": (1, MAX_PARTITIONS)}
# URIs whose rest is a path, relative to the folder of the settings.
_IN_FOLDERS = ("sqlite:///", "lmdb:", "file:")


@dataclass(frozen=True)
class Settings:
    """What a product runs on.

    Parameters:
        folder — where gapless.toml is; relative paths start there.
        product — `module:attribute`.
        offline — the folder of the Delta tables.
        online — `lmdb:FOLDER`, or `redis://HOST:PORT/DB`.
        events — `file:FOLDER`, or `kafka://HOST:PORT`: the log that events are pushed to.
        log — `file:FOLDER`, where servers log what they answer.
        metadata — the SQLAlchemy URL of deployments, decisions, incidents and tokens.
        tracking — an MLflow tracking URI.
        partitions — of a topic of the event log that is not there yet; one that is there keeps the number that it has.
        engine — of batch work: `local`, `spark:local[2]` or `spark://HOST:PORT`.
        home — gapless's own folder for locks, the outbox and scratch files.
    """

    folder: Path
    product: str = "product:product"
    offline: str = "./.gapless/offline"
    online: str = "lmdb:./.gapless/online"
    events: str = "file:./.gapless/events"
    log: str = "file:./.gapless/log"
    metadata: str = "sqlite:///./.gapless/metadata.db"
    tracking: str = "sqlite:///./.gapless/mlflow.db"
    partitions: int = 1
    engine: str = "local"

    @property
    def home(self) -> Path:
        return self.folder / ".gapless"

    @property
    def offline_path(self) -> Path:
        """The absolute folder of the tables."""
        return (self.folder / self.offline).resolve()

    @property
    def tracking_uri(self) -> str:
        """The URI with a relative path made absolute."""
        return self._absolute(self.tracking)

    @property
    def online_uri(self) -> str:
        """The URI with a relative path made absolute."""
        return self._absolute(self.online)

    @property
    def events_uri(self) -> str:
        """The URI with a relative path made absolute."""
        return self._absolute(self.events)

    @property
    def log_uri(self) -> str:
        """The URI with a relative path made absolute."""
        return self._absolute(self.log)

    @property
    def metadata_url(self) -> str:
        """The URL with a relative path made absolute."""
        return self._absolute(self.metadata)

    def _absolute(self, uri: str) -> str:
        for start in _IN_FOLDERS:
            if uri.startswith(start):
                return start + str((self.folder / uri[len(start) :]).resolve())
        return uri


def find_folder(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds gapless.toml.

    Raises: NotFound.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(
        f"no {FILE} here or in a folder above",
        seen=str(start.resolve()),
        allowed=f"a folder with {FILE}",
        next_step="change into it, pass --workspace DIR, or start one with: gapless init",
    )


def read_settings(folder: Path) -> Settings:
    """The settings of a folder.

    Raises: SettingsError for text that is not TOML, an unknown line or a value of another type.
    """
    file = folder / FILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(
            f"no {FILE}", seen=str(folder), next_step="gapless init writes one, or pass the folder that has one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{FILE} cannot be read", seen=str(error), where=str(file), next_step="mend it") from None
    values: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and name in _KEYS:
            values |= {key: _checked(file, name, key, item) for key, item in value.items()}
        else:
            values[name] = _checked(file, "", name, value)
    if "://" in values.get("offline", ""):
        raise SettingsError(
            "[stores] offline names something that gapless cannot keep tables in",
            seen=values["offline"],
            allowed="a folder",
            where=str(file),
            next_step='write offline = "./.gapless/offline", or the path of another folder',
        )
    return Settings(folder.resolve(), **values)


def _checked(file: Path, section: str, key: str, value: Any) -> str | int:
    line = f"[{section}] {key}" if section else key
    if key not in _KEYS[section]:
        allowed = [f"[{s}] {k}" if s else k for s, keys in _KEYS.items() for k in keys]
        guess = closest(line, allowed)
        raise SettingsError(
            f"{FILE} has a line that gapless does not know",
            seen=line,
            allowed=", ".join(allowed),
            next_step=f"did you mean {guess!r}?" if guess else "take it out",
            where=str(file),
        )
    if key in _NUMBERS:
        return _whole(file, line, value, *_NUMBERS[key])
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{line} must be a text", seen=value, allowed='"…"', where=str(file), next_step="quote it")
    return value


def _whole(file: Path, line: str, value: Any, first: int, last: int) -> int:
    if type(value) is int and first <= value <= last:
        return value
    raise SettingsError(
        f"{line} must be a whole number",
        seen=value,
        allowed=f"{first} to {last}",
        where=str(file),
        next_step=f"write {line.rpartition(' ')[2]} = {first}",
    )
