"""The stages on real Spark: every aggregation as the oracle has it, also when a worker of the cluster dies."""

import threading

import pytest

from gapless.adapters.spark import SparkEngine, ship
from tests.adapters.spark.test_engine import SOON_MISSED
from tests.distributing.spread import Spread, by_function
from tests.parity import record
from tests.spark import cluster_session, spark_cluster


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_every_aggregation_is_that_of_the_oracle(tmp_path, spark, monkeypatch, zone):
    world = Spread(tmp_path)
    expected = world.naively(monkeypatch)
    spark.conf.set("spark.sql.session.timeZone", zone)
    found = world.by(SparkEngine(spark))
    for function, (compared, different) in by_function(found, expected).items():
        record("aggregations", function, "spark", compared=compared, different=different)
        assert different == 0, function
        assert compared >= 1000
    assert found.drop_columns(_floats(found)).equals(expected.drop_columns(_floats(expected)))


def _floats(table):
    return [field.name for field in table.schema if str(field.type) == "double"]


def test_a_worker_killed_in_the_middle_gives_the_same_bits(tmp_path, spark, monkeypatch):
    """On a standalone cluster. (Asks for `spark` to run beside no other Spark.)"""
    world = Spread(tmp_path)
    expected = world.naively(monkeypatch)
    spark.sparkContext.stop()
    with spark_cluster(tmp_path) as cluster:
        session = cluster_session(cluster, SOON_MISSED)
        try:
            ship(session)
            engine = SparkEngine(session)
            assert engine.capabilities.slots == 2
            killed = threading.Event()

            def kill_half_way(name, done, of):
                if not killed.is_set() and done >= 3:
                    killed.set()
                    cluster.kill_worker(0)

            found = world.by(engine, progress=kill_half_way)
            assert killed.is_set(), "nobody was killed"
        finally:
            session.stop()
    assert all(different == 0 for _, different in by_function(found, expected).values())
