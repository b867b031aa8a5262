"""Each gate opens for what it asks and for nothing else."""

from __future__ import annotations

import math

import pytest

from gapless.deploying import GATES
from gapless.deploying.gates import check, gates_of, integrity_of
from gapless.errors import GateFailed
from gapless.ports.metadata import Deployment, Route
from tests.deploying.facts import CERTIFICATE, good

ROUTES = (Route("1"),)


def shut(found, **options):
    return [gate.name for gate in gates_of(found, "late", None, ROUTES, **options) if not gate.passed]


def test_a_good_version_passes_all_of_them():
    gates = gates_of(good(), "late", None, ROUTES)
    assert [gate.name for gate in gates] == list(GATES)
    assert all(gate.passed for gate in gates)
    assert check(gates, model="late", version="1", force=False) == ()


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"faults": {"definition": "not in the bundle"}}, "definition"),
        ({"faults": {"golden": "row 3 differs"}}, "golden"),
        ({"certificate": None}, "certificate"),
        ({"certificate": CERTIFICATE | {"passed": False}}, "certificate"),
        ({"certificate": CERTIFICATE | {"failures": 1}}, "certificate"),
        ({"certificate": CERTIFICATE | {"passed": "yes"}}, "certificate"),
        ({"runtime": "python"}, "certificate"),
        ({"metrics": {}}, "evaluated"),
        ({"metrics": {"base_rate": 0.5}}, "evaluated"),
        ({"metrics": {"roc_auc": math.nan}}, "evaluated"),
        ({"metrics": {"roc_auc": 0.5, "log_loss": math.inf}}, "evaluated"),
        ({"missing_views": ("spend",)}, "online"),
    ],
)
def test_a_gate_is_shut(changes, gate):
    assert shut(good(**changes)) == [gate]


def test_what_cannot_be_read_is_not_asked_for_more():
    found = good(faults={"bundle": "model.onnx is damaged"}, certificate=None, hashes={})
    assert [gate.name for gate in integrity_of(found, "late")] == ["bundle"]
    assert "bundle" in shut(found)


def test_a_pickle_is_the_stated_exception():
    assert shut(good(runtime="python", certificate=None), allow_pickle=True) == []


def test_what_is_live_already_is_no_change():
    live = Deployment("late", 1, 0, ROUTES)
    assert [g.name for g in gates_of(good(), "late", live, ROUTES) if not g.passed] == ["change"]
    other = (*ROUTES, Route("0", "fallback"))
    assert all(gate.passed for gate in gates_of(good(), "late", live, other))


BAD = {
    "bundle": {"faults": {"bundle": "bad"}},
    "definition": {"faults": {"definition": "bad"}},
    "certificate": {"certificate": None},
    "golden": {"faults": {"golden": "bad"}},
    "evaluated": {"metrics": {}},
    "online": {"missing_views": ("v",)},
    "change": {},
}


@pytest.mark.parametrize("gate", GATES)
def test_integrity_cannot_be_forced(gate):
    live = Deployment("late", 1, 0, ROUTES) if gate == "change" else None
    gates = gates_of(good(**BAD[gate]), "late", live, ROUTES)
    with pytest.raises(GateFailed, match=gate):
        check(gates, model="late", version="1", force=False)
    if GATES.index(gate) < 4:
        with pytest.raises(GateFailed) as error:
            check(gates, model="late", version="1", force=True)
        assert "--force" not in error.value.next_step
    else:
        assert check(gates, model="late", version="1", force=True) == (gate,)


def test_a_refusal_names_every_gate_and_what_would_open_it():
    gates = gates_of(good(certificate=None, missing_views=("spend",)), "late", None, ROUTES)
    with pytest.raises(GateFailed) as error:
        check(gates, model="late", version="1", force=True)
    assert "certificate" in error.value.what
    assert "online" not in error.value.what, "it was forced"
    with pytest.raises(GateFailed) as error:
        check(gates, model="late", version="1", force=False)
    assert "not materialized: spend" in str(error.value)
    assert "gapless materialize --model late --version 1" in error.value.next_step
