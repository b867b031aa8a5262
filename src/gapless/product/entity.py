"""What features are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gapless.errors import DefinitionError, Site, author_site
from gapless.product.names import check_name, check_unique

__all__ = ["Entity"]


@dataclass(frozen=True)
class Entity:
    """Something with a key that events and requests share: a customer, an aircraft, an airport pair.

    Parameters:
        name — unique within the product.
        keys — one or more column names; requests carry columns of these names.

    Raises: DefinitionError for no key, a repeated key or a name that cannot be a column.

    Examples:
        >>> Entity("route", keys=["origin", "dest"]).keys
        ('origin', 'dest')
    """

    name: str
    keys: Sequence[str]
    site: Site | None = field(default_factory=author_site, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_name("entity", self.name, where=self.site)
        if isinstance(self.keys, str) or not self.keys:
            raise DefinitionError(
                f"entity {self.name!r} needs a list of key columns",
                seen=self.keys,
                allowed='one or more names, such as keys=["origin", "dest"]',
                next_step=f"write keys=[{self.keys!r}]" if self.keys else "name the key column",
                where=self.site,
            )
        for key in self.keys:
            check_name("key", key, where=self.site)
        check_unique("key", self.keys, where=self.site)
        object.__setattr__(self, "keys", tuple(self.keys))
