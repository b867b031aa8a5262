"""50 features of 1, 10 and 100 entities, in process and over HTTP, from LMDB and from Redis, against Feast on SQLite.

gapless merges the tiles of each key at the instant asked for; Feast looks up values that were stored.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import measure
from bench.environments import python_of
from bench.load import Server, ask, counted, running, wrk
from bench.measure import CACHE, ROOT, Contender, Options, say
from bench.report import Findings

GOAL_RATIO = 20.0
SIZES = (1, 10, 100)
EVENTS, KEYS = 200_000, 5_000
SAMPLE = 50
TOLERANCE = 1e-9
VIEW, MODEL, AT_US = "view", "reader", 1_706_745_600_000_000

Rows = list[dict[str, Any]]


def run(options: Options) -> Findings:
    events, keys = max(options.rows(EVENTS), 4_000), options.rows(KEYS)  # fewer are too few to train on
    folder = _data(events, keys)
    found = Findings(figures={"events": events, "keys": keys})
    rows: dict[str, Rows] = {}
    with ExitStack() as stack:
        for name in filter(options.wants, ("gapless", "redis")):
            workspace = stack.enter_context(_workspace(name, folder, options))
            ours = {"workspace": str(workspace), "materialize": name == "redis"}
            rows[name] = _in_process(found, name, "bench.ours.online_read", sys.executable, ours, keys, options)
            _over_http(found, name, _gapless(workspace), keys, options)
        if options.wants("feast"):
            repository = {"folder": str(options.scratch / "feast"), "features": str(folder / "features.parquet")}
            python = python_of("feast")
            rows["feast"] = _in_process(found, "feast", "bench.rivals.online_feast", python, repository, keys, options)
            _over_http(found, "feast", _feast(repository), keys, options)
    _compare(found, rows)
    return found


def _in_process(
    found: Findings, name: str, module: str, python: str, what: dict[str, Any], keys: int, options: Options
) -> Rows:
    more = {"keys": _names(keys), "sizes": _sizes(keys), "sample": SAMPLE, "seconds": _seconds(options)}
    say(f"{name}: in process")
    result = measure.run(Contender(name, module, python, {**what, **more})).result
    found.figures |= {f"{name}_{size}_us": took for size, took in result["medians"].items()}
    rows: Rows = result["sample"]
    return rows


def _over_http(found: Findings, name: str, server: Server, keys: int, options: Options) -> None:
    with running(server, options.scratch) as asked:
        for size in _sizes(keys):
            say(f"{name}: over HTTP, {size}")
            bodies = options.scratch / f"{name}-{size}.jsonl"
            bodies.write_text("\n".join(json.dumps(_body(name, part)) for part in _parts(keys, size)) + "\n")
            status, answer = ask(asked, "POST", server.path, bodies.read_text().splitlines()[0])
            if status != 200:
                raise SystemExit(f"bench: {name} answers {status}: {answer}")
            load = counted(wrk(asked.url, bodies, seconds=_seconds(options), connections=1))
            found.figures[f"{name}_{size}_http_us"] = load.p50_us
            found.figures[f"{name}_{size}_http_errors"] = load.errors


def _compare(found: Findings, rows: dict[str, Rows]) -> None:
    if "gapless" not in rows:
        return
    for name in rows.keys() - {"gapless"}:
        pairs = zip(rows["gapless"], rows[name], strict=True)
        found.figures[f"{name}_different_values"] = sum(_different(ours, theirs) for ours, theirs in pairs)
    for size in SIZES:
        for way in ("", "_http"):
            ours, theirs = (found.figures.get(f"{name}_{size}{way}_us") for name in ("gapless", "feast"))
            if ours and theirs:
                found.ratios[f"feast_{size}{way}"] = theirs / ours
    for size in SIZES:
        if f"feast_{size}" in found.ratios:
            found.at_least(f"times_faster_in_process_{size}", GOAL_RATIO, found.ratios[f"feast_{size}"])


def _different(ours: dict[str, Any], theirs: dict[str, Any]) -> int:
    return sum(not _alike(value, theirs.get(name)) for name, value in ours.items())


def _alike(a: float | None, b: float | None) -> bool:
    a, b = (None if x is None or math.isnan(x) else x for x in (a, b))
    return a == b or (a is not None and b is not None and abs(a - b) <= TOLERANCE * max(1.0, abs(a)))


@contextmanager
def _workspace(name: str, folder: Path, options: Options) -> Iterator[Path]:
    """A copy; for Redis one whose online state is to be made in a server that lives as long as the block."""
    workspace = options.scratch / f"{name}-workspace"
    shutil.copytree(folder / "workspace", workspace)
    if name != "redis":
        yield workspace
        return
    from tests.servers import redis_server

    (options.scratch / "redis").mkdir()
    with redis_server(options.scratch / "redis") as server:
        (workspace / "gapless.toml").write_text(f'[stores]\nonline = "{server.url}"\n')
        yield workspace


def _gapless(workspace: Path) -> Server:
    command = [sys.executable, "-m", "gapless", "serve", "--workspace", str(workspace), "--port", "{port}"]
    return Server("gapless", [*command, "--workers", "1"], "/v1/features", "/readyz")


def _feast(repository: dict[str, str]) -> Server:
    """The repository was filled by the run before it, or is now."""
    python = python_of("feast")
    fill = [python, "-m", "bench.rivals.online_feast", json.dumps({**repository, "fill": True})]
    subprocess.run(fill, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=sys.stderr)
    command = [str(Path(python).with_name("feast")), "-c", repository["folder"], "serve", "--port", "{port}"]
    return Server("feast", [*command, "--no-access-log"], "/get-online-features", "/health")


def _body(name: str, keys: list[str]) -> dict[str, Any]:
    if name != "feast":
        return {"views": [VIEW], "rows": [{"key": key} for key in keys], "at": AT_US}
    return {"features": _references(), "entities": {"key": keys}}


def _references() -> list[str]:
    functions, windows = ("sum", "mean", "min", "max", "std"), ("1h", "6h", "24h", "7d", "30d")
    return [f"view:view__{c}_{f}_{w}" for c in "vw" for f in functions for w in windows]


def _parts(keys: int, size: int) -> Iterator[list[str]]:
    every = _names(keys)
    for start in range(0, min(len(every), 500 * size) - size + 1, size):
        yield every[start : start + size]


def _sizes(keys: int) -> list[int]:
    return [size for size in SIZES if size <= keys]


def _names(keys: int) -> list[str]:
    return [f"k{i:06}" for i in range(keys)]


def _seconds(options: Options) -> float:
    return 5.0 if options.scale >= 1 else 1.0


def _data(events: int, keys: int) -> Path:
    folder = CACHE / "data" / f"read-{events}-{keys}"
    if not folder.exists():
        say(f"{events:,} events of {keys:,} keys, a version, online state")
        what = json.dumps({"folder": str(folder), "events": events, "keys": keys})
        subprocess.run([sys.executable, "-m", "bench.ours.read_data", what], check=True, cwd=ROOT, stdout=sys.stderr)
    return folder
