"""`python -m bench NAME [--json]`: run one benchmark and print its figures. Exits 0 also where a goal is missed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from bench.measure import CACHE, Options
from bench.report import machine, table

BENCHES = {
    "startup": "importing the package, and a command's --help",
    "latest_value": "the latest value as of each request, against pandas and DuckDB",
    "training_set": "30 windowed features as of each request, against DuckDB, Polars and pandas",
    "profile": "counts of columns that add up, against DuckDB's SUMMARIZE and pandas' describe",
    "batch_predict": "read, score and commit, against raw onnxruntime and scikit-learn",
    "online_read": "features of some entities from the online store, against Feast",
    "serve": "answers over HTTP with lookup, trust and log, against servers that score alone",
    "swap": "twenty promotions under load",
    "stream": "events from the log into durable state, against Bytewax and Quix Streams",
    "log": "appending and reading events, against plain Kafka clients and SQLite",
    "freshness": "from an event pushed over HTTP to the feature that shows it",
    "verify": "ten million served values of real flights, computed again and compared",
    "row": "35 on-demand expressions of one row in Python",
    "typescript": "the same 35 expressions in Node and Chromium, and how large they are",
    "exported": "answers of an exported package in Node and Chromium, and how large it is",
    "spark": "a training set of 20M events on Spark, against the local engine and Spark's own windows",
    "scale": "one and two stream workers on Kafka and Redis",
}

SMALL = 0.02


def scale(text: str) -> float:
    return SMALL if text == "small" else float(text)


def main() -> int:
    names = "\n".join(f"  {name:14} {what}" for name, what in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"{__doc__}\n\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHES, metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("--scale", type=scale, default=1.0, help='multiply the numbers of rows; "small" is 0.02')
    parser.add_argument("--repeat", type=int, default=3, help="runs of each contender; medians are shown (default 3)")
    parser.add_argument("--only", default="", help="contenders to run, separated by commas (default: all)")
    if len(sys.argv) == 1:
        parser.print_help()
        return 0
    args = parser.parse_args()
    only = frozenset(filter(None, args.only.split(",")))
    before = machine()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="run-") as scratch:
        options = Options(Path(scratch), scale=args.scale, repeat=args.repeat, only=only)
        found = import_module(f"bench.{args.name}").run(options)
    document = {"bench": args.name, "machine": before, **found.to_dict()}
    print(json.dumps(document, indent=1) if args.json else table(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
