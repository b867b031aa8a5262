"""Spark as a place where our own functions run: sessions, and the package beside every executor."""

from __future__ import annotations

from gapless.errors import MissingExtra

try:
    import pyspark  # noqa: F401
except ImportError:
    raise MissingExtra("Spark", "spark") from None

from gapless.adapters.spark.engine import SparkEngine
from gapless.adapters.spark.expressions import with_expressions
from gapless.adapters.spark.masters import Master, spark_master
from gapless.adapters.spark.session import open_session
from gapless.adapters.spark.shipping import Executor, ship

__all__ = ["Executor", "Master", "SparkEngine", "open_session", "ship", "spark_master", "with_expressions"]
