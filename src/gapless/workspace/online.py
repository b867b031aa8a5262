"""What a person calls to fill the online store, to answer from it, and to move what was answered into tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gapless.workspace.parts import Parts

if TYPE_CHECKING:
    from gapless.events.aside import PushReport
    from gapless.serving.compact import CompactReport
    from gapless.serving.live import Live
    from gapless.serving.predictor import Predictor
    from gapless.verifying.verified import Verified
    from gapless.verifying.verify import Choice
    from gapless.workspace.labels import LabelsReport
    from gapless.workspace.materializing import MaterializeReport
    from gapless.workspace.sql import Select
    from gapless.workspace.streaming import Stream, StreamOptions
    from gapless.workspace.verifying import Explained

__all__ = ["Online"]

Progress = Callable[[int], None]


class Online(Parts):
    """The part of a `Workspace` that answers from the newest state of each key."""

    def materialize(
        self,
        views: Sequence[str] = (),
        *,
        model: str | None = None,
        version: str | None = None,
        as_of_us: int | None = None,
        rebuild: bool = False,
        prune: bool = False,
        progress: Progress | None = None,
    ) -> MaterializeReport:
        """Brings online state to what the ingested history says: see `gapless.online.materialize`.

        Parameters:
            views — by name; none: all that the product defines, and all that versions which answer now were trained
                with.
            model — only what this model needs, as the product defines it and as it is live; version — only what that
                version was trained with.
            as_of_us — what was known by then is in; None: now. Not later than now, and not earlier than what the
                state knows already.
            rebuild — fill anew from the first event; readers see no state until it is through.
            prune — afterwards remove the state that nobody needs any more: neither the product, nor a version that
                answers now or would after a rollback, nor what was asked for.

        Raises: Conflict where somebody else materializes; UnknownName, InputError, NotFound; CorruptData for damaged
            state, which `rebuild` replaces; Transient, StorageError.

        Guarantees: killed at any point and run again, every event is in once. Readers go on meanwhile.
        """
        from gapless.workspace.materializing import materialize

        return materialize(self, views, model, version, as_of_us, rebuild=rebuild, prune=prune, progress=progress)

    def push(
        self,
        source: str,
        data: Any,
        *,
        replay: bool = False,
        format: str | None = None,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> PushReport:
        """Rows of a file, table or stream into the event log; a bad one into the source's quarantine, with the reason.

        Parameters:
            data, format, name — as for `ingest`. A binary stream, and "-" for standard input, is JSON lines and pushed
                as it comes, unless `format` says otherwise.
            replay — rows are known when the source says, for playing back history; else not before now.
            progress — called with the number of rows done so far.

        Raises: UnknownName; InputError for a file that cannot be read to its end, lacks a column or holds an event that
            is too large for a record; Transient, Refused, StorageError where the log does not take events: the rows
            before are in it. Run it again: with an `event_id` they count once.
        """
        from gapless.workspace.pushing import push

        return push(self, source, data, replay=replay, format=format, name=name, progress=progress)

    def replay(
        self, data: Mapping[str, Any], *, every: str = "1h", from_us: int | None = None, until_us: int | None = None
    ) -> Iterator[int]:
        """Plays history back into the event log, slice by slice of the time at which rows became known.

        Gives the end of each slice that has rows, in µs UTC, once every row that was known by then is in the log, and
        none that was known later. Within a slice the sources come one after the other, those of requests last. What
        you do before you ask for the next one happens at that instant.

        Parameters:
            data — by source: a file or table, as for `push`; bad rows go to the quarantine.
            every — the length of a slice; they begin at multiples of it.
            from_us, until_us — only rows that became known in [from, until); None is open.

        Raises: as `push`, and DefinitionError for a length that is none; before the first slice where a file is at
            fault.

        Cost: memory of all the rows.
        """
        from gapless.workspace.pushing import replay

        return replay(self, data, every, from_us, until_us)

    def predictor(self, model: str, version: str | None = None, *, allow_pickle: bool = False) -> Predictor:
        """One version, loaded and warm, over the online store: what a server answers with, without the server.

        Parameters:
            version — a registered one; None: the one that is live, else the newest.
            allow_pickle — needed for a version with runtime="python", whose pickle then runs.

        Raises: NotFound; CorruptData; SettingsError; Transient where its bundle has to be fetched and cannot be.
        """
        from gapless.workspace.answering import Predictors, live_version

        return Predictors.of(self, allow_pickle=allow_pickle).load(model, version or live_version(self, model))

    def live(self, *, allow_pickle: bool = False) -> Live:
        """All that is live, to be started: loaded beside what answers and swapped in whenever a decision changes it.

        One for each process, made after a fork; `close` it to let go of the online store.

        Parameters:
            allow_pickle — open versions with runtime="python" too, whose pickles then run.
        """
        from gapless.workspace.answering import Predictors, live

        return live(self, Predictors.of(self, allow_pickle=allow_pickle))

    def stream(self, options: StreamOptions | None = None) -> Stream:
        """Keeps online state fresh from the event log and answers requests that come as events: `run`, then `close`.

        One for each process. See `StreamOptions` for what can be set.

        Raises: SettingsError; MissingExtra; Transient where the log or the metadata database does not answer.

        Guarantees: killed at any point and started again, every event is in the state once and every request is
            answered once.
        """
        from gapless.workspace.streaming import open_stream

        return open_stream(self, options)

    def compact(self, *, progress: Progress | None = None) -> CompactReport:
        """Moves what servers have logged into tables `predictions/MODEL/…` of the offline store, each answer once.

        What a running server still writes to stays, and comes with a later call; so does a damaged segment, or one of
        a version that cannot be looked up now: `report.kept` says why.

        Raises: SettingsError, StorageError; Transient where another process wrote to a table meanwhile.

        Guarantees: killed at any point and run again, nothing is lost and nothing is there twice.
        """
        from gapless.workspace.compacting import compact

        return compact(self, progress=progress)

    def verify(
        self,
        model: str | None = None,
        *,
        choice: Choice | None = None,
        most: int = 100,
        allow_pickle: bool = False,
        progress: Progress | None = None,
    ) -> Verified:
        """Every answer of the tables `predictions/…`, recomputed from files and landed events and compared bit for bit.

        What servers have logged is moved into the tables first, as by `compact`.

        Parameters:
            model — only its answers; choice — which of them: all, where not given.
            most — differences that the report holds in full; all are counted.
            allow_pickle — open versions with runtime="python" too, whose pickles then run.

        Raises: NotFound, CorruptData, Transient where the bundle that answered cannot be had; SettingsError;
            StorageError.

        Guarantees: see `gapless.verifying.verify`; the tables are only read.
        """
        from gapless.verifying.verify import Choice
        from gapless.workspace.verifying import verify

        chosen = choice or Choice()
        return verify(self, model, chosen, most=most, allow_pickle=allow_pickle, progress=progress)

    def explain(self, request: str, feature: str, *, model: str | None = None, allow_pickle: bool = False) -> Explained:
        """How one value of the last answer to a request was made: its window, its events and why others are not in it.

        Parameters:
            request — the request's id; feature — a column of the version that answered.
            model — where several answered requests of that id.

        Raises: NotFound for a request without an answer in the tables; UnknownName for a feature; as `verify`.
        """
        from gapless.workspace.verifying import explain

        return explain(self, request, feature, model, allow_pickle=allow_pickle)

    def sql(self, name: str) -> list[Select]:
        """The row expressions of a view (what it aggregates) or a model (label, on-demand features) as Spark SQL.

        To be read: nothing here is run. What SQL does not give to the bit is named in `missing`.

        Raises: UnknownName for a name that is neither.
        """
        from gapless.workspace.sql import sql_of

        return sql_of(self.product, name)

    def labels(
        self,
        model: str,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
        known_by_us: int | None = None,
        everything: bool = False,
        progress: Progress | None = None,
    ) -> LabelsReport:
        """Joins labels with the answers of the tables `predictions/MODEL/…`, and tells how many have one and how late.

        What servers have logged since the last `compact` is not in these tables yet.

        Parameters:
            since_us, until_us — times of the requests that are told of, half-open; all answers are joined.
            known_by_us — what was known by then is joined; None: now. Never earlier than at a join before.
            everything — look at every answer again, also where its label was given up 35 days ago or longer.

        Raises: UnknownName; NotFound where no answer has landed, or the label's source has no event; InputError for
            an earlier `known_by_us`; Transient where somebody else joined meanwhile; StorageError.

        Guarantees: see `gapless.streaming.joining`; killed at any point and run again, every change is in once.
        """
        from gapless.workspace.labels import labels

        return labels(
            self,
            model,
            since_us=since_us,
            until_us=until_us,
            known_by_us=known_by_us,
            everything=everything,
            progress=progress,
        )
