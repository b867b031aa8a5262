"""The servers that tests stand on come up, keep what they should through kill -9, and are installed or asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import redis as client

from scripts.servers import PACKAGES, find
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


def test_every_program_of_the_list_is_found_or_has_a_package():
    assert None not in [find(program) for program in ("redis-server", "postgres", "initdb")]
    assert find("no-such-program") is None
    assert set(PACKAGES) >= {"redis-server", "postgres", "initdb", "wrk"}


def test_what_cannot_be_installed_is_asked_for(tmp_path):
    """Without apt-get on the PATH nothing can be installed: the message names the package."""
    script = [sys.executable, str(ROOT / "scripts" / "servers.py"), "redis-server"]
    out = subprocess.run(script, capture_output=True, text=True, env={**os.environ, "PATH": str(tmp_path)})
    assert out.returncode == 1
    assert "install the packages redis-server" in out.stderr
