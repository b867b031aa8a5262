"""The servers that tests stand on come up, keep what they should through kill -9, and are installed or asked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
import redis as client

from scripts.servers import PACKAGES, find
from tests.kafka import Kafka, shared_kafka
from tests.servers import Postgres, Redis, RedisCluster, redis_server

ROOT = Path(__file__).resolve().parent.parent


def test_redis_keeps_what_it_acknowledged(tmp_path):
    with redis_server(tmp_path) as server, client.Redis.from_url(server.url) as before:
        before.set("key", "value")
        server.process.kill()
        server.process.start()
        with client.Redis.from_url(server.url) as after:
            assert after.get("key") == b"value"


def test_the_shared_redis_answers(redis: Redis):
    with client.Redis.from_url(redis.url) as connection:
        assert connection.ping()


def test_the_cluster_spreads_keys_over_its_nodes(redis_cluster: RedisCluster):
    with client.RedisCluster(host="127.0.0.1", port=redis_cluster.nodes[0].port) as connection:
        homes = {connection.get_node_from_key(str(number)).port for number in range(100)}
    assert homes == {node.port for node in redis_cluster.nodes}


def test_postgres_comes_back_after_a_kill(postgres: Postgres):
    url = postgres.database("comes_back")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS x")
    postgres.process.kill()
    postgres.process.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT x FROM t").fetchone() == (7,)


def test_a_database_is_empty_however_often_it_is_asked_for(postgres: Postgres):
    for _ in range(2):
        with psycopg.connect(postgres.database("again")) as connection:
            connection.execute("CREATE TABLE t (x int)")


def test_the_processes_of_a_run_share_one_broker(kafka: Kafka, tmp_path):
    """Two that ask at once get the same one, which is there until the last lets go; then it is gone."""
    with ThreadPoolExecutor() as pool:
        both_have_it = Barrier(2)
        ports = list(pool.map(lambda _: _ask_for_broker(tmp_path, both_have_it), range(2)))
    assert len(set(ports)) == 1
    assert ports[0] != kafka.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=5)


def _ask_for_broker(folder: Path, barrier: Barrier) -> int:
    with shared_kafka(folder) as broker:
        barrier.wait(60)
        socket.create_connection(("127.0.0.1", broker.port), timeout=5).close()
        return broker.port


def test_every_program_of_the_list_is_found_or_has_a_package():
    assert None not in [
        find(program)
        for program in ("redis-server", "postgres", "initdb", "kafka", "node", "typescript", "npm-packages", "chromium")
    ]
    assert find("no-such-program") is None
    assert set(PACKAGES) >= {"redis-server", "postgres", "initdb", "wrk", "java", "mvn", "node", "npm", "chromium"}


def test_what_cannot_be_installed_is_asked_for(tmp_path):
    """Without apt-get on the PATH nothing can be installed: the message names the package."""
    script = [sys.executable, str(ROOT / "scripts" / "servers.py"), "redis-server"]
    out = subprocess.run(script, capture_output=True, text=True, env={**os.environ, "PATH": str(tmp_path)})
    assert out.returncode == 1
    assert "install the packages redis-server" in out.stderr
