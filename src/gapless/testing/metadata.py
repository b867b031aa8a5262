"""What every Metadata keeps, as one check for ours and for a stranger's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from gapless.errors import BugError, Conflict, GaplessError, InputError, NotFound
from gapless.ports.metadata import AuditEntry, Decision, Incident, Metadata, Proposal, Route, Token
from gapless.testing.threads import in_threads

__all__ = ["METADATA_CHECKS", "check_metadata"]

Factory = Callable[[], Metadata]

_NOON = 1_383_264_000_000_000
_HARD = "Zoë said: 'späť', \"no\"; --\n\t\\ 雪 \U0001f600"


def check_metadata(factory: Factory) -> None:
    """Returns where the database keeps the contract of `gapless.ports.metadata.Metadata`.

    Parameters:
        factory — a client of one and the same database, at every call a new one. The database is empty, or holds
            nothing whose name begins with "check_".

    Raises: BugError naming what is not kept.
    """
    for check in METADATA_CHECKS:
        check(factory)


def nothing_is_live_at_first(factory: Factory) -> None:
    deployments = factory().deployments
    _require("check_nobody" not in deployments.current(), "a model that was never promoted is not live")
    _require(deployments.at("check_nobody", _NOON) is None, "nor was it at any instant")
    _require(deployments.history("check_nobody") == [], "it has no history")
    _require(deployments.revision() >= 0, "a revision is a number")


def a_decision_comes_back_whole(factory: Factory) -> None:
    routes = (Route("7"), Route("3", "fallback"), Route("8", "shadow"), Route("9", "split", 0.1 + 0.2))
    evidence = {"gates": [{"name": _HARD, "passed": True}], "metrics": {"a": 5e-324, "b": 0.1 + 0.2, "c": -0.0}}
    proposal = Proposal("check_whole", "promote", routes, _HARD, _HARD, evidence)
    made = factory().deployments.decide(proposal, expected=0, at_us=_NOON)
    wanted = Decision(made.id, "check_whole", "promote", _NOON, _HARD, _HARD, (), routes, evidence)
    _require(made == wanted, "a decision says what was proposed")
    _require(factory().deployments.history("check_whole") == [made], "it reads as it was written, for everybody")
    _require(repr(made) == repr(factory().deployments.history("check_whole")[0]), "every float keeps its bits")
    live = factory().deployments.current()["check_whole"]
    _require((live.revision, live.since_us, live.routes) == (made.id, _NOON, routes), "it is in force")
    _require(live.live == "7", "the main route is what is live")


def a_decision_follows_what_it_was_made_from(factory: Factory) -> None:
    deployments = factory().deployments
    first = deployments.decide(_proposal("check_follows", "1"), expected=0, at_us=_NOON)
    second = deployments.decide(_proposal("check_follows", "2"), expected=first.id, at_us=_NOON + 1)
    _require(second.before == first.after, "a decision knows what was live before")
    for late in (0, first.id, second.id + 1):
        before = _everything(factory(), "check_follows")
        proposal = _proposal("check_follows", "3")
        refused = _raises(Conflict, lambda p=proposal, e=late: factory().deployments.decide(p, expected=e, at_us=_NOON))  # type: ignore[misc]
        _require(refused, "a decision made from what is not live any more is a Conflict")
        _require(_everything(factory(), "check_follows") == before, "a Conflict changes nothing")
    newest_first = factory().deployments.history("check_follows")
    _require(newest_first == [second, first], "history is newest first")
    _require(factory().deployments.history("check_follows", limit=1) == [second], "the limit keeps the newest")
    _require(factory().deployments.history("check_follows", limit=None) == newest_first, "without a limit it is all")
    _require(newest_first[0] in factory().deployments.history(limit=1_000), "history of all models holds it")


def the_past_can_be_asked(factory: Factory) -> None:
    deployments = factory().deployments
    ids = [0]
    for version, at_us in (("1", _NOON), ("2", _NOON + 10), ("3", _NOON + 10)):
        ids.append(deployments.decide(_proposal("check_past", version), expected=ids[-1], at_us=at_us).id)
    asked = [deployments.at("check_past", _NOON + after) for after in (-1, 0, 9, 10, 11)]
    live = [None if one is None else (one.live, one.since_us - _NOON) for one in asked]
    _require(live == [None, ("1", 0), ("1", 0), ("3", 10), ("3", 10)], "the newest decision by then was in force")


def a_clock_that_goes_back_is_held(factory: Factory) -> None:
    deployments = factory().deployments
    first = deployments.decide(_proposal("check_clock", "1"), expected=0, at_us=_NOON)
    second = deployments.decide(_proposal("check_clock", "2"), expected=first.id, at_us=_NOON - 1_000_000)
    _require(second.at_us == _NOON, "decisions of a model never go back in time")
    found = deployments.at("check_clock", _NOON)
    _require(found is not None and found.live == "2", "the later decision of an instant is in force")


def every_decision_is_a_new_revision(factory: Factory) -> None:
    deployments = factory().deployments
    before = deployments.revision()
    first = deployments.decide(_proposal("check_one", "1"), expected=0, at_us=_NOON)
    second = deployments.decide(_proposal("check_two", "1"), expected=0, at_us=_NOON)
    _require(before < first.id < second.id, "ids grow over all models")
    _require(factory().deployments.revision() == second.id, "the revision is the newest id of any model")
    _require(factory().deployments.current()["check_one"].revision == first.id, "models do not disturb each other")


def who_decides_at_once_takes_turns(factory: Factory) -> None:
    """Each of some threads decides some times, from whatever is live then."""

    def decide(writer: int) -> None:
        deployments = factory().deployments
        for number in range(5):
            while not _decided(deployments, f"{writer}.{number}"):
                pass

    in_threads(4, decide)
    history = factory().deployments.history("check_turns", limit=1_000)[::-1]
    _require(len(history) == 20, "every decision that was acknowledged is there, once")
    _require(len({one.after[0].version for one in history}) == 20, "no decision is there twice")
    pairs = pairwise(history)
    _require(all(late.before == early.after for early, late in pairs), "each follows the one before it")


def what_cannot_be_kept_is_refused(factory: Factory) -> None:
    bad: list[dict[str, Any]] = [
        {"evidence": {"x": float("nan")}},
        {"evidence": {"x": object()}},
        {"why": "a\0b"},
        {"by": "\ud800"},
    ]
    bad += [{"routes": routes} for routes in ((), (Route("1", "shadow"),), (Route("1"), Route("2")))]
    bad += [{"routes": (Route("1"), Route("1", "fallback"))}]
    for fields in bad:
        proposal = replace(_proposal("check_refused", "1"), **fields)
        refused = _raises(InputError, lambda p=proposal: factory().deployments.decide(p, expected=0, at_us=_NOON))  # type: ignore[misc]
        _require(refused, f"{fields} is refused with InputError")
    _require("check_refused" not in factory().deployments.current(), "what is refused changes nothing")


def an_incident_is_open_once(factory: Factory) -> None:
    incident = Incident("swap_refused", "check_open", _HARD * 100, {"version": "3", "at": 0.1 + 0.2})
    first = factory().incidents.report(incident, at_us=_NOON)
    _require(first == replace(incident, id=first.id, opened_us=_NOON, last_us=_NOON), "an incident is opened")
    again = factory().incidents.report(replace(incident, facts={"version": "4"}), at_us=_NOON + 5)
    wanted = replace(first, last_us=_NOON + 5, times=2, facts={"version": "4"})
    _require(again == wanted, "one that is open is counted, with the newest facts")
    other = factory().incidents.report(replace(incident, subject="check_other"), at_us=_NOON + 6)
    listed = [one for one in factory().incidents.list() if one.subject.startswith("check_o")]
    _require(listed == [other, again], "open incidents are listed, newest first")
    _require(factory().incidents.report(incident, at_us=0).last_us == _NOON + 5, "the last time never goes back")


def a_closed_incident_stays_closed(factory: Factory) -> None:
    incident = Incident("swap_refused", "check_closed", "the bundle is damaged")
    opened = factory().incidents.report(incident, at_us=_NOON)
    closed = factory().incidents.close(opened.id, by=_HARD, at_us=_NOON + 1)
    _require((closed.closed_us, closed.closed_by) == (_NOON + 1, _HARD), "an incident is closed by somebody")
    _require(factory().incidents.close(opened.id, by="x", at_us=_NOON + 9) == closed, "closing again changes nothing")
    _require(closed not in factory().incidents.list(limit=1_000), "a closed one is not among the open ones")
    _require(closed in factory().incidents.list(open_only=False, limit=1_000), "it is among all")
    new = factory().incidents.report(incident, at_us=_NOON + 10)
    _require(new.id != opened.id and new.times == 1, "the same thing again is a new incident")
    _require(_raises(NotFound, lambda: factory().incidents.close(2**40, by="x", at_us=0)), "no such one is NotFound")


def incidents_at_once_are_all_counted(factory: Factory) -> None:
    incident = Incident("swap_refused", "check_crowd", "many")
    in_threads(4, lambda _: [factory().incidents.report(incident, at_us=_NOON) for _ in range(5)])
    found = [one for one in factory().incidents.list(limit=1_000) if one.subject == "check_crowd"]
    _require([one.times for one in found] == [20], "reports at the same moment are one incident, each counted")


def a_token_comes_back(factory: Factory) -> None:
    token = Token("check1", "check_token", "predict", bytes(range(32)), _NOON, _NOON + 100, None, 0.1 + 0.2)
    factory().tokens.add(token, by="ada")
    _require(_tokens(factory(), "check_token") == [token], "a token reads as it was written")
    again = replace(token, id="check2", created_us=_NOON + 50)
    _require(_raises(InputError, lambda: factory().tokens.add(again)), "a name in force is not given twice")
    _require(_tokens(factory(), "check_token") == [token], "what is refused changes nothing")
    revoked = factory().tokens.revoke("check_token", at_us=_NOON + 60, by="ada")
    _require(revoked == replace(token, revoked_us=_NOON + 60), "a token is revoked")
    factory().tokens.add(again)
    _require(_tokens(factory(), "check_token") == [revoked, again], "tokens are listed oldest first, revoked ones too")
    later = replace(token, id="check3", created_us=_NOON + 100, expires_us=None)
    factory().tokens.add(later)
    _require(len(_tokens(factory(), "check_token")) == 3, "the name of an expired token is free")
    missing = _raises(NotFound, lambda: factory().tokens.revoke("check_nobody", at_us=_NOON))
    _require(missing, "revoking what is not there is NotFound")


def every_change_leaves_a_line(factory: Factory) -> None:
    metadata = factory()
    entry = AuditEntry(_NOON, _HARD, "promote", "check_audit", "refused", {"gate": "golden"})
    metadata.audit.append(entry)
    metadata.deployments.decide(_proposal("check_audit", "1"), expected=0, at_us=_NOON)
    metadata.tokens.add(Token("check9", "check_audited", "read", bytes(32), _NOON), by="ada")
    metadata.tokens.revoke("check_audited", at_us=_NOON, by="bob")
    opened = metadata.incidents.report(Incident("k", "check_audit", "w"), at_us=_NOON)
    metadata.incidents.close(opened.id, by="eve", at_us=_NOON)
    found = [one for one in factory().audit.list(limit=1_000) if one.subject.startswith("check_audit")]
    _require(found[-1] == entry, "an entry reads as it was written")
    said = [(one.by, one.action, one.outcome) for one in found[-2::-1]]
    wanted = [("by", "promote", "done"), ("ada", "token create", "done")]
    wanted += [("bob", "token revoke", "done"), ("eve", "incident close", "done")]
    _require(said == wanted, "every change leaves one line, the newest first")
    _require(factory().audit.list(limit=1) == [found[0]], "the limit keeps the newest")


def a_closed_client_is_no_obstacle(factory: Factory) -> None:
    metadata = factory()
    metadata.deployments.revision()
    metadata.close()
    metadata.close()
    _require(factory().deployments.revision() >= 0, "closing one client leaves the others alone")


METADATA_CHECKS: tuple[Callable[[Factory], None], ...] = (
    nothing_is_live_at_first,
    a_decision_comes_back_whole,
    a_decision_follows_what_it_was_made_from,
    the_past_can_be_asked,
    a_clock_that_goes_back_is_held,
    every_decision_is_a_new_revision,
    who_decides_at_once_takes_turns,
    what_cannot_be_kept_is_refused,
    an_incident_is_open_once,
    a_closed_incident_stays_closed,
    incidents_at_once_are_all_counted,
    a_token_comes_back,
    every_change_leaves_a_line,
    a_closed_client_is_no_obstacle,
)


def _proposal(model: str, version: str) -> Proposal:
    return Proposal(model, "promote", (Route(version),), "by", "why")


def _everything(metadata: Metadata, model: str) -> Any:
    deployments = metadata.deployments
    return deployments.revision(), deployments.current()[model], deployments.history(model), metadata.audit.list()


def _decided(deployments: Any, version: str) -> bool:
    live = deployments.current().get("check_turns")
    try:
        expected = 0 if live is None else live.revision
        deployments.decide(_proposal("check_turns", version), expected=expected, at_us=_NOON)
    except Conflict:
        return False
    return True


def _tokens(metadata: Metadata, name: str) -> list[Token]:
    return [one for one in metadata.tokens.list() if one.name == name]


def _require(kept: bool, what: str) -> None:
    if not kept:
        raise BugError(f"a metadata database does not keep its contract: {what}")


def _raises(kind: type[GaplessError], call: Callable[[], object]) -> bool:
    try:
        call()
    except kind:
        return True
    return False
