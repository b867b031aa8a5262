"""Features of views alone: for entity keys, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gapless.errors import InputError, Transient
from gapless.features import Group
from gapless.online import OnlineReader, groups_of_views
from gapless.ports.online import OnlineStore
from gapless.product import FeatureSet
from gapless.schema import Schema, Type
from gapless.serving.answers import Features, Freshness, Row
from gapless.serving.lookup import AWAY, Found, reasons_of

__all__ = ["Views"]


@dataclass(frozen=True)
class _Opened:
    """What it takes to read some views of some feature sets.

    Parameters:
        keys — the columns of the entity keys together.
        types — of the features; expected — freshness by view, µs.
    """

    reader: OnlineReader
    keys: Schema
    types: Mapping[str, Type]
    expected: Mapping[str, int]


class Views:
    """The views of the live models, of a name that several have the first one's.

    Parameters:
        store — the online store.
        freshness — the expected age by view, µs, where an operator's product says another than the version's.

    Guarantees: safe to call from several threads. What it takes to read the same views again is kept while the feature
        sets are the same.
    """

    def __init__(self, store: OnlineStore, freshness: Mapping[str, int]) -> None:
        self._store, self._freshness = store, freshness
        self._opened = lru_cache(maxsize=64)(self._open)

    def keys(self, names: Sequence[str], among: Sequence[FeatureSet]) -> Schema:
        """The columns of the entity keys together. Raises: NotFound; InputError where one name has two types."""
        return self._opened(tuple(names), tuple(among)).keys

    def read(
        self, names: Sequence[str], among: Sequence[FeatureSet], rows: Sequence[Row], at_us: Sequence[int], now_us: int
    ) -> Features:
        """Every feature of the views for rows of entity keys, each at its own instant.

        Raises: NotFound for a view that no live model has; Transient where the store cannot be read.
        """
        opened = self._opened(tuple(names), tuple(among))
        try:
            looked = opened.reader.read(rows, at_us)
        except AWAY as error:
            raise Transient(
                "the online store cannot be read", seen=error.what, next_step="ask again in a second"
            ) from error
        found = [looked.row(i) for i in range(len(rows))]
        views = {name: _freshness(looked.as_of_us.get(name), now_us, opened.expected[name]) for name in names}
        return Features(opened.types, found, list(at_us), views, reasons_of(Found(looked, {}), len(rows), views))

    def _open(self, names: tuple[str, ...], among: tuple[FeatureSet, ...]) -> _Opened:
        groups, types = groups_of_views(names, among)
        expected = {view.name: view.freshness_us for features in reversed(among) for view in features.views}
        reader = OnlineReader(groups, types, self._store)
        return _Opened(reader, _keys(names, groups), types, expected | dict(self._freshness))


def _keys(names: Sequence[str], groups: Sequence[Group]) -> Schema:
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


def _freshness(as_of: int | None, now_us: int, expected_us: int) -> Freshness:
    return Freshness(as_of, None if as_of is None else now_us - as_of, expected_us)
