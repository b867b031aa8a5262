"""gapless serve, from raw files to answers: the whole of it with nothing put in its place."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from urllib.error import HTTPError

import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.segments import SegmentReader
from gapless.cli import main
from gapless.workspace import Workspace
from tests.cli.shop import copy, ingest_all, make_shop
from tests.servers import redis_server
from tests.serving.http.processes import ROOT, Running

KNOWN_BY = "2024-02-02T00:00:00Z"
"""Online state knows what was known then: the requests after it are answered by exactly that."""
PATH = "/v1/models/will_return/predict"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two versions, online state, and nothing live yet."""
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    for words in (["train", "will_return"], ["train", "will_return"], ["materialize", "--as-of", KNOWN_BY]):
        assert main([*words, "--workspace", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def shop(trained, tmp_path):
    return copy(trained, tmp_path / "shop")


def run(folder, *words, code=0):
    assert main([*words, "--workspace", str(folder), "--json"]) == code


@contextmanager
def serving(folder, *words):
    """`gapless serve` on a free port, and what it printed."""
    command = [sys.executable, "-m", "gapless", "serve", "--port", "0", "--workspace", str(folder), "--json", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed = json.loads(process.stdout.readline())
            yield Running(process, printed["url"]), printed
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(60)


def post(server, path, body, **headers):
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection:
        connection.request("POST", path, json.dumps(body).encode(), headers)
        got = connection.getresponse()
        return got.status, json.loads(got.read())


def wait_version(server, version):
    until(lambda: version in {one["version"] for one in json.loads(server.get("/v1/models"))["models"]})


def asked(rows):
    return [
        {name: row[name] for name in ("checkout_id", "customer_id", "amount")} | {"asked_at": at(row)} for row in rows
    ]


def at(row):
    return row["asked_at"].isoformat().replace("+00:00", "Z")


def test_answers_over_http_are_those_of_batch_bit_for_bit(shop, tmp_path):
    run(shop, "promote", "will_return", "1")
    window = ["--from", KNOWN_BY, "--known-by", KNOWN_BY]
    run(shop, "predict", "will_return", "--version", "1", *window, "--out", str(tmp_path / "batch"))
    workspace = Workspace.open(shop)
    batch = {row["request_id"]: row for row in rows_of(DeltaStore(tmp_path), "batch")}
    requests = [row for row in rows_of(workspace.offline, "sources/checkouts") if row["checkout_id"] in batch]
    with serving(shop, "--workers", "2") as (server, printed):
        assert (printed["workers"], printed["access"], printed["live"]) == (2, "local", {"will_return": "1"})
        server.wait_ready()
        status, many = post(server, PATH, {"requests": asked(requests)})
        alone = [post(server, PATH, {"requests": [row]})[1]["predictions"][0] for row in asked(requests[:20])]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
    assert status == 200
    assert len(many["predictions"]) == len(batch) > 200
    for got in [*many["predictions"], *alone]:
        row = batch[got["request_id"]]
        assert (got["prediction"], got["probability"]) == (row["prediction"], row["probability"])
    assert len(list(logged(shop))) == len(batch) + 20


def rows_of(store, table):
    return [row for part in store.read(table) for row in part.to_pylist()]


def logged(shop):
    reader = SegmentReader(shop / ".gapless" / "log")
    for segment in reader.sealed():
        yield from reader.read(segment)


def test_nothing_live_is_not_ready_and_promotions_under_load_are_noticed_and_fail_nobody(shop):
    with serving(shop) as (server, printed):
        assert printed["live"] == {}
        assert post(server, PATH, {"requests": [{"checkout_id": "k"}]})[0] == 404
        assert ready(server) is False
        run(shop, "promote", "will_return", "1")
        server.wait_ready()
        stop, versions, failed = threading.Event(), [], []

        def ask_on():
            with closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection:
                while not stop.is_set():
                    connection.request("POST", PATH, b'{"requests": [{"checkout_id": "k", "customer_id": "c1"}]}')
                    got = connection.getresponse()
                    document = json.loads(got.read())
                    versions.append(document.get("version"))
                    failed.extend([document] * (got.status != 200))

        clients = [threading.Thread(target=ask_on) for _ in range(3)]
        for client in clients:
            client.start()
        for words in (["promote", "will_return", "2"], ["rollback", "will_return"]):
            run(shop, *words)
            wait_version(server, "2" if words[0] == "promote" else "1")
        stop.set()
        for client in clients:
            client.join()
    assert failed == []
    assert set(versions) == {"1", "2"}
    assert versions[-1] == "1"


def ready(server):
    try:
        return json.loads(server.get("/readyz"))["ready"]
    except HTTPError as error:
        return json.loads(error.read())["ready"]


def test_bad_days_of_redis_and_postgres_are_told_and_pass(shop, postgres, tmp_path):
    database = postgres.database("bad_days")
    with redis_server(tmp_path) as redis:
        (shop / "gapless.toml").write_text(f'[stores]\nonline = "{redis.url}"\nmetadata = "{database}"\n')
        run(shop, "materialize", "--as-of", KNOWN_BY)
        run(shop, "promote", "will_return", "1")
        with serving(shop) as (server, _):
            server.wait_ready()
            assert "store_unreachable" not in codes(server)
            for stop, go_on in ((redis.process.pause, redis.process.go_on), (redis.process.kill, redis.process.start)):
                stop()
                until(lambda: "store_unreachable" in codes(server))
                assert {"store_unreachable"} <= codes(server)
                assert part(server, "online") != "ok"
                go_on()
                until(lambda: "store_unreachable" not in codes(server))
            postgres.process.kill()
            until(lambda: part(server, "metadata") != "ok")
            assert "store_unreachable" not in codes(server)  # it goes on with what is live
            postgres.process.start()
            until(lambda: part(server, "metadata") == "ok")
            run(shop, "promote", "will_return", "2")
            wait_version(server, "2")


def codes(server):
    """Why the answer to a request is not to be trusted whole; there is always an answer."""
    row = {"checkout_id": "k", "customer_id": "c1", "asked_at": "2024-02-03T00:00:00Z"}
    status, document = post(server, PATH, {"requests": [row]})
    assert status == 200, document
    return {reason["code"] for reason in document["predictions"][0]["reasons"]}


def part(server, name):
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection:
        connection.request("GET", "/readyz")
        return json.loads(connection.getresponse().read())["parts"][name]


def until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_another_address_than_loopback_needs_a_token(shop, capsys):
    run(shop, "serve", "--host", "0.0.0.0", "--port", "0", code=1)
    assert "tokens" in json.loads(capsys.readouterr().out)["what"]
    run(shop, "token", "create", "app", "--role", "predict")
    token = json.loads(capsys.readouterr().out)["token"]
    run(shop, "promote", "will_return", "1")
    with serving(shop, "--host", "0.0.0.0") as (server, printed):
        server.host = "127.0.0.1"
        server.wait_ready()
        assert printed["access"] == "tokens"
        body = {"requests": [{"checkout_id": "k"}]}
        assert post(server, PATH, body)[0] == 401
        assert post(server, PATH, body, authorization=f"Bearer {token}")[0] == 200
        run(shop, "token", "revoke", "app")
        until(lambda: post(server, PATH, body, authorization=f"Bearer {token}")[0] == 401)


def test_flags_that_contradict_are_refused(shop):
    run(shop, "serve", "--insecure", "--tokens", code=2)
    run(shop, "serve", "--tls-cert", "cert.pem", code=2)
    run(shop, "serve", "--port", "65536", code=2)


def test_a_log_that_cannot_be_written_is_told_before_anybody_is_told_where_to_ask(shop, capsys):
    for log in ("kafka://host", "file:/proc/log"):
        (shop / "gapless.toml").write_text(f'[stores]\nlog = "{log}"\n')
        run(shop, "serve", "--port", "0", code=1)
        assert "log" in json.loads(capsys.readouterr().out)["what"]


def test_a_product_that_cannot_be_loaded_ends_the_server_with_its_reason(shop):
    (shop / "product.py").write_text("import nothing_of_that_name")
    words = ["serve", "--port", "0", "--workers", "2", "--workspace", str(shop)]
    ran = subprocess.run([sys.executable, "-m", "gapless", *words], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "nothing_of_that_name" in ran.stderr
    assert "a worker could not start" in ran.stderr
