"""When an answer is trusted less, and how much less: the author's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from gapless.clock import format_duration, parse_duration, parse_instant
from gapless.errors import DefinitionError, Site, TypeMismatch, UnknownName, author_site
from gapless.schema import Type

if TYPE_CHECKING:
    from gapless.product.feature_set import FeatureSet

__all__ = ["DEFAULT_LEVELS", "LEVELS", "Level", "Trust"]

Level = Literal["ok", "degraded", "unreliable"]
LEVELS: tuple[Level, ...] = ("ok", "degraded", "unreliable")
"""From full trust to none; an answer has the worst level among its reasons."""

DEFAULT_LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        "no_answer": "unreliable",
        "store_unreachable": "unreliable",
        "not_materialized": "unreliable",
        "state_damaged": "unreliable",
        "feature_stale": "degraded",
        "asked_in_past": "degraded",
        "entity_unseen": "degraded",
        "missing_share": "degraded",
        "out_of_range": "degraded",
        "model_old": "degraded",
        "fallback_model": "degraded",
    }
)
"""Every reason code, in the order in which an answer lists them, with the level that it has by default."""

_DEFAULT_MODEL_AGE = "90d"
_DEFAULT_MISSING = 0.5


@dataclass(frozen=True, eq=False)
class Trust:
    """The rules by which answers of a model are judged. All are on by default; what each means is in docs/trust.md.

    They are no part of the model's definition: changing them needs no training.

    Parameters:
        levels — other levels for reason codes, such as {"entity_unseen": "ok"}; "ok" turns a rule off.
        ignore — views and features that do not count for `feature_stale`, `entity_unseen` and `out_of_range`.
        max_model_age — from the end of the training data to the request; above it `model_old`. None: no limit.
        missing_limit — the share of the features that may be missing, from 0 to 1; above it `missing_share`. None: one
            half, or what all but 1 % of the training rows had, where that is more.
        range_margin — how far beyond the range of training a value may be, as a share of that range.
        on_store_down — "answer" from `defaults`, or "refuse", while the online store does not answer.
        defaults — for columns of views while the store does not answer: {"spend__n_7d": 0}; null for every other one.

    Raises: an AuthorError with the line at fault.

    Examples:
        >>> Trust().level("entity_unseen"), Trust(levels={"entity_unseen": "ok"}).level("entity_unseen")
        ('degraded', 'ok')
        >>> Trust(max_model_age="30d").max_model_age_us == 30 * 24 * 3600 * 1_000_000
        True
    """

    levels: Mapping[str, Level] = field(default_factory=dict, kw_only=True)
    ignore: Sequence[str] = field(default=(), kw_only=True)
    max_model_age: str | timedelta | None = field(default=_DEFAULT_MODEL_AGE, kw_only=True)
    missing_limit: float | None = field(default=None, kw_only=True)
    range_margin: float = field(default=0.0, kw_only=True)
    on_store_down: Literal["answer", "refuse"] = field(default="answer", kw_only=True)
    defaults: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    site: Site | None = field(default_factory=author_site, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        self._check_levels()
        if isinstance(self.ignore, str) or not isinstance(self.ignore, Sequence):
            raise self._mistake("ignores a list of views and features", self.ignore, "names, such as ignore=['spend']")
        object.__setattr__(self, "ignore", tuple(self.ignore))
        if self.missing_limit is not None:
            self._check_share("missing_limit", self.missing_limit, most=1)
        self._check_share("range_margin", self.range_margin, most=float("inf"))
        if self.on_store_down not in ("answer", "refuse"):
            raise self._mistake("has no such on_store_down", self.on_store_down, "'answer' or 'refuse'")
        self._check_defaults()
        if self.max_model_age is not None:
            parse_duration(self.max_model_age)  # here, so that a mistake names the author's line

    def _mistake(self, what: str, seen: object, allowed: str) -> DefinitionError:
        return DefinitionError(f"Trust {what}", seen=seen, allowed=allowed, where=self.site)

    def _check_levels(self) -> None:
        if not isinstance(self.levels, Mapping):
            raise self._mistake("takes its levels by reason code", self.levels, 'levels={"entity_unseen": "ok"}')
        for code, level in self.levels.items():
            if code not in DEFAULT_LEVELS:
                raise UnknownName("reason code", code, DEFAULT_LEVELS, where=self.site)
            if level not in LEVELS:
                raise self._mistake(f"has no such level for {code!r}", level, ", ".join(LEVELS))
        object.__setattr__(self, "levels", MappingProxyType(dict(self.levels)))

    def _check_share(self, name: str, value: object, *, most: float) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < float("inf") or value > most:  # type: ignore[operator]
            allowed = "a number from 0 to 1" if most == 1 else "a number of 0 or more"
            raise self._mistake(f"cannot take this {name}", value, allowed)

    def _check_defaults(self) -> None:
        if not isinstance(self.defaults, Mapping):
            raise self._mistake("takes its defaults by column", self.defaults, 'defaults={"spend__n_7d": 0}')
        plain = {column: self._plain(column, value) for column, value in self.defaults.items()}
        object.__setattr__(self, "defaults", MappingProxyType(plain))

    def _plain(self, column: str, value: object) -> float | bool | str | int:
        """As expressions see it: numbers are floats, instants whole microseconds."""
        if isinstance(value, datetime):
            return parse_instant(value)
        if isinstance(value, bool | str):
            return value
        if isinstance(value, int | float) and abs(value) < float("inf"):
            return float(value)
        allowed = "a finite number, a bool, a text or a datetime; a column that is not named is null"
        raise self._mistake(f"has a default for {column!r} that no column can hold", value, allowed)

    def level(self, code: str) -> Level:
        """The level of a reason; "ok" where its rule is off."""
        return self.levels.get(code, DEFAULT_LEVELS[code])

    @cached_property
    def max_model_age_us(self) -> int | None:
        """The limit in microseconds."""
        return None if self.max_model_age is None else parse_duration(self.max_model_age)

    def check_against(self, features: FeatureSet, what: str) -> None:
        """Raises UnknownName or TypeMismatch where a rule names what these features do not have."""
        views = [view.name for view in features.views]
        for name in self.ignore:
            if name not in features.outputs and name not in views:
                raise UnknownName(f"view or feature of {what}", name, [*views, *features.outputs], where=self.site)
        looked_up = {f.column: f.type for view in features.views for f in view.features}
        for column, value in self.defaults.items():
            if column not in looked_up:
                raise UnknownName(f"view column of {what}", column, looked_up, where=self.site)
            if _type_of(value) is not looked_up[column].in_expressions:
                raise TypeMismatch(
                    f"the default of {column!r} has another type than the feature",
                    seen=value,
                    allowed=looked_up[column].value,
                    next_step="give a value of that type",
                    where=self.site,
                )

    def to_dict(self) -> dict[str, Any]:
        """The rules in force, as plain values for JSON."""
        return {
            "levels": {code: self.level(code) for code in DEFAULT_LEVELS},
            "ignore": list(self.ignore),
            "max_model_age": None if self.max_model_age_us is None else format_duration(self.max_model_age_us),
            "missing_limit": self.missing_limit,
            "range_margin": self.range_margin,
            "on_store_down": self.on_store_down,
            "defaults": dict(self.defaults),
        }


def _type_of(value: float | bool | str | int) -> Type:
    kinds = {bool: Type.BOOL, float: Type.FLOAT, str: Type.STRING, int: Type.TIMESTAMP}
    return kinds[type(value)]
