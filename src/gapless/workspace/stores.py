"""The online store and the event log that URIs name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from gapless.clock import Clock
from gapless.errors import SettingsError
from gapless.workspace.settings import FILE, Settings

if TYPE_CHECKING:
    from gapless.ports.events import EventLog
    from gapless.ports.online import OnlineStore

__all__ = ["check_events", "open_events", "open_online"]

_REDIS = ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")

_FILE = "file:"


def open_online(settings: Settings) -> OnlineStore:
    """A new store: made before a fork or after, used after.

    Raises: SettingsError; MissingExtra.
    """
    uri = settings.online_uri
    if uri.startswith("lmdb:") and uri != "lmdb:":
        from gapless.adapters.lmdb import LmdbStore

        return LmdbStore(uri.removeprefix("lmdb:"))
    if uri.startswith(_REDIS):
        from gapless.adapters.redis import RedisStore

        return RedisStore(uri)
    raise SettingsError(
        "[stores] online names something that gapless cannot read from",
        seen=settings.online,
        allowed="lmdb:FOLDER, redis://HOST:PORT/DB, rediss://…, redis+cluster://HOST:PORT",
        next_step=f'write online = "lmdb:./.gapless/online" in {FILE}',
        where=str(settings.folder / FILE),
    )


def open_events(settings: Settings, clock: Clock) -> EventLog:
    """The event log, for this process alone: open it after a fork. It connects when it is first used.

    Raises: SettingsError; MissingExtra.
    """
    check_events(settings)
    uri = settings.events_uri
    if uri.startswith(_FILE):
        from gapless.adapters.segments import FileEventLog

        return FileEventLog(uri.removeprefix(_FILE), clock=clock)
    from gapless.adapters.kafka import KafkaEventLog

    return KafkaEventLog(uri, new_id=lambda: uuid4().hex)


def check_events(settings: Settings) -> None:
    """Whether there can be an event log, before anybody is told that a server listens; nothing is opened.

    Raises: SettingsError; MissingExtra.
    """
    uri = settings.events_uri
    if uri.startswith("kafka://"):
        from gapless.adapters.kafka.urls import parse_target

        parse_target(uri)
    elif not uri.startswith(_FILE) or settings.events == _FILE:
        raise SettingsError(
            "[stores] events names something that gapless cannot push to",
            seen=settings.events,
            allowed="file:FOLDER, kafka://HOST:PORT[,HOST:PORT]",
            next_step=f'write events = "file:./.gapless/events" in {FILE}',
            where=str(settings.folder / FILE),
        )
