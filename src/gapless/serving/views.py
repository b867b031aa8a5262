"""Features of views alone: for entity keys, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gapless.errors import InputError, Transient
from gapless.online import OnlineReader, groups_of_views
from gapless.ports.online import OnlineStore
from gapless.product import FeatureSet
from gapless.schema import Schema, Type
from gapless.serving.answers import Features, Freshness, Row
from gapless.serving.lookup import AWAY, Found, reasons_of

__all__ = ["Views"]


class Views:
    """The views of the live models, of a name that several have the first one's.

    Parameters:
        store — the online store.
        freshness — the expected age by view, µs, where an operator's product says another than the version's.
    """

    def __init__(self, store: OnlineStore, freshness: Mapping[str, int]) -> None:
        self._store, self._freshness = store, freshness

    def keys(self, names: Sequence[str], among: Sequence[FeatureSet]) -> Schema:
        """The columns of the entity keys together. Raises: NotFound; InputError where one name has two types."""
        groups, _ = groups_of_views(names, among)
        keys: dict[str, Type] = {}
        for group in groups:
            for key, column in group.keys:
                kind = group.source.columns[column]
                if keys.setdefault(key, kind) is not kind:
                    raise InputError(
                        f"key {key!r} has another type in each of these views",
                        seen=", ".join(names),
                        allowed="views whose keys of one name have one type",
                        next_step="ask for them one by one",
                    )
        return Schema(tuple(keys.items()))

    def read(
        self, names: Sequence[str], among: Sequence[FeatureSet], rows: Sequence[Row], at_us: Sequence[int], now_us: int
    ) -> Features:
        """Every feature of the views for rows of entity keys, each at its own instant.

        Raises: NotFound for a view that no live model has; Transient where the store cannot be read.
        """
        groups, types = groups_of_views(names, among)
        reader = OnlineReader(groups, types, self._store)
        try:
            looked = reader.read(rows, at_us)
        except AWAY as error:
            raise Transient(
                "the online store cannot be read", seen=error.what, next_step="ask again in a second"
            ) from error
        expected = {view.name: view.freshness_us for features in reversed(among) for view in features.views}
        expected |= self._freshness
        found = [looked.row(i) for i in range(len(rows))]
        views = {name: _freshness(looked.as_of_us.get(name), now_us, expected[name]) for name in names}
        return Features(types, found, list(at_us), views, reasons_of(Found(looked, ()), len(rows), views))


def _freshness(as_of: int | None, now_us: int, expected_us: int) -> Freshness:
    return Freshness(as_of, None if as_of is None else now_us - as_of, expected_us)
