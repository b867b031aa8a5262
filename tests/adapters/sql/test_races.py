"""Processes at once: on an empty database, and on one decision."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.adapters.sql.whole import check_whole

OPEN = """
import sys
from gapless.adapters.sql import SqlMetadata
from gapless.errors import Conflict
from gapless.ports.metadata import Proposal, Route
sys.stdin.readline()
metadata, won = SqlMetadata(sys.argv[1]), 0
for at_us in range(int(sys.argv[3])):
    live = metadata.deployments.current().get("late")
    try:
        proposal = Proposal("late", "promote", (Route(sys.argv[2]),), sys.argv[2], "race")
        metadata.deployments.decide(proposal, expected=live.revision if live else 0, at_us=at_us)
        won += 1
    except Conflict:
        pass
metadata.close()
print(won)
"""


def race(url, processes, tries):
    """How many decisions each process won; all begin at once."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, ["src", *sys.path]))}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", OPEN, url, str(number), str(tries)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(processes)
    ]
    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate() for one in started]
    assert [error for _, error in said] == [""] * processes
    return [int(out) for out, _ in said]


def test_processes_that_open_an_empty_database_at_once_share_it(url):
    race(url, processes=4, tries=1)
    check_whole(url)


def test_of_two_decisions_from_the_same_state_one_wins(url):
    total = [0, 0]
    for _ in range(10):  # on a busy machine one of them may be first every time
        total = [a + b for a, b in zip(total, race(url, processes=2, tries=40), strict=True)]
        assert len(check_whole(url)["late"]) == sum(total)
        if min(total) > 0:
            break
    assert min(total) > 0
