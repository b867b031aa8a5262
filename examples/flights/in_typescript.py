"""The model as an npm package, in Node: every flight of some days gets the bits that batch prediction gives it.

    python in_typescript.py [FOLDER] [NODE_MODULES]

FOLDER holds the workspace after the demo. NODE_MODULES has what the package needs; without it `npm install` fetches it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

import gapless as gl
from gapless.clock import parse_instant
from gapless.schema import Type

__all__ = ["Checked", "check", "differences"]

HERE = Path(__file__).resolve().parent
MODEL = "late_arrival"
FROM, UNTIL = parse_instant("2013-12-01"), parse_instant("2013-12-15")
SCRIPT = HERE / "in_typescript.mjs"
ANSWER = ("prediction", "probability")


@dataclass(frozen=True)
class Checked:
    """What was compared. `different` names values that are not those of Python: request and column."""

    package: str
    requests: int
    values: int
    different: list[tuple[str, str]]
    us_per_request: float


def check(workspace: gl.Workspace, *, from_us: int, until_us: int, modules: Path | None) -> Checked:
    """Requests of [from, until) were answered by batch prediction and by the package in Node, and compared.

    Parameters:
        modules — a node_modules with onnxruntime-node and typescript; None: npm fetches one.
    """
    home = workspace.home("typescript")
    exported = workspace.export_typescript(MODEL, home / "package")
    build(home / "package", modules)
    requests = asked(workspace, from_us, until_us)
    expected = by_python(workspace, requests, exported.version, home, (from_us, until_us))
    told, took = by_node(home, [written(row, workspace) for row in expected])
    computed = {name: e.type for name, e in workspace.product.model(MODEL).on_demand_expressions.items()}
    found = list(differences(computed, expected, told))
    name = f"{exported.name} {exported.npm_version}"
    return Checked(name, len(told), len(told) * (len(computed) + len(ANSWER)), found, took)


def build(package: Path, modules: Path | None) -> None:
    """dist/ is there. Raises: SystemExit with what npm says."""
    if modules is not None:
        (package / "node_modules").symlink_to(modules.resolve())
    for words in ([] if modules is not None else [["install", "--no-audit", "--no-fund"]]) + [["run", "build"]]:
        environment = os.environ | {"ONNXRUNTIME_NODE_INSTALL": "skip"}  # no download of GPU libraries
        ran = subprocess.run(["npm", *words], cwd=package, env=environment, capture_output=True, text=True)
        if ran.returncode:
            raise SystemExit(f"npm {' '.join(words)}: {ran.stdout}{ran.stderr}")


def asked(workspace: gl.Workspace, from_us: int, until_us: int) -> pa.Table:
    """The requests of [from, until) that the workspace knows."""
    model = workspace.product.model(MODEL)
    sources = workspace.sources(model, labels=False, requests=True)
    columns = list(model.requests.columns)
    return sources.read(model.requests, columns, start_us=from_us, end_us=until_us).read_all().select(columns)


def by_python(
    workspace: gl.Workspace, requests: pa.Table, version: str, home: Path, period: tuple[int, int]
) -> list[dict[str, Any]]:
    """The requests with every feature, as `gapless features` writes them, and with their batch predictions."""
    workspace.features(MODEL, requests, home / "features.parquet")
    workspace.predict(MODEL, home / "scored", from_us=period[0], until_us=period[1], version=version)
    table = pa.table(DeltaTable(home / "scored").to_pyarrow_table())
    scored = {row["request_id"]: row for row in table.filter(pc.equal(table["model_version"], version)).to_pylist()}
    rows = pq.read_table(home / "features.parquet").to_pylist()
    return [row | {name: scored[row["flight_id"]][name] for name in ANSWER} for row in rows]


def written(row: dict[str, Any], workspace: gl.Workspace) -> dict[str, Any]:
    """A row as JSON: the request as a client would send it and what was looked up, nothing that is computed of both."""
    model = workspace.product.model(MODEL)
    looked_up = [f.column for view in model.views for f in view.features]
    return {
        "request": {name: _plain(row[name]) for name in model.requests.columns},
        "features": {name: _plain(row[name]) for name in looked_up},
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def by_node(home: Path, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], float]:
    """(what the package made of the rows, µs for each). Raises: SystemExit with what Node says."""
    (home / "asked.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    ran = subprocess.run(["node", str(SCRIPT), str(home)], capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"node {SCRIPT.name}: {ran.stderr}")
    *told, last = [json.loads(line) for line in (home / "told.jsonl").read_text().splitlines()]
    return told, last["us_per_request"]


def differences(
    computed: Mapping[str, Type], expected: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """(request, column) of each value that is not Python's.

    Bit for bit, as far as JSON tells: it keeps every float but the sign of zero.
    """
    for row, found in zip(expected, told, strict=True):
        for column, kind in computed.items():
            value = row[column]
            if found[column] != (float(value) if kind is Type.FLOAT and value is not None else value):
                yield row["flight_id"], column
        yield from ((row["flight_id"], name) for name in ANSWER if found[name] != row[name])


def main(folder: Path = HERE, modules: Path | None = None) -> None:
    """Prints what was compared. Raises: SystemExit where a value differs."""
    found = check(gl.Workspace.open(folder), from_us=FROM, until_us=UNTIL, modules=modules)
    print(f"{found.package}: {found.requests:,} flights of December in Node, {found.us_per_request:.0f} µs each")
    print(f"{found.values:,} values compared with batch prediction, {len(found.different):,} different")
    if found.different or not found.requests:
        raise SystemExit(f"differences: {found.different[:5]}")


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:3]))
