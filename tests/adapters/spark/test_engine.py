"""The engine on real Spark keeps every promise of the port, also after a worker of a cluster was killed."""

import threading
import time

import pytest

from gapless.adapters.spark import SparkEngine
from gapless.errors import BugError
from gapless.ports.engine import Piece, Stage
from gapless.testing.engine import BATCH_ENGINE_CHECKS
from tests.spark import cluster_session, spark_cluster


@pytest.mark.parametrize("check", BATCH_ENGINE_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, spark):
    check(SparkEngine(spark))


SOON_MISSED = {
    "spark.network.timeout": "20s",
    "spark.network.timeoutInterval": "5s",
    "spark.executor.heartbeatInterval": "2s",
}
"""How long a dead executor is waited for; Spark's own default is two minutes."""


def _divide(pieces):
    for piece in pieces:
        yield Piece(0, 0, b"%d" % (1 // int(piece.value)))


def test_an_error_of_python_itself_is_told(spark):
    with pytest.raises(BugError, match="ZeroDivisionError"):
        list(SparkEngine(spark).run(Stage("divide", _divide, 1, tasks=(b"0",))))


def _slowly(pieces):
    for piece in pieces:
        time.sleep(0.5)
        yield Piece(int(piece.value) % 4, piece.place, piece.value)


def _sums(pieces):
    found = [int(piece.value) for piece in pieces]
    time.sleep(0.2)
    yield Piece(0, 0, b"%d of %d" % (sum(found), len(found)))


def test_a_worker_killed_in_the_middle_changes_nothing(spark, tmp_path):
    """Its tasks are done again, and what it had sent, too. (Asks for `spark` to run beside no other Spark.)"""
    spark.sparkContext.stop()
    with spark_cluster(tmp_path) as cluster:
        session = cluster_session(cluster, SOON_MISSED)
        try:
            engine = SparkEngine(session)
            assert engine.capabilities.slots == 2
            assert not engine.capabilities.local
            slow = Stage("slow", _slowly, 16, tasks=tuple(b"%d" % number for number in range(16)))
            killer = threading.Timer(2.5, lambda: cluster.kill_worker(0))
            killer.start()
            found = [piece.value for piece in engine.run(Stage("sums", _sums, 4, reads=(slow,)))]
            killer.join()
        finally:
            session.stop()
    assert found == [b"24 of 4", b"28 of 4", b"32 of 4", b"36 of 4"]
