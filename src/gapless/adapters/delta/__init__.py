"""The offline store on Delta tables, without a JVM: readable by Spark, durable through kill -9 and power loss."""

from __future__ import annotations

from gapless.adapters.delta.store import APPEND_POINTS, DeltaStore

__all__ = ["APPEND_POINTS", "DeltaStore"]
