"""Whether a database holds decisions that are whole: read from its tables, past the code that wrote them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from sqlalchemy import text

from gapless.adapters.sql.database import Database
from gapless.faults import no_fault


def check_whole(url):
    """The decisions' ids by model; asserts that each is there with all its parts, and follows the one before it."""
    database = Database(url, timeout_s=10, fault=no_fault)
    with database.reading() as connection:

        def rows(query):
            return [tuple(row) for row in connection.execute(text(query))]

        decisions = rows("SELECT id, model, previous FROM decisions ORDER BY id")
        routes = Counter(row[0] for row in rows("SELECT decision FROM routes"))
        places = rows("SELECT decision, MAX(place) FROM routes GROUP BY decision")
        deployed = dict(rows("SELECT model, revision FROM deployments"))
        trail = rows("SELECT facts FROM audit WHERE outcome = 'done' ORDER BY id")
    database.close()
    ids = [id for id, _, _ in decisions]
    assert ids == list(range(1, len(ids) + 1)), "ids are dense"
    assert set(routes) == set(ids), "every decision has its routes, and no routes are left over"
    assert all(routes[id] == last + 1 for id, last in places), "and all of them"
    assert len(trail) == len(ids), "every decision has its line in the audit trail"
    chains = {}
    for id, model, previous in decisions:
        chains.setdefault(model, [0]).append(id)
        assert previous == chains[model][-2], "every decision follows the one before it"
    assert deployed == {model: chain[-1] for model, chain in chains.items()}, "the newest is in force"
    assert all(early < late for chain in chains.values() for early, late in pairwise(chain))
    return {model: chain[1:] for model, chain in chains.items()}
