"""The HTTP server: paths over a service, health, metrics, tokens, and how it starts and goes away."""

from __future__ import annotations

from gapless.serving.http.app import Application
from gapless.serving.http.doors import Door, GuardedDoor, LocalDoor, OpenDoor
from gapless.serving.http.drain import Drain
from gapless.serving.http.meters import Meters, Workers
from gapless.serving.http.pushing import Pushing
from gapless.serving.http.server import Listening, listen, run
from gapless.serving.http.service import Limits, Service
from gapless.serving.http.waiting import LogState

__all__ = [
    "Application",
    "Door",
    "Drain",
    "GuardedDoor",
    "Limits",
    "Listening",
    "LocalDoor",
    "LogState",
    "Meters",
    "OpenDoor",
    "Pushing",
    "Service",
    "Workers",
    "listen",
    "run",
]
