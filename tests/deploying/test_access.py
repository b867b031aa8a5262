"""Who is admitted, how often, and while the database is away."""

from __future__ import annotations

import secrets
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.adapters.sql import SqlMetadata
from gapless.deploying import Denial, Guard, issue
from gapless.deploying.rates import Rates
from gapless.deploying.tokens import digest_of, parts_of
from gapless.errors import InputError, StorageError
from gapless.ports.metadata import ROLES


class Hand:
    """A clock whose hand is moved."""

    at_us = 1_000_000

    def now_us(self):
        return self.at_us

    def __call__(self):
        return self.at_us / 1e6


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def metadata(tmp_path):
    return SqlMetadata(f"sqlite:///{tmp_path / 'metadata.db'}")


@pytest.fixture
def guard(metadata, clock):
    return Guard(metadata.tokens, clock, monotonic=clock)


def give(metadata, guard, clock, name="shop", role="predict", **options):
    made = issue(name, role, random_bytes=secrets.token_bytes, now_us=clock.at_us, **options)
    metadata.tokens.add(made.token)
    guard.refresh()
    return f"Bearer {made.text}"


def code(found):
    return (found.status, found.code) if isinstance(found, Denial) else found.name


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("read", ["read"]),
        ("predict", ["read", "predict"]),
        ("push", ["push"]),
        ("deploy", ["read", "predict", "push", "deploy"]),
        ("admin", ["read", "predict", "push", "deploy", "admin"]),
    ],
)
def test_what_a_role_may_do(metadata, guard, clock, role, allowed):
    header = give(metadata, guard, clock, name=role, role=role)
    found = {needed: code(guard.admit(header, needed)) for needed in ROLES}
    assert found == {needed: role if needed in allowed else (403, "role") for needed in ROLES}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YTpi", "gl_0_0"])
def test_without_a_token(metadata, guard, clock, header):
    give(metadata, guard, clock)
    assert code(guard.admit(header, "read")) == (401, "no_token")


def test_a_token_that_is_not_known(metadata, guard, clock):
    header = give(metadata, guard, clock)
    wrong = [header[:-1] + ("0" if header[-1] != "0" else "1"), header + "0", header.upper(), "Bearer x"]
    wrong += [header.replace("_", "-"), f"Bearer gl_{'0' * 12}_{header[-48:]}"]
    assert {code(guard.admit(one, "read")) for one in wrong} == {(401, "bad_token")}
    assert code(guard.admit(header.replace("Bearer", "bearer"), "read")) == "shop"


@given(st.text())
def test_any_text_is_answered(text):
    guard = Guard(_NoTokens(), Hand(), monotonic=Hand())
    guard.refresh()
    for header in (text, f"Bearer {text}"):
        assert guard.admit(header, "read").status == 401


class _NoTokens:
    def list(self):
        return []


def test_a_token_ends(metadata, guard, clock):
    header = give(metadata, guard, clock, expires_us=clock.at_us + 10)
    assert code(guard.admit(header, "read")) == "shop"
    assert guard.has_tokens
    clock.at_us += 10
    assert code(guard.admit(header, "read")) == (401, "expired_token")
    assert not guard.has_tokens


def test_a_revoked_token(metadata, guard, clock):
    header = give(metadata, guard, clock)
    metadata.tokens.revoke("shop", at_us=clock.at_us)
    assert code(guard.admit(header, "read")) == "shop", "what was known holds until it is read again"
    guard.refresh()
    assert code(guard.admit(header, "read")) == (401, "revoked_token")


def test_before_the_tokens_were_read(guard):
    denied = guard.admit("Bearer x", "read")
    assert (denied.status, denied.retry_after_s) == (503, 1.0)
    assert not guard.has_tokens
    assert guard.read_us is None


def test_what_was_known_holds_while_the_database_is_away(metadata, guard, clock, tmp_path):
    header = give(metadata, guard, clock)
    (tmp_path / "metadata.db").rename(tmp_path / "away.db")
    clock.at_us += 5
    with pytest.raises(StorageError):
        guard.refresh()
    assert code(guard.admit(header, "predict")) == "shop"
    assert isinstance(guard.error, StorageError)
    assert guard.read_us == clock.at_us - 5
    (tmp_path / "away.db").rename(tmp_path / "metadata.db")
    guard.refresh()
    assert (guard.error, guard.read_us) == (None, clock.at_us)


def test_a_thread_keeps_the_tokens_fresh(metadata, clock):
    read = threading.Event()

    class Told:
        def list(self):
            read.set()
            return metadata.tokens.list()

    guard = Guard(Told(), clock, monotonic=clock, refresh_s=0.001).start()
    assert read.wait(10)
    metadata.tokens.add(issue("late", "read", random_bytes=secrets.token_bytes, now_us=0).token)
    for _ in range(2):  # one that began before the token was there, and one after
        read.clear()
        assert read.wait(10)
    read.clear()
    assert read.wait(10)
    guard.close()
    assert guard.has_tokens
    assert not any(thread.name == "gapless-tokens" for thread in threading.enumerate())


def test_a_token_has_its_rate(metadata, guard, clock):
    header = give(metadata, guard, clock, per_second=3.0)
    assert [code(guard.admit(header, "read")) for _ in range(4)] == ["shop"] * 3 + [(429, "too_many")]
    denied = guard.admit(header, "read")
    assert denied.retry_after_s == pytest.approx(1 / 3)
    guard.refresh()
    assert code(guard.admit(header, "read")) == (429, "too_many"), "reading the tokens anew fills no bucket"
    clock.at_us += 333_334
    assert code(guard.admit(header, "read")) == "shop"


def test_processes_share_a_rate():
    clock = Hand()
    rates = [Rates(clock, share=0.25) for _ in range(4)]
    assert sum(one.wait_s("a", 20.0) == 0 for one in rates for _ in range(10)) == 20


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.booleans()), max_size=60), st.floats(0.1, 50))
def test_a_rate_is_never_exceeded(steps, rate):
    """In any stretch of time no more is admitted than it brings, and what the bucket holds."""
    clock, admitted = Hand(), []
    rates = Rates(clock)
    for step_us, pause in steps:
        clock.at_us += step_us if pause else 0
        if rates.wait_s("a", rate) == 0:
            admitted.append(clock())
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= max(1.0, rate) + (admitted[last] - admitted[first]) * rate + 1e-6


def test_waiting_as_long_as_was_said_is_enough():
    clock = Hand()
    rates = Rates(clock)
    while (wait := rates.wait_s("a", 7.0)) == 0:
        pass
    clock.at_us += int(wait * 1e6) + 1
    assert rates.wait_s("a", 7.0) == 0


# ---- tokens --------------------------------------------------------------------------------------


IMPOSSIBLE = [
    *(("name", text) for text in ("", "two words", "x" * 65, "-x")),
    ("role", "root"),
    ("expires_us", 5),
    *(("per_second", number) for number in (0.0, float("nan"), float("inf"))),
]


@pytest.mark.parametrize(("field", "value"), IMPOSSIBLE)
def test_what_no_token_can_have(field, value):
    fields = {"name": "shop", "role": "read", "expires_us": None, "per_second": None} | {field: value}
    with pytest.raises(InputError):
        issue(**fields, random_bytes=bytes, now_us=5)


def test_a_secret_is_nowhere_but_in_its_text(metadata):
    made = issue("shop", "read", random_bytes=secrets.token_bytes, now_us=0)
    metadata.tokens.add(made.token)
    id, secret = parts_of(made.text)
    assert (id, digest_of(secret)) == (made.token.id, made.token.digest)
    held = repr(metadata.tokens.list()) + repr(metadata.audit.list())
    assert secret not in held
    assert secret not in repr(made.token)


def test_tokens_differ():
    made = {issue("a", "read", random_bytes=secrets.token_bytes, now_us=0).text for _ in range(100)}
    assert len(made) == 100
