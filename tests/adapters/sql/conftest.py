"""Databases of both kinds, each real, each empty."""

from __future__ import annotations

from itertools import count

import pytest

from gapless.adapters.sql import SqlMetadata

_NUMBERS = count()


@pytest.fixture(params=["sqlite", "postgres"], scope="session")
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def new_url(request, kind, tmp_path_factory):
    """Gives the URL of an empty database at every call."""

    def make():
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('metadata') / 'metadata.db'}"
        return request.getfixturevalue("postgres").database(f"metadata_{next(_NUMBERS)}")

    return make


@pytest.fixture
def url(new_url):
    return new_url()


@pytest.fixture
def opened(url):
    """Makes clients of one database, and closes them."""
    yield from clients(url)


@pytest.fixture(scope="session")
def shared(new_url):
    """Makes clients of a database that tests share, and closes them."""
    yield from clients(new_url())


@pytest.fixture(scope="session")
def client(shared):
    """One client of that database, for tests that ask it many times."""
    return shared()


def clients(url):
    made = []

    def make(**options):
        made.append(SqlMetadata(url, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
