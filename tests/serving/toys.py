"""Small true implementations of the ports that serving stands on: a store in memory and a model that counts."""

from gapless.clock import SECOND
from gapless.errors import Transient
from gapless.ports.metadata import Proposal, Route
from gapless.ports.online import OnlineCapabilities
from gapless.schema import Schema, Type
from gapless.serving.answers import Answer, Answered, Features, Signature
from tests.features.world import MODEL

NOW = 1_700_000_000 * SECOND


class TestClock:
    """Stands still until it is moved."""

    __test__ = False

    def __init__(self, now_us=NOW):
        self.us = now_us

    def now_us(self):
        return self.us


class MemoryStore:
    """An OnlineStore to read from; `broken` is what it raises while it is away."""

    capabilities = OnlineCapabilities("commit", local=True)

    def __init__(self, values=()):
        self.values, self.broken, self.reads = dict(values), None, 0

    def read(self, keys):
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return [self.values.get(key) for key in keys]

    def close(self):
        self.broken = Transient("closed")


class Toy:
    """A Loaded version whose answer to every row is its own number."""

    bundle_hash = "b"
    feature_set = MODEL.feature_set

    def __init__(self, model, version, *, missing=(), raises=None, refuses=False):
        columns = Schema((("id", Type.STRING), ("t", Type.TIMESTAMP)))
        self.signature = Signature(model, version, "d", columns, "id", "t", False, {}, ())
        self.missing, self.raises, self.refuses_without_store = missing, raises, refuses

    def not_materialized(self):
        return self.missing

    def answer_as(self, rows, now_us, live_version):
        if self.raises is not None:
            raise self.raises
        version = self.signature.version
        trust = "ok" if version == live_version else "degraded"
        answers = [Answer(row["id"], row["t"], float(version), None, trust) for row in rows]
        return Answered(self.signature.model, version, "d", answers, (), {}, {})

    def features(self, rows, now_us):
        return Features({}, list(rows), [row["t"] for row in rows], {}, [[]] * len(rows))


def ask(live, model="m"):
    """(version, prediction, trust) of one answer."""
    found = live.get(model).answer([{"id": "r", "t": NOW}], NOW)
    return found.version, found.rows[0].prediction, found.rows[0].trust


class Deployed:
    """Versions that load or do not, and decisions about them; `versions` and `metadata` are its owner's."""

    def load(self, model, version):
        found = self.versions.get(version)
        if isinstance(found, Exception):
            raise found
        return found or Toy(model, version)

    def promote(self, version, *fallbacks, model="m"):
        deployments = self.metadata.deployments
        current = deployments.current().get(model)
        routes = (Route(version), *(Route(one, "fallback") for one in fallbacks))
        proposal = Proposal(model, "promote", routes, "me", "why")
        return deployments.decide(proposal, expected=current.revision if current else 0, at_us=NOW)
