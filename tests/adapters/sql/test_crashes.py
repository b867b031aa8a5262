"""A decision is whole or absent, wherever a crash comes; what was acknowledged is there."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from gapless.adapters.sql import SqlMetadata
from gapless.errors import Conflict
from gapless.ports.metadata import Proposal, Route
from gapless.testing import KillAtCall
from tests.adapters.forked import run_forked
from tests.adapters.sql.whole import check_whole

POINTS = ("begun", "read", "decision", "routes", "deployment", "audit", "committed")
MODELS = ("late", "fraud", "churn")


class Crash(BaseException):
    """Nothing catches it, as nothing catches the end of a process."""


class CrashAt:
    """A fault that raises `Crash` at its n-th passing from when it was set."""

    left = 0

    def __call__(self, point, subject):
        self.left -= 1
        if self.left == 0:
            raise Crash(point)


def proposal(model, version):
    routes = (Route(str(version)), Route(str(version - 1), "fallback"), Route(str(version - 2), "fallback"))
    return Proposal(model, "promote", routes, "ada", "why", {"hashes": {str(version): "a" * 64}})


def crash_and_retry(metadata, fault, chance, live, rounds):
    """So many crashes at random points; what is live for each model afterwards. Some are retried to the end."""
    for number in range(rounds):
        model, version = chance.choice(MODELS), number
        # A commit is a sync of the disk: the point behind it is passed more seldom than the others.
        fault.left = chance.randint(1, len(POINTS) - (number % 10 > 0))
        with pytest.raises(Crash) as crash:
            metadata.deployments.decide(proposal(model, version), expected=live.get(model, 0), at_us=number)
        if str(crash.value) == "committed":
            live[model] = metadata.deployments.revision()
            with pytest.raises(Conflict):
                metadata.deployments.decide(proposal(model, version), expected=live[model] - 1, at_us=number)
        elif number % 40 == 0:
            live[model] = metadata.deployments.decide(
                proposal(model, version), expected=live.get(model, 0), at_us=number
            ).id
    return live


@pytest.mark.parametrize(("kind", "crashes"), [("sqlite", 8_500), ("postgres", 1_500)], indirect=["kind"])
def test_ten_thousand_crashes_between_statements(url, crashes):
    chance, live, fault = random.Random(crashes), {}, CrashAt()
    with ExitStack() as stack:
        if url.startswith("sqlite"):  # somebody who reads: else every connection that ends cleans up, which takes time
            reader = stack.enter_context(closing(sqlite3.connect(url.removeprefix("sqlite:///"))))
            reader.execute("SELECT * FROM sqlite_master").fetchall()
        for _ in range(20):  # each time a new client, as after a restart
            metadata = SqlMetadata(url, fault=fault)
            live = crash_and_retry(metadata, fault, chance, live, crashes // 20)
            assert {model: one.revision for model, one in metadata.deployments.current().items()} == live
            metadata.close()
            assert {model: chain[-1] for model, chain in check_whole(url).items()} == live


def decide_until_killed(url, call):
    metadata = SqlMetadata(url, fault=KillAtCall(call))
    for version in range(3):
        live = metadata.deployments.current().get("late")
        expected = live.revision if live else 0
        metadata.deployments.decide(proposal("late", version), expected=expected, at_us=version)
    metadata.close()


def test_killed_at_every_point(url):
    done = 0
    for call in range(1, 3 * len(POINTS) + 1, 2):
        assert not run_forked(decide_until_killed, url, call)
        done += call // len(POINTS)
        assert len(check_whole(url).get("late", [])) == done
    assert run_forked(decide_until_killed, url, 10**6)
    assert len(check_whole(url)["late"]) == done + 3


HAMMER = """
import sys
from gapless.adapters.sql import SqlMetadata
from tests.adapters.sql.test_crashes import proposal
metadata = SqlMetadata(sys.argv[1])
for version in range(10**9):
    live = metadata.deployments.current().get("late")
    made = metadata.deployments.decide(proposal("late", version), expected=live.revision if live else 0, at_us=0)
    print(made.id, flush=True)
"""


def test_killed_at_any_moment_what_was_acknowledged_is_there(url):
    chance, acknowledged = random.Random(3), 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, ["src", ".", *sys.path]))}
    for _ in range(3):
        command = [sys.executable, "-c", HAMMER, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            said = [int(process.stdout.readline()) for _ in range(chance.randint(1, 20))]
            process.send_signal(signal.SIGKILL)
            said += [int(line) for line in process.stdout if line.endswith("\n")]
        assert said[0] == acknowledged + 1
        found = len(check_whole(url)["late"])
        # One more may have been committed and not said any more.
        assert said[-1] <= found <= said[-1] + 1
        acknowledged = found
