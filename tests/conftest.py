"""Settings that every test shares. A test that needs more builds it from real parts in its own file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.kafka import Kafka
    from tests.servers import Postgres, Redis, RedisCluster

# Read once, before any test imports mlflow: no test speaks to a server elsewhere.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Likewise before scikit-learn: its threads would spin against those of the other test process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

# `pytest --hypothesis-profile=NAME` chooses; `make test` runs "ci", which tries the same examples every time.
settings.register_profile("dev", max_examples=50, **_SHARED)
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, **_SHARED)
settings.register_profile("thorough", max_examples=2_000, **_SHARED)
settings.load_profile("dev")


# ---- servers: one of each for a test process, started by the first test that asks for it -----------


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis server. Tests share it: each empties it, or uses keys of its own."""
    from tests.servers import redis_server

    with redis_server(tmp_path_factory.mktemp("redis"), durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A Redis Cluster of three masters, shared likewise."""
    from tests.servers import redis_cluster

    with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A Postgres server. Each test takes a database of its own: `postgres.database(NAME)`."""
    from tests.servers import postgres_server

    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka broker, one for all processes of the run: it is large. Tests share it: each has topics of its own."""
    from tests.kafka import shared_kafka

    own = tmp_path_factory.getbasetemp()
    with shared_kafka(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


@pytest.fixture
def spark() -> SparkSession:
    """A session on local[2] with SQL settings of its own; the Java process behind it is one for a test process."""
    from tests.spark import local_session

    return local_session()
