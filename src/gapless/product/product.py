"""The whole: what a team owns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gapless.errors import DefinitionError, Site, UnknownName, author_site
from gapless.product.model import Model
from gapless.product.names import check_name, check_unique
from gapless.product.pandas_function import chain_of
from gapless.product.source import Derivation, EventSource
from gapless.product.view import FeatureView

__all__ = ["Product"]


@dataclass(frozen=True, eq=False)
class Product:
    """The models of a team with every source and view they use.

    Parameters:
        name — of the product.
        models — at least one.
        sources — further sources to ingest that no model uses yet.

    Raises: DefinitionError when two different things have one name.
    """

    name: str
    models: Sequence[Model] = field(kw_only=True)
    sources: Sequence[EventSource] = field(default=(), kw_only=True)
    site: Site | None = field(default_factory=author_site, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_name("product", self.name, where=self.site)
        object.__setattr__(self, "models", tuple(self.models))
        object.__setattr__(self, "sources", tuple(self.sources))
        if not self.models:
            raise DefinitionError(
                f"product {self.name!r} has no model", seen=[], next_step="pass models=[…]", where=self.site
            )
        check_unique("model", (model.name for model in self.models), where=self.site)
        named = [*self._found_sources(), *(source.origin for source in self._found_sources())]
        self._check_one_meaning("event source", {id(s): s for s in named}.values())
        self._check_one_meaning("feature view", {id(v): v for v in self._found_views()}.values())

    def _check_one_meaning(self, kind: str, things: Iterable[EventSource | FeatureView]) -> None:
        seen: dict[str, EventSource | FeatureView] = {}
        for thing in things:
            other = seen.setdefault(thing.name, thing)
            if other is not thing and other != thing:
                raise DefinitionError(
                    f"two {kind}s are named {thing.name!r}",
                    seen=f"one at {other.site}, one at {thing.site}",
                    allowed="one of each name",
                    next_step="rename one, or use the same object in both places",
                    where=thing.site,
                )

    def _found_sources(self) -> Iterator[EventSource]:
        yield from self.sources
        for model in self.models:
            yield model.requests
            yield model.label.source
            yield from (view.source for view in model.views)

    def _found_views(self) -> Iterator[FeatureView]:
        for model in self.models:
            yield from model.views

    @cached_property
    def all_sources(self) -> dict[str, EventSource]:
        """Every source that events come into, by name; a derived one is not among them, but what it reads is."""
        return {source.origin.name: source.origin for source in self._found_sources()}

    @cached_property
    def pandas_functions(self) -> dict[str, Derivation]:
        """Every pandas function by name, those that others read included."""
        return {each.name: each for source in self._found_sources() for each in chain_of(source)}

    @cached_property
    def all_views(self) -> dict[str, FeatureView]:
        """Every feature view by name."""
        return {view.name: view for view in self._found_views()}

    def source(self, name: str) -> EventSource:
        """Raises: UnknownName."""
        if name not in self.all_sources:
            raise UnknownName(f"event source of product {self.name!r}", name, self.all_sources, where=self.site)
        return self.all_sources[name]

    def declared(self, name: str) -> Model | None:
        """What this product says of a model; None where it has it no more, as old versions may outlive it."""
        return next((model for model in self.models if model.name == name), None)

    def model(self, name: str) -> Model:
        """Raises: UnknownName."""
        found = self.declared(name)
        if found is not None:
            return found
        raise UnknownName(f"model of product {self.name!r}", name, (m.name for m in self.models), where=self.site)
