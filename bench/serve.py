"""One answer over HTTP. gapless looks up 30 windowed features of three entities, judges, and logs to disk.

The others score the same model on features that they are given. One worker each, 16 connections.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.environments import python_of
from bench.load import Asked, Load, Server, ask, free_port, running, under_load
from bench.measure import CACHE, ROOT, Options, say
from bench.report import Findings

GOAL_CPU_US, GOAL_P99_MS = 200.0, 10.0
GOAL_RATIOS = {"bentoml": 5.0, "mlserver": 2.0}
EVENTS = 500_000
MODEL = "will_return"
SAMPLE = 50
TOLERANCE = 1e-6

Vectors = list[list[float | None]]


def run(options: Options) -> Findings:
    folder = data(options)
    found = Findings(figures={"events": options.rows(EVENTS)})
    loads = {
        name: measure(name, server(folder, options.scratch), folder, options, found)
        for name, server in CONTENDERS.items()
        if options.wants(name)
    }
    if (ours := loads.pop("gapless", None)) is None:
        return found
    found.at_most("cpu_us", GOAL_CPU_US, ours.cpu_us)
    found.at_most("p99_ms", GOAL_P99_MS, ours.p99_us / 1e3)
    for name, theirs in loads.items():
        found.ratios[name] = theirs.cpu_us / ours.cpu_us
        if name in GOAL_RATIOS:
            found.at_least(f"less_cpu_than_{name}", GOAL_RATIOS[name], found.ratios[name])
    return found


def data(options: Options) -> Path:
    """The folder of `bench.ours.served_data`."""
    events = options.rows(EVENTS)
    folder = CACHE / "data" / f"served-{events}"
    if not folder.exists():
        say(f"{events:,} events, two versions, online state")
        what = json.dumps({"folder": str(folder), "events": events})
        subprocess.run([sys.executable, "-m", "bench.ours.served_data", what], check=True, cwd=ROOT, stdout=sys.stderr)
    return folder


def seconds(options: Options) -> float:
    """How long a load lasts."""
    return 20.0 if options.scale >= 1 else 2.0


def measure(name: str, server: Server, folder: Path, options: Options, found: Findings) -> Load:
    """The best of some loads, by CPU time: what else the machine does only adds."""
    bodies = _bodies(name, folder, options.scratch)
    with running(server, options.scratch) as asked:
        found.figures[f"{name}_different_values"] = different(name, asked, bodies, folder)
        loads = []
        for i in range(options.repeat):
            say(f"{name}: load {i + 1} of {options.repeat}")
            loads.append(under_load(asked, bodies, seconds=seconds(options)))
    best = min(loads, key=lambda load: load.cpu_us)
    found.figures |= best.figures(name)
    return best


def different(name: str, asked: Asked, bodies: Path, folder: Path) -> int:
    """How many answers of a sample are not those of batch scoring."""
    right = json.loads((folder / "vectors.json").read_text())["probabilities"]
    wrong = 0
    for body, expected in zip(bodies.read_text().splitlines()[:SAMPLE], right, strict=False):
        status, answer = ask(asked, "POST", asked.server.path, body)
        if status != 200:
            raise SystemExit(f"bench: {name} answers {status}: {answer}")
        wrong += abs(ANSWERS[name](answer) - expected) > TOLERANCE
    return wrong


def gapless(folder: Path, scratch: Path) -> Server:
    """Of a copy: what it logs and decides is nobody else's."""
    workspace = scratch / "workspace"
    if not workspace.exists():
        shutil.copytree(folder / "workspace", workspace)
    command = [sys.executable, "-m", "gapless", "serve", "--workspace", str(workspace), "--port", "{port}"]
    return Server("gapless", [*command, "--workers", "1"], f"/v1/models/{MODEL}/predict", "/readyz")


def _fastapi(folder: Path, scratch: Path) -> Server:
    command = [python_of("fastapi"), "-m", "uvicorn", "bench.rivals.serve_fastapi:app", "--port", "{port}"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return Server("fastapi", [*command, *quiet], "/predict", "/ready", {"BENCH_PICKLE": str(folder / "model.pickle")})


def _bentoml(folder: Path, scratch: Path) -> Server:
    command = [python_of("bentoml"), "-m", "bentoml", "serve", "bench.rivals.serve_bentoml:Scorer", "--port", "{port}"]
    home = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(scratch / "bentoml")}
    return Server("bentoml", command, "/predict", "/readyz", {"BENCH_ONNX": str(folder / "model.onnx"), **home})


def _mlserver(folder: Path, scratch: Path) -> Server:
    home = scratch / "mlserver"
    home.mkdir(exist_ok=True)
    (home / "settings.json").write_text(json.dumps({"parallel_workers": 0, "debug": False}))
    model = {"name": "scorer", "implementation": "bench.rivals.serve_mlserver.Scorer"}
    (home / "model-settings.json").write_text(json.dumps(model))
    command = [str(Path(python_of("mlserver")).with_name("mlserver")), "start", str(home)]
    ports = {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_HOST": "127.0.0.1"}
    ports |= {f"MLSERVER_{name}_PORT": str(free_port()) for name in ("GRPC", "METRICS")}
    return Server(
        "mlserver", command, "/v2/models/scorer/infer", "/v2/models/scorer/ready",
        {"BENCH_ONNX": str(folder / "model.onnx"), **ports},
    )  # fmt: skip


CONTENDERS: dict[str, Callable[[Path, Path], Server]] = {
    "gapless": gapless,
    "fastapi": _fastapi,
    "bentoml": _bentoml,
    "mlserver": _mlserver,
}

ANSWERS: dict[str, Callable[[Any], float]] = {
    "gapless": lambda answer: float(answer["predictions"][0]["probability"]),
    "fastapi": lambda answer: float(answer["probability"]),
    "bentoml": lambda answer: float(answer[0]),
    "mlserver": lambda answer: float(answer["outputs"][0]["data"][0]),
}


def _bodies(name: str, folder: Path, scratch: Path) -> Path:
    if name == "gapless":
        return folder / "requests.jsonl"
    document = json.loads((folder / "vectors.json").read_text())
    file = scratch / f"{name}.jsonl"
    bodies = (json.dumps(_body(name, document["names"], vector)) for vector in document["vectors"])
    file.write_text("\n".join(bodies) + "\n")
    return file


def _body(name: str, names: Sequence[str], vector: list[float | None]) -> Any:
    if name == "fastapi":
        return {"features": dict(zip(names, vector, strict=True))}
    if name == "bentoml":
        return {"features": [vector]}
    return {"inputs": [{"name": "x", "shape": [1, len(vector)], "datatype": "FP32", "data": vector}]}
