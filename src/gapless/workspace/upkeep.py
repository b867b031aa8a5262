"""What a stream looks after beside the log: which groups it follows, and the state of ingested files."""

from __future__ import annotations

import time

from gapless.errors import RemoteError
from gapless.events.landing import partitions_landed
from gapless.online.topology import announce
from gapless.ports.tables import source_table
from gapless.ports.topics import events_topic
from gapless.streaming.losing import forget
from gapless.streaming.parts import opened
from gapless.workspace.following import followed, sources
from gapless.workspace.materializing import fill_files
from gapless.workspace.parts import Parts

__all__ = ["Upkeep"]

_LOOK_EVERY_S = 2.0


class Upkeep:
    """The groups of a workspace that are followed now, and their state of files.

    Parameters:
        parts — topics are there.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._files: dict[str, int | None] = {}
        self._revision: int | None = None
        self._looked_s = 0.0
        self.notes: list[str] = []
        self.followed = followed(parts, self.notes)

    def prepare(self) -> None:
        """The state of files is there for every group, with all that was ingested: what streams in lies beside it.

        Where something streamed before, readers are told first that it belongs to the state: an emptied store must not
        pass for one that holds all.
        """
        parts = self._parts
        for source in sources(parts):
            if partitions_landed(parts.offline, source):
                announce(parts.online, source.name, len(parts.events.spans(events_topic(source))))
        self._files = self._versions_of_files()
        groups = [layout.group for each in self.followed.values() for layout in each.layouts]
        fill_files(parts, groups)

    def take_in_files(self) -> None:
        """What was ingested since the last time is in the state of files."""
        now = self._versions_of_files()
        changed = {name for name, version in now.items() if version != self._files.get(name)}
        now_followed = dict(self.followed)
        fill_files(self._parts, [layout.group for name in changed for layout in now_followed[name].layouts])
        self._files = now

    def changed(self) -> bool:
        """Whether another version answers than before; `followed` has the groups that it needs.

        Cost: the deployments are looked at every two seconds.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        try:
            revision = self._parts.metadata.deployments.revision()
        except RemoteError:
            return False
        known, self._revision = self._revision, revision
        if known in (None, revision):
            return False
        self.followed = followed(self._parts, self.notes)
        return True

    def forget(self) -> None:
        """Readers see no state of the log until it is filled anew."""
        parts = self._parts
        for each in self.followed.values():
            for partition in range(len(parts.events.spans(events_topic(each.source)))):
                found = opened(each.layouts, partition, parts.online, recent_bytes=0)
                forget(parts.online, [part for part in found if part.ready])

    def _versions_of_files(self) -> dict[str, int | None]:
        return {source.name: self._parts.offline.version(source_table(source)) for source in sources(self._parts)}
