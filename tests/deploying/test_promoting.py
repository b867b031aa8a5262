"""Promotion and rollback over a real metadata database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.adapters.sql import SqlMetadata
from gapless.deploying import Promotion, Rollback, promote, rollback
from gapless.deploying.history import earlier
from gapless.errors import Conflict, GateFailed, InputError, NotFound, Transient
from gapless.ports.metadata import Decision, Proposal, Route
from tests.deploying.facts import Shelf, good

ASKED = Promotion("late", "1", by="ada", why="because")


@pytest.fixture
def metadata(tmp_path):
    return SqlMetadata(f"sqlite:///{tmp_path / 'metadata.db'}")


def put_live(metadata, *versions, shelf=None):
    shelf = shelf or Shelf(*map(good, versions))
    for at_us, version in enumerate(versions):
        promote(replace(ASKED, version=version), metadata, shelf, at_us=at_us)
    return shelf


def live(metadata):
    return [route.version for route in metadata.deployments.current()["late"].routes]


def said(metadata):
    return [(entry.action, entry.outcome) for entry in metadata.audit.list()][::-1]


def test_a_promotion_is_recorded_with_its_grounds(metadata):
    put_live(metadata, "1")
    better = good("2", metrics={"roc_auc": 0.9, "roc_auc.low": 0.85})
    made = promote(replace(ASKED, version="2"), metadata, Shelf(good("1"), better), at_us=7)
    decision = metadata.deployments.history("late")[0]
    assert made.decision == decision
    assert (decision.kind, decision.by, decision.why, decision.at_us) == ("promote", "ada", "because", 7)
    assert decision.before == (Route("1"),)
    assert decision.after == (Route("2"), Route("1", "fallback"))
    evidence = decision.evidence
    assert evidence["metrics"] == {
        "2": {"roc_auc": 0.9, "roc_auc.low": 0.85},
        "1": {"roc_auc": 0.8, "roc_auc.low": 0.7},
    }
    assert evidence["hashes"]["2"]["bundle"] == better.hashes["bundle"]
    assert evidence["hashes"]["1"]["commit"] == "c" * 40
    assert {(gate["name"], gate["version"]) for gate in evidence["gates"]} >= {("golden", "2"), ("golden", "1")}
    assert said(metadata) == [("promote", "done")] * 2


def measured(name, low, value, high):
    return {name: value, f"{name}.low": low, f"{name}.high": high}


@pytest.mark.parametrize(
    ("before", "after", "is_said"),
    [
        (measured("roc_auc", 0.78, 0.8, 0.82), measured("roc_auc", 0.68, 0.7, 0.72), True),
        (measured("roc_auc", 0.78, 0.8, 0.82), measured("roc_auc", 0.68, 0.7, 0.79), False),
        (measured("roc_auc", 0.68, 0.7, 0.72), measured("roc_auc", 0.78, 0.8, 0.82), False),
        (measured("rmse", 10.0, 11.0, 12.0), measured("rmse", 13.0, 14.0, 15.0), True),
        (measured("rmse", 13.0, 14.0, 15.0), measured("rmse", 10.0, 11.0, 12.0), False),
        ({"roc_auc": 0.8}, {"roc_auc": 0.1}, False),
        ({"brier": 0.1}, measured("roc_auc", 0.1, 0.2, 0.3), False),
    ],
)
def test_a_metric_that_is_worse_beyond_both_intervals_is_said_and_stops_nothing(metadata, before, after, is_said):
    shelf = put_live(metadata, "1", shelf=Shelf(good("1", metrics=before), good("2", metrics=after)))
    made = promote(replace(ASKED, version="2"), metadata, shelf, at_us=7)
    assert live(metadata) == ["2", "1"]
    assert any("is worse than in version 1" in note for note in made.notes) == is_said
    assert made.decision.evidence["notes"] == list(made.notes)
    if is_said:
        (name, was), (_, now) = next(iter(before.items())), next(iter(after.items()))
        assert all(f"{value:g} (" in made.notes[0] for value in (was, now))
        assert made.notes[0].startswith(name)


def test_what_is_shut_changes_nothing_and_is_written_down(metadata):
    shelf = put_live(metadata, "1")
    shelf.versions["2"] = good("2", faults={"golden": "row 3 differs"})
    with pytest.raises(GateFailed, match="golden"):
        promote(replace(ASKED, version="2", force=True), metadata, shelf, at_us=1)
    assert live(metadata) == ["1"]
    refused = metadata.audit.list()[0]
    assert (refused.action, refused.outcome, refused.by) == ("promote", "refused", "ada")
    assert refused.facts["version"] == "2"
    assert "row 3 differs" in refused.facts["seen"]


def test_a_forced_gate_is_in_the_record(metadata):
    shelf = Shelf(good("1", missing_views=("spend",)))
    made = promote(replace(ASKED, force=True), metadata, shelf, at_us=0)
    assert [gate["name"] for gate in made.decision.evidence["gates"] if gate["forced"]] == ["online"]
    assert "forced: online" in made.notes


def test_forcing_needs_a_reason(metadata):
    with pytest.raises(InputError, match="says why"):
        promote(replace(ASKED, force=True, why=" "), metadata, Shelf(good()), at_us=0)
    assert said(metadata) == [("promote", "refused")]


def test_an_unknown_version(metadata):
    with pytest.raises(NotFound, match="no version 9"):
        promote(replace(ASKED, version="9"), metadata, Shelf(good()), at_us=0)
    assert said(metadata) == [("promote", "refused")]


def test_a_tracker_that_is_away_decides_nothing(metadata):
    def away(version):
        raise Transient("the tracker does not answer")

    with pytest.raises(Transient):
        promote(ASKED, metadata, away, at_us=0)
    assert said(metadata) == []


def test_who_comes_second_looks_again(metadata):
    shelf = put_live(metadata, "1", shelf=Shelf(good("1"), good("2"), good("3")))

    def overtaken(version):
        if not shelf.seen.count("overtaking"):
            shelf.seen.append("overtaking")
            promote(replace(ASKED, version="3"), metadata, shelf, at_us=5)
        return shelf(version)

    with pytest.raises(Conflict, match="meanwhile"):
        promote(replace(ASKED, version="2"), metadata, overtaken, at_us=6)
    assert live(metadata) == ["3", "1"]
    assert said(metadata)[-1] == ("promote", "refused")


# ---- fallbacks -----------------------------------------------------------------------------------


def test_what_was_live_is_the_fallback_and_the_chain_does_not_grow(metadata):
    put_live(metadata, "1", "2", "3")
    assert live(metadata) == ["3", "2"]


def test_a_fallback_that_does_not_pass_is_left_out_and_said(metadata):
    shelf = put_live(metadata, "1", shelf=Shelf(good("1"), good("2")))
    shelf.versions["1"] = good("1", faults={"bundle": "model.onnx is damaged"})
    made = promote(replace(ASKED, version="2"), metadata, shelf, at_us=1)
    assert live(metadata) == ["2"]
    assert "model.onnx is damaged" in made.notes[0]
    assert made.decision.evidence["notes"] == list(made.notes)


def test_a_fallback_that_the_tracker_forgot_is_left_out(metadata):
    put_live(metadata, "1")
    promote(replace(ASKED, version="2"), metadata, Shelf(good("2")), at_us=1)
    assert live(metadata) == ["2"]


def test_named_fallbacks_must_pass(metadata):
    shelf = Shelf(good("1"), good("2"), good("3", certificate=None))
    promote(replace(ASKED, version="2", fallbacks=("1",)), metadata, shelf, at_us=0)
    assert live(metadata) == ["2", "1"]
    with pytest.raises(GateFailed, match="certificate"):
        promote(replace(ASKED, version="1", fallbacks=("2", "3")), metadata, shelf, at_us=0)
    promote(replace(ASKED, version="1", fallbacks=()), metadata, shelf, at_us=0)
    assert live(metadata) == ["1"]


def test_a_version_is_in_a_chain_once(metadata):
    with pytest.raises(InputError, match="once"):
        promote(replace(ASKED, fallbacks=("1",)), metadata, Shelf(good()), at_us=0)


def test_promoting_what_is_live_again_needs_force_and_keeps_its_fallbacks(metadata):
    shelf = put_live(metadata, "1", "2")
    with pytest.raises(GateFailed, match="change"):
        promote(replace(ASKED, version="2"), metadata, shelf, at_us=3)
    promote(replace(ASKED, version="2", force=True), metadata, shelf, at_us=3)
    assert live(metadata) == ["2", "1"]
    promote(replace(ASKED, version="2", fallbacks=()), metadata, shelf, at_us=4)
    assert live(metadata) == ["2"], "another chain is a change"


# ---- rollback ------------------------------------------------------------------------------------

BACK = Rollback("late", by="bob", why="complaints")


def test_going_back_restores_what_was_live_and_again_goes_further(metadata):
    shelf = put_live(metadata, "1", "2", "3")
    made = rollback(BACK, metadata, shelf, at_us=9)
    assert (made.decision.kind, made.decision.by, made.decision.why) == ("rollback", "bob", "complaints")
    assert live(metadata) == ["2", "1"]
    rollback(BACK, metadata, shelf, at_us=9)
    assert live(metadata) == ["1"]
    with pytest.raises(NotFound, match="before version 1"):
        rollback(BACK, metadata, shelf, at_us=9)
    assert said(metadata)[-3:] == [("rollback", "done"), ("rollback", "done"), ("rollback", "refused")]


def test_a_promotion_after_going_back_is_gone_back_from(metadata):
    shelf = put_live(metadata, "1", "2")
    rollback(BACK, metadata, shelf, at_us=9)
    promote(replace(ASKED, version="3"), metadata, Shelf(*map(good, "123")), at_us=10)
    rollback(BACK, metadata, shelf, at_us=11)
    assert live(metadata) == ["1"]


def test_nothing_was_ever_live(metadata):
    with pytest.raises(NotFound, match="is live"):
        rollback(BACK, metadata, Shelf(), at_us=0)


def test_going_back_asks_no_gate_but_the_bundle(metadata):
    shelf = put_live(metadata, "1", "2")
    shelf.versions["1"] = good("1", faults={"golden": "differs"}, certificate=None, missing_views=("v",), metrics={})
    rollback(BACK, metadata, shelf, at_us=9)
    assert live(metadata) == ["1"]


@pytest.mark.parametrize("changes", [{"faults": {"bundle": "damaged"}}, {"hashes": {"bundle": "e" * 64}}])
def test_a_bundle_that_is_not_what_was_decided_on_stays_away(metadata, changes):
    shelf = put_live(metadata, "1", "2")
    shelf.versions["1"] = good("1", **changes)
    with pytest.raises(GateFailed, match="bundle"):
        rollback(BACK, metadata, shelf, at_us=9)
    assert live(metadata) == ["2", "1"]


def test_a_fallback_that_is_gone_does_not_stop_going_back(metadata):
    shelf = put_live(metadata, "1", "2", "3")
    shelf.versions["1"] = good("1", faults={"bundle": "damaged"})
    made = rollback(BACK, metadata, shelf, at_us=9)
    assert live(metadata) == ["2"]
    assert "fallback 1 is left out" in made.notes[0]


@given(st.lists(st.booleans(), max_size=12))
def test_going_back_is_a_stack(pushes):
    """Against a plain list: a promotion puts on top, a rollback takes off."""
    stack, history = [], []
    for id, push in enumerate(pushes, 1):
        back = earlier(history[::-1])
        assert back == (stack[-2] if len(stack) > 1 else None)
        if push or back is None:
            stack.append((Route(str(id)),))
            history.append(Decision(id, "m", "promote", id, "", "", (), stack[-1], {}))
        else:
            stack.pop()
            history.append(Decision(id, "m", "rollback", id, "", "", (), stack[-1], {}))


def test_decisions_of_a_policy_to_come_do_not_disturb(metadata):
    """The table carries shadows and splits already; they are gone back to like anything else."""
    routes = (Route("1", weight=0.9), Route("2", "split", 0.1), Route("3", "shadow"))
    metadata.deployments.decide(Proposal("late", "promote", routes, "policy", ""), expected=0, at_us=0)
    put_live(metadata, "4", shelf=Shelf(*map(good, "1234")))
    rollback(BACK, metadata, Shelf(*map(good, "1234")), at_us=9)
    assert metadata.deployments.current()["late"].routes == routes
