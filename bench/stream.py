"""Events from the log into 25 windowed features of their key: five aggregations over five windows, durable, each once.

The rivals keep one sum per key and hour of the same events: Bytewax from memory, without and with its recovery store,
and Quix Streams from Kafka, exactly once. They are given fewer events, the first ones: rates are compared.
"""

from __future__ import annotations

import sys
from typing import Any

from bench import measure
from bench.environments import python_of
from bench.flow import DRAWS, END_US, START_US, flow
from bench.measure import Contender, Options, Run, say
from bench.report import Findings

GOAL_PER_S, GOAL_RATIO = 250_000.0, 20.0
EVENTS, KEYS = 2_000_000, 100_000
BATCHES = (500, 5_000, 50_000)
THE_BATCH = 5_000
RIVAL_EVENTS = 100_000
PACE = 0.5  # of what was reached
PACED_S = 10.0
SAMPLE = 200


def run(options: Options) -> Findings:
    events, keys = options.rows(EVENTS), options.rows(KEYS)
    theirs = min(options.rows(RIVAL_EVENTS), events)
    found = Findings(figures={"events": events, "keys": keys, "rival_events": theirs})
    for draw in DRAWS:
        file = flow(draw, events=events, keys=keys)
        if options.wants("gapless"):
            for size in filter(lambda size: size <= events, BATCHES):
                _ours(found, draw, str(file), size, events, options)
        _bytewax(found, draw, str(file), theirs, options)
        _quix(found, draw, str(file), theirs, options)
    _compare(found)
    return found


def _ours(found: Findings, draw: str, file: str, size: int, events: int, options: Options) -> None:
    name = f"gapless_{draw}_{size}"
    what = {"events": file, "count": events, "batch": size, "sample": SAMPLE, "at_us": END_US}
    one = best(name, "bench.ours.stream", sys.executable, what, options)
    _record(found, name, one, events)
    told = one.result
    found.figures |= {f"{name}_step_ms": told["step_ms"], f"{name}_different": told["different"]}
    found.figures[f"{name}_landing_cpu_s"] = told["land_cpu_s"]
    per_s = events / one.wall_s * PACE
    count = min(events, max(int(per_s * PACED_S), size))
    paced = {**what, "per_s": per_s, "count": count, "folder": str(options.scratch / f"{name}-paced")}
    say(f"{name}: at {per_s:,.0f} events/s")
    seen = measure.run(Contender(name, "bench.ours.stream_paced", sys.executable, paced)).result
    found.figures |= {f"{name}_paced_per_s": per_s, f"{name}_paced_different": seen["different"]}
    found.figures |= {f"{name}_visible_{part}_ms": seen[f"{part}_ms"] for part in ("p50", "p99")}


def _bytewax(found: Findings, draw: str, file: str, count: int, options: Options) -> None:
    what = {"events": file, "count": count, "batch": THE_BATCH, "start_us": START_US}
    for name, keeps in {"bytewax": False, "bytewax_recovery": True}.items():
        if options.wants("bytewax"):
            module, python = "bench.rivals.stream_bytewax", python_of("bytewax")
            one = best(f"{name}_{draw}", module, python, what, options, folder="folder" if keeps else None)
            _record(found, f"{name}_{draw}", one, count)
            found.figures[f"{name}_{draw}_different"] = one.result["different"]


def _quix(found: Findings, draw: str, file: str, count: int, options: Options) -> None:
    if not options.wants("quix"):
        return
    from tests.kafka import kafka_server

    home = options.scratch / f"kafka-{draw}"
    home.mkdir()
    with kafka_server(home) as broker:
        what = {"events": file, "count": count, "broker": broker.bootstrap, "topic": f"events-{draw}"}
        module, name = "bench.rivals.stream_quix", f"quix_{draw}"
        one = best(name, module, python_of("quixstreams"), what, options, repeat=1)
    _record(found, name, Run(one.result["wall_s"], one.result["cpu_s"]), count)
    found.figures[f"{name}_different"] = one.result["different"]


def best(
    name: str, module: str, python: str, what: dict[str, Any], options: Options,
    *, folder: str | None = "folder", repeat: int | None = None,
) -> Run:  # fmt: skip
    """The run with the least CPU time, each in a folder of its own: what else the machine does only adds."""
    done: list[Run] = []
    repeat = repeat or options.repeat
    while len(done) < repeat and sum(one.wall_s for one in done) < measure.MANY_SECONDS:
        say(f"{name}: run {len(done) + 1} of {repeat}")
        home = str(options.scratch / f"{name}-{len(done)}") if folder else ""
        done.append(measure.run(Contender(name, module, python, {**what, "folder": home})))
    return min(done, key=lambda one: one.cpu_s)


def _record(found: Findings, name: str, one: Run, events: int) -> None:
    found.figures[f"{name}_per_s"] = events / one.wall_s
    found.figures[f"{name}_per_cpu_s"] = events / one.cpu_s
    if one.peak_mb is not None:
        found.figures[f"{name}_peak_mb"] = one.peak_mb


def _compare(found: Findings) -> None:
    """Events per second of one core."""
    figures = found.figures
    for draw in DRAWS:
        if (ours := figures.get(f"gapless_{draw}_{THE_BATCH}_per_cpu_s")) is None:
            continue
        found.at_least(f"{draw}_per_cpu_s", GOAL_PER_S, ours)
        for rival in ("bytewax", "bytewax_recovery", "quix"):
            if theirs := figures.get(f"{rival}_{draw}_per_cpu_s"):
                found.ratios[f"{rival}_{draw}"] = ours / theirs
                found.at_least(f"{draw}_times_{rival}", GOAL_RATIO, ours / theirs)
