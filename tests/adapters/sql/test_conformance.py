"""SQLite and Postgres keep the contract of the metadata database."""

from __future__ import annotations

import pytest

from gapless.adapters.sql import SqlMetadata
from gapless.errors import BugError
from gapless.testing import METADATA_CHECKS, check_metadata
from gapless.testing.metadata import a_decision_follows_what_it_was_made_from


@pytest.mark.parametrize("check", METADATA_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check, shared):
    check(shared)


def test_the_whole_suite_is_one_call(tmp_path):
    check_metadata(lambda: SqlMetadata(f"sqlite:///{tmp_path / 'metadata.db'}"))


def test_the_checks_bite(tmp_path):
    """A database that takes every decision, whatever it was made from."""

    class Careless:
        def __init__(self, inner):
            self._inner = inner
            self.deployments = self
            self.audit = inner.audit

        def __getattr__(self, name):
            return getattr(self._inner.deployments, name)

        def decide(self, proposal, *, expected, at_us):
            live = self.current().get(proposal.model)
            return self._inner.deployments.decide(proposal, expected=live.revision if live else 0, at_us=at_us)

    with pytest.raises(BugError, match="is a Conflict"):
        a_decision_follows_what_it_was_made_from(lambda: Careless(SqlMetadata(f"sqlite:///{tmp_path / 'metadata.db'}")))
