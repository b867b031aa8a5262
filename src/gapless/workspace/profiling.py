"""What a person calls to see what data looks like: profiles of a source, or of a model's features and label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gapless.clock import format_instant
from gapless.errors import InputError, UnknownName
from gapless.product import EventSource, Model
from gapless.workspace.parts import Parts

if TYPE_CHECKING:
    from gapless.features import StoreSources
    from gapless.monitoring import Profiles
    from gapless.schema import Type

__all__ = ["Profiled", "Profiling"]

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Profiled:
    """Profiles, and what they are of.

    Parameters:
        of — "source" or "model".
        sources — the version of each table that was read.
        known_by_us — nothing that became known later was seen; None: all there is.
    """

    of: str
    name: str
    sources: Mapping[str, int]
    known_by_us: int | None
    profiles: Profiles

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `Profiles.from_dict` reads the profiles back."""
        return {
            "of": self.of,
            "name": self.name,
            "sources": dict(self.sources),
            "known_by": None if self.known_by_us is None else format_instant(self.known_by_us),
            **self.profiles.to_dict(),
        }


@dataclass(frozen=True)
class _Asked:
    """What is asked of a source or a model: see `Profiling.profile`."""

    columns: Sequence[str]
    every_us: int | None
    times: tuple[int | None, int | None]
    known_by_us: int | None
    versions: Mapping[str, int] | None
    progress: Progress | None


class Profiling(Parts):
    """The part of a `Workspace` that profiles."""

    def profile(
        self,
        name: str,
        *,
        columns: Sequence[str] = (),
        every_us: int | None = None,
        from_us: int | None = None,
        until_us: int | None = None,
        known_by_us: int | None = None,
        versions: Mapping[str, int] | None = None,
        progress: Progress | None = None,
    ) -> Profiled:
        """Counts of each column, slice of time by slice of time, by this process or by the engine: the same counts.

        Of a source, its columns at event time. Of a model, its features and label for the ingested requests, each as of
        its own time: the training set, without its rows ever being in one place.

        Parameters:
            name — of a source or a model; where both have it, "source:NAME" or "model:NAME".
            columns — none: all of them.
            every_us — length of a slice; None: all of time is one.
            from_us, until_us — event times, half-open; None is open.
            known_by_us — nothing that became known later is seen; None: all there is.
            versions — table versions, to see it as it was; by default the newest.

        Raises: UnknownName, NotFound, InputError; what an engine raises.

        Cost: of a source, one reading; of a model, that of its training set. Memory grows with columns, slices and
            distinct values; with an engine the requests are held, too, as they travel from here.
        """
        found = self._named(name)
        asked = _Asked(columns, every_us, (from_us, until_us), known_by_us, versions, progress)
        return self._of_model(found, asked) if isinstance(found, Model) else self._of_source(found, asked)

    def _named(self, name: str) -> EventSource | Model:
        kind, colon, rest = name.partition(":")
        sources, models = self.product.all_sources, {model.name: model for model in self.product.models}
        if colon and kind in ("source", "model"):
            return self.product.source(rest) if kind == "source" else self.product.model(rest)
        if name in sources and name in models:
            raise InputError(
                f"a source and a model are named {name!r}",
                seen=name,
                allowed=f"source:{name}, model:{name}",
                next_step="say which",
            )
        if name not in sources and name not in models:
            raise UnknownName("source or model", name, [*sources, *models], where=self.product.site)
        return models[name] if name in models else sources[name]

    def _of_source(self, source: EventSource, asked: _Asked) -> Profiled:
        from gapless.distributing import profile_events
        from gapless.features import StoreSources
        from gapless.workspace.computing import tables_of
        from gapless.workspace.engines import rows_done

        types = _chosen(dict(source.columns), asked.columns, source)
        sources = StoreSources(self.offline, {source.name: source}, asked.versions)
        with self.engine() as engine:
            if engine is None:
                profiles = _read(source, types, sources, asked)
            else:
                start_us, end_us = asked.times
                profiles = profile_events(
                    engine,
                    source,
                    list(types),
                    tables_of(self, sources),
                    every_us=asked.every_us,
                    start_us=start_us,
                    end_us=end_us,
                    known_by_us=asked.known_by_us,
                    progress=rows_done(asked.progress, sources.rows(source)),
                )
        return Profiled("source", source.name, sources.versions, asked.known_by_us, profiles)

    def _of_model(self, model: Model, asked: _Asked) -> Profiled:
        from gapless.arrow import to_numpy
        from gapless.distributing import LabelLookup, profile_features
        from gapless.monitoring import Profiles
        from gapless.training.training_set import known_requests
        from gapless.workspace.computing import labelled_batches, tables_of
        from gapless.workspace.engines import rows_done

        label = {model.label.columns[0]: model.label.expression.type}
        types = _chosen({**model.outputs, **label}, asked.columns, model)
        sources = self.sources(model, labels=True, versions=asked.versions)
        known = self.known_by(model, sources) if asked.known_by_us is None else asked.known_by_us
        with self.engine() as engine:
            if engine is None:
                profiles, deriving = Profiles(types, every_us=asked.every_us), self.deriving()
                for batch in labelled_batches(self, None, model, sources, deriving, asked.times, known, asked.progress):
                    profiles.add(batch, to_numpy(batch.column(model.requests.event_time))[0])
            else:
                profiles = profile_features(
                    engine,
                    model.feature_set,
                    types,
                    known_requests(model, sources, *asked.times, known),
                    tables_of(self, sources),
                    label=LabelLookup.of(model, known),
                    every_us=asked.every_us,
                    known_by_us=known,
                    progress=rows_done(asked.progress, sources.rows(model.requests)),
                )
        return Profiled("model", model.name, sources.versions, known, profiles)


def _chosen(types: Mapping[str, Type], columns: Sequence[str], of: EventSource | Model) -> dict[str, Type]:
    for name in columns:
        if name not in types:
            raise UnknownName(f"column of {of.name!r}", name, list(types), where=of.site)
    return {name: types[name] for name in columns or types}


def _read(source: EventSource, types: Mapping[str, Type], sources: StoreSources, asked: _Asked) -> Profiles:
    from gapless.arrow import known_by, to_numpy
    from gapless.monitoring import Profiles

    profiles, done = Profiles(types, every_us=asked.every_us), 0
    start_us, end_us = asked.times
    for batch in sources.read(source, sorted({*types, source.event_time}), start_us=start_us, end_us=end_us):
        done += batch.num_rows
        seen = known_by(batch, asked.known_by_us)
        profiles.add(seen, to_numpy(seen.column(source.event_time))[0])
        if asked.progress is not None:
            asked.progress(done)
    return profiles
