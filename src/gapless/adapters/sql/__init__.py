"""Metadata in a database: SQLite beside the product, or Postgres."""

from gapless.adapters.sql.metadata import SqlMetadata

__all__ = ["SqlMetadata"]
