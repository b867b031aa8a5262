"""Settings that every test shares. A test that needs more builds it from real parts in its own file."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Read once, before any test imports mlflow: no test speaks to a server elsewhere.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Likewise before scikit-learn: its threads would spin against those of the other test process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

# `pytest --hypothesis-profile=NAME` chooses; `make test` runs "ci", which tries the same examples every time.
settings.register_profile("dev", max_examples=50, **_SHARED)
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, **_SHARED)
settings.register_profile("thorough", max_examples=2_000, **_SHARED)
settings.load_profile("dev")
