"""The versions that answer for a model, the next where the one before cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from gapless.errors import BugError, InputError, Transient
from gapless.product import FeatureSet
from gapless.serving.answers import Answered, Features, Row, Signature

__all__ = ["Chain", "Loaded", "attempted"]

T = TypeVar("T")


class Loaded(Protocol):
    """A version in memory that has shown that it answers right."""

    @property
    def signature(self) -> Signature:
        """What it wants to be asked and what it answers."""
        ...

    @property
    def bundle_hash(self) -> str:
        """Of the bundle that it was opened from."""
        ...

    @property
    def feature_set(self) -> FeatureSet:
        """The features that it was trained with."""
        ...

    @property
    def refuses_without_store(self) -> bool:
        """Whether its policy is to give no answer while the online store is away."""
        ...

    def not_materialized(self) -> Sequence[str]:
        """The views without complete state. Raises: Transient where the store does not answer."""
        ...

    def answer_as(self, rows: Sequence[Row], now_us: int, live_version: str) -> Answered:
        """See `Answerer.answer`; where it is not the live version itself, its answers say so."""
        ...

    def features(self, rows: Sequence[Row], now_us: int) -> Features:
        """See `Answerer.features`."""
        ...


class Chain:
    """An Answerer over versions in order.

    Parameters:
        live_version — the one that is to answer; the first of `members` is another where it could not be loaded.
        failed — told the version and what it raised, each time that one has no answer to give; from any thread.

    A row that the first version cannot take and a store that is away are no failure of a version: nobody else is asked.
    """

    def __init__(
        self, live_version: str, members: Sequence[Loaded], failed: Callable[[Signature, Exception], None]
    ) -> None:
        if not members:
            raise BugError("a chain without a version")
        self.live_version, self.members, self._failed = live_version, tuple(members), failed

    @property
    def signature(self) -> Signature:
        """That of the first version."""
        return self.members[0].signature

    def answer(self, rows: Sequence[Row], now_us: int) -> Answered:
        """The answer of the first version that gives one; where none does, the error of the first."""
        errors: list[Exception] = []
        for member in self.members:
            found = attempted(partial(member.answer_as, rows, now_us, self.live_version))
            if not isinstance(found, Exception):
                return found
            if isinstance(found, Transient) or (isinstance(found, InputError) and not errors):
                raise found
            self._failed(member.signature, found)
            errors.append(found)
        raise errors[0]

    def features(self, rows: Sequence[Row], now_us: int) -> Features:
        """Those that the first version sees."""
        return self.members[0].features(rows, now_us)


def attempted(call: Callable[[], T]) -> T | Exception:
    """What it returns, or raises: for the places where any failure of a model has to be reported and survived."""
    try:
        return call()
    except Exception as error:
        return error
