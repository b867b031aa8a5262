"""A Redis that is away, hangs, is full, refuses or holds something else: said as what it is, and over by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as client

from gapless.adapters.redis import RedisStore
from gapless.errors import CorruptData, Refused, SettingsError, Transient
from gapless.ports.online import Update
from gapless.ports.updates import MAX_VALUE_BYTES
from tests.servers import Redis, RedisCluster, free_port, redis_server


def _commit(store: RedisStore, key: bytes, value: bytes, position: int = 1) -> None:
    store.commit({key: Update(position, value)}, {})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server of these tests alone, which they stop, fill and lock up; what it acknowledged is on its disk."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def admin(own: Redis) -> Iterator[client.Redis]:
    """A plain connection to it; the server is emptied and as it was before at the end."""
    with client.Redis.from_url(own.url) as connection:
        yield connection
        connection.config_set("maxmemory", "0")
        connection.config_set("maxmemory-policy", "noeviction")
        connection.config_set("requirepass", "")
        connection.flushall()


def _store(server: Redis, **options: float) -> RedisStore:
    return RedisStore(server.url, timeout_s=options.get("timeout_s", 5.0))


def test_it_connects_when_the_server_comes(own: Redis, admin: client.Redis):
    store = _store(own)
    own.process.stop()
    with pytest.raises(Transient, match="could not read the online store"):
        store.read([b"a"])
    with pytest.raises(Transient):
        _commit(store, b"a", b"1")
    own.process.start()
    _commit(store, b"a", b"1")
    assert store.read([b"a"]) == [b"1"]


def test_after_a_restart_it_goes_on_without_an_error(own: Redis, admin: client.Redis):
    store = _store(own)
    _commit(store, b"a", b"1")
    for _ in range(2):
        own.process.kill()
        own.process.start()
        assert store.read([b"a"]) == [b"1"]
        _commit(store, b"a", b"older")
    assert store.read([b"a"]) == [b"1"]


def test_a_server_that_hangs_costs_one_timeout_and_mixes_no_answers(own: Redis, admin: client.Redis):
    store, patient = _store(own, timeout_s=0.5), _store(own)
    patient.commit({b"a": Update(1, b"1"), b"b": Update(1, b"2")}, {})
    assert store.read([b"a"]) == [b"1"]
    own.process.pause()
    with pytest.raises(Transient, match="Timeout"):
        store.read([b"a"])
    with pytest.raises(Transient, match="Timeout"):
        _commit(store, b"c", b"3")
    own.process.go_on()
    assert patient.read([b"b"]) == [b"2"]
    assert store.read([b"b", b"a"]) == [b"2", b"1"]


def test_a_server_that_forgot_the_script_is_told_again(own: Redis, admin: client.Redis):
    store = _store(own)
    for position in (1, 2, 3):
        admin.script_flush()
        done = store.commit({b"a": Update(position, b"%d" % position), b"b": Update(1, b"x")}, {})
        assert done.written == 1 + (position == 1)
    assert store.read([b"a"]) == [b"3"]


@pytest.mark.parametrize("foreign", [b"text of somebody", b"\x02" + bytes(20), b"\x01"])
def test_a_value_of_another_layout_is_neither_read_nor_overwritten(foreign: bytes, own: Redis, admin: client.Redis):
    admin.set(b"gapless:a", foreign)
    store = _store(own)
    with pytest.raises(CorruptData, match="another layout"):
        store.read([b"a"])
    with pytest.raises(CorruptData, match="another layout"):
        store.commit({b"a": Update(9, b"x")}, {b"o": Update(9, b"x")})
    assert admin.get(b"gapless:a") == foreign
    assert store.read([b"o"]) == [None]


def test_a_key_of_another_type_is_refused(own: Redis, admin: client.Redis):
    admin.lpush("gapless:a", "x")
    with pytest.raises(Refused, match="another program uses these keys"):
        _commit(_store(own), b"a", b"1")


def test_other_keys_of_the_database_are_left_alone(own: Redis, admin: client.Redis):
    admin.set("theirs", "x")
    ours, others = _store(own), RedisStore(f"{own.url}?prefix=other")
    _commit(ours, b"a", b"1")
    _commit(others, b"a", b"2")
    assert (list(ours.keys(b"")), ours.read([b"a"]), others.read([b"a"])) == ([b"a"], [b"1"], [b"2"])
    assert ours.remove(b"a") == 1
    assert sorted(admin.keys()) == [b"other:a", b"theirs"]


def test_a_password_is_asked_for_and_never_shown(own: Redis, admin: client.Redis):
    admin.config_set("requirepass", "very-secret")
    with pytest.raises(Refused, match="put user and password into the URL"):
        _store(own).read([b"a"])
    with pytest.raises(Refused) as wrong:
        RedisStore(f"redis://:not-it@127.0.0.1:{own.port}").read([b"a"])
    assert "not-it" not in str(wrong.value)
    right = RedisStore(f"redis://:very-secret@127.0.0.1:{own.port}")
    _commit(right, b"a", b"1")
    assert right.read([b"a"]) == [b"1"]


def test_a_user_without_the_commands_is_refused(own: Redis, admin: client.Redis):
    admin.execute_command("ACL", "SETUSER", "reader", "on", "nopass", "~*", "+get", "+mget")
    reader = RedisStore(f"redis://reader:any@127.0.0.1:{own.port}")
    assert reader.read([b"a"]) == [None]
    with pytest.raises(Refused, match="EVALSHA"):
        _commit(reader, b"a", b"1")
    writes = ["+eval", "+evalsha", "+getrange", "+set", "+scan", "+unlink"]
    admin.execute_command("ACL", "SETUSER", "writer", "on", "nopass", "~*", "+get", "+mget", *writes)
    writer = RedisStore(f"redis://writer:any@127.0.0.1:{own.port}")
    _commit(writer, b"a", b"1")
    assert writer.remove(b"a") == 1


def test_a_full_server_is_said_and_keeps_what_it_has(own: Redis, admin: client.Redis):
    store = _store(own)
    _commit(store, b"a", b"1")
    admin.config_set("maxmemory", str(admin.info("memory")["used_memory"] + 2**20))
    large = {b"large%d" % number: Update(1, bytes(MAX_VALUE_BYTES)) for number in range(3)}
    with pytest.raises(Refused, match="raise maxmemory"):
        store.commit(large, {})
    assert store.read([b"a"]) == [b"1"]


def test_a_server_that_would_forget_keys_is_refused(own: Redis, admin: client.Redis):
    admin.config_set("maxmemory", "100mb")
    admin.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(Refused, match="maxmemory-policy allkeys-lru"):
        _commit(_store(own), b"a", b"1")
    admin.config_set("maxmemory-policy", "volatile-lru")
    _commit(_store(own), b"a", b"1")


def test_a_replica_is_no_place_to_write_for_now(own: Redis, admin: client.Redis):
    store = _store(own)
    _commit(store, b"a", b"1")
    admin.replicaof("127.0.0.1", str(free_port()))
    with pytest.raises(Transient, match="read only"):
        _commit(store, b"a", b"2", 2)
    admin.replicaof("NO", "ONE")
    _commit(store, b"a", b"2", 2)
    assert store.read([b"a"]) == [b"2"]


def test_a_url_of_something_else_is_refused(tmp_path: Path):
    for url in ("http://host", "redis+sentinel://host", "redis://host:port", "host:6379"):
        with pytest.raises(SettingsError, match="not one of a Redis"):
            RedisStore(url)
    for url in ("redis://host?prefx=shop", "unix:///socket?socket_timeout=soon"):
        with pytest.raises(SettingsError, match="an option that cannot be"):
            RedisStore(url)


# ---- a cluster -----------------------------------------------------------------------------------


def test_a_node_of_a_cluster_says_that_it_is_one(redis_cluster: RedisCluster):
    store = RedisStore(redis_cluster.nodes[0].url)
    with pytest.raises(Refused, match=r"redis\+cluster://"):
        store.commit({b"%d" % number: Update(1, b"") for number in range(50)}, {})


def test_a_node_that_hangs_costs_one_timeout(redis_cluster: RedisCluster):
    keys = [b"hang%d" % number for number in range(300)]
    url = f"{redis_cluster.url}?prefix=hang"
    store, impatient = RedisStore(url, timeout_s=10), RedisStore(url, timeout_s=0.5)
    store.commit(dict.fromkeys(keys, Update(1, b"x")), {b"o": Update(1, b"1")})
    assert impatient.read(keys) == [b"x"] * 300
    redis_cluster.nodes[1].process.pause()
    with pytest.raises(Transient, match="Timeout"):
        impatient.read(keys)
    redis_cluster.nodes[1].process.go_on()
    assert store.read([*keys, b"o"]) == [b"x"] * 300 + [b"1"]


def test_slots_may_move_while_the_store_is_in_use(redis_cluster: RedisCluster):
    """A key is asked for before, while and after its slot goes from one node to another."""
    store = RedisStore(f"{redis_cluster.url}?prefix=move", timeout_s=10)
    _commit(store, b"a", b"1")
    with client.RedisCluster(host="127.0.0.1", port=redis_cluster.nodes[0].port) as cluster:
        slot = cluster.keyslot("move:a")
        home = cluster.get_node_from_key("move:a").port
    nodes = {node.port: client.Redis(port=node.port) for node in redis_cluster.nodes}
    ids = {port: node.execute_command("CLUSTER", "MYID").decode() for port, node in nodes.items()}
    other = next(port for port in nodes if port != home)
    nodes[other].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[home])
    nodes[home].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[other])
    assert store.read([b"a"]) == [b"1"], "it is still where it was"
    nodes[home].execute_command("MIGRATE", "127.0.0.1", other, "move:a", 0, 5000)
    assert store.read([b"a", b"b"]) == [b"1", None], "the old node says whom to ask"
    _commit(store, b"a", b"2", 2)
    for port in (other, home, *nodes):
        nodes[port].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[other])
    assert store.read([b"a"]) == [b"2"], "the old node says who has it now"
    _commit(store, b"a", b"older", 1)
    _commit(store, b"a", b"3", 3)
    assert store.read([b"a"]) == [b"3"]
    assert (list(store.keys(b"")), store.remove(b"a")) == ([b"a"], 1)
    for node in nodes.values():
        node.close()
