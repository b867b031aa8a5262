"""For authors of products and adapters: conformance suites, oracles, fault injection.

Every part loads on first use: `from gapless.testing import check_offline_store`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "BATCH_ENGINE_CHECKS": "engine",
    "Crash": "faults",
    "CrashAtCall": "faults",
    "EVENT_LOG_CHECKS": "events",
    "FailAt": "faults",
    "KillAt": "faults",
    "KillAtCall": "faults",
    "METADATA_CHECKS": "metadata",
    "OFFLINE_STORE_CHECKS": "offline",
    "ONLINE_STORE_CHECKS": "online",
    "PREDICTION_LOG_CHECKS": "prediction_log",
    "RecordedSync": "faults",
    "SHARED_STORE_CHECKS": "offline_shared",
    "TRACKER_CHECKS": "tracker",
    "check_batch_engine": "engine",
    "check_event_log": "events",
    "check_metadata": "metadata",
    "check_offline_store": "offline",
    "check_online_store": "online",
    "check_prediction_log": "prediction_log",
    "check_scorer": "scorer",
    "check_shared_store": "offline_shared",
    "check_tracker": "tracker",
    "cut_power": "faults",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
