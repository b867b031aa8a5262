"""The tables. What the migrations build is held against this by a test.

decisions ◄─ routes       every decision with what is live after it; never changed
    ▲ └─ previous         the decision of the same model before it: each follows another one, or none
deployments               the newest decision of each model: what servers read
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["AUDIT", "DECISIONS", "DEPLOYMENTS", "INCIDENTS", "METADATA", "ROUTES", "TOKENS", "VERSIONS"]

METADATA = sa.MetaData()
VERSIONS = sa.Table("gapless_schema", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
"""Which migration the database is at; a table of our own, so that another tool's may live beside it."""

DECISIONS = sa.Table(
    "decisions",
    METADATA,
    # Given by us, under a lock: a sequence could show 5 before 4, and a server that has seen 5 would never look for 4.
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by_whom", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("previous", sa.BigInteger, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.UniqueConstraint("model", "previous", name="one_decision_follows"),
)
ROUTES = sa.Table(
    "routes",
    METADATA,
    sa.Column("decision", sa.BigInteger, sa.ForeignKey("decisions.id"), primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("weight", sa.Double, nullable=False),
)
DEPLOYMENTS = sa.Table(
    "deployments",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, sa.ForeignKey("decisions.id"), nullable=False),
)
# SQLite counts an INTEGER key up by itself, and no BIGINT.
_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INCIDENTS = sa.Table(
    "incidents",
    METADATA,
    sa.Column("id", _COUNTED, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("same", sa.Text, nullable=False),
    sa.Column("opened_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Column("closed_us", sa.BigInteger),
    sa.Column("closed_by", sa.Text, nullable=False),
)
_OPEN = INCIDENTS.c.closed_us.is_(None)
sa.Index("one_open_incident", INCIDENTS.c.same, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger),
    sa.Column("revoked_us", sa.BigInteger),
    sa.Column("per_second", sa.Double),
)
AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", _COUNTED, primary_key=True, autoincrement=True),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("by_whom", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
)
