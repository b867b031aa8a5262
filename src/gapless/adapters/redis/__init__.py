"""The online store on Redis or a Redis Cluster: the same answers for many servers, one round trip each."""

from __future__ import annotations

from gapless.errors import MissingExtra

try:
    import redis  # noqa: F401
except ImportError:
    raise MissingExtra("an online store on Redis", "redis") from None

from gapless.adapters.redis.store import COMMIT_POINTS, RedisStore

__all__ = ["COMMIT_POINTS", "RedisStore"]
