"""The online store that a URI names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gapless.errors import SettingsError
from gapless.workspace.settings import FILE, Settings

if TYPE_CHECKING:
    from gapless.ports.online import OnlineStore

__all__ = ["open_online"]

_REDIS = ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")


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
