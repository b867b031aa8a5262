"""What a person calls to fill the online store, to answer from it, and to move what was answered into tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gapless.workspace.parts import Parts

if TYPE_CHECKING:
    from gapless.serving.compact import CompactReport
    from gapless.serving.live import Live
    from gapless.serving.predictor import Predictor
    from gapless.workspace.materializing import MaterializeReport

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

    def compact(self, *, progress: Progress | None = None) -> CompactReport:
        """Moves what servers have logged into tables `predictions/MODEL/…` of the offline store, each answer once.

        What a running server still writes to stays, and comes with a later call; so does a damaged segment, or one of
        a version that cannot be looked up now: `report.kept` says why.

        Raises: SettingsError, StorageError; Transient where another process wrote to a table meanwhile.

        Guarantees: killed at any point and run again, nothing is lost and nothing is there twice.
        """
        from gapless.workspace.compacting import compact

        return compact(self, progress=progress)
