"""Random decisions over random clocks, against lists in memory."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import Conflict
from gapless.ports.metadata import Decision, Proposal, Route

_EXAMPLES = count()
ROUTES = st.lists(st.sampled_from("12345"), min_size=1, max_size=4, unique=True).map(
    lambda versions: (Route(versions[0]), *(Route(version, "fallback") for version in versions[1:]))
)
STEPS = st.lists(st.tuples(st.sampled_from("ab"), ROUTES, st.integers(-5, 20), st.booleans()), max_size=12)


class Lists:
    """What a deployment is, in as few lines as possible."""

    def __init__(self):
        self.decisions = []

    def of(self, model):
        return [one for one in self.decisions if one.model == model]

    def decide(self, proposal, expected, at_us, id):
        before = self.of(proposal.model)[-1:]
        if expected != (before[0].id if before else 0):
            return None
        at_us = max(at_us, *(one.at_us for one in before), 0) if before else max(at_us, 0)
        after = before[0].after if before else ()
        made = Decision(id, proposal.model, proposal.kind, at_us, proposal.by, proposal.why, after, proposal.routes, {})
        self.decisions.append(made)
        return made

    def at(self, model, at_us):
        return ([one for one in self.of(model) if one.at_us <= at_us] or [None])[-1]


@given(steps=STEPS)
def test_it_does_what_lists_do(client, steps):
    deployments, lists = client.deployments, Lists()
    name = f"oracle{next(_EXAMPLES)}"
    for letter, routes, at_us, stale in steps:
        proposal = Proposal(f"{name}{letter}", "promote", routes, "ada", "")
        newest = lists.of(proposal.model)[-1:]
        expected = (newest[0].id if newest else 0) + stale
        revision = deployments.revision()
        wanted = lists.decide(proposal, expected, at_us, revision + 1)
        if wanted is None:
            with pytest.raises(Conflict):
                deployments.decide(proposal, expected=expected, at_us=at_us)
            assert deployments.revision() == revision
        else:
            assert deployments.decide(proposal, expected=expected, at_us=at_us) == wanted
    current = deployments.current()
    for model in (f"{name}a", f"{name}b"):
        assert deployments.history(model) == lists.of(model)[::-1]
        newest = lists.at(model, 10**9)
        assert (current[model].revision if model in current else None) == (newest.id if newest else None)
        for at_us in range(-1, 21, 3):
            found, then = deployments.at(model, at_us), lists.at(model, at_us)
            assert (found and (found.revision, found.routes)) == (then and (then.id, then.after))
