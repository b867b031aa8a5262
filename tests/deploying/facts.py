"""Versions as the facts about them, for tests of what is decided on facts alone."""

from __future__ import annotations

from dataclasses import replace

from gapless.deploying import Inspection
from gapless.errors import NotFound

HASHES = {"bundle": "b" * 64, "definition": "d" * 64, "features": "f" * 64, "data": "a" * 64, "commit": "c" * 40}
CERTIFICATE = {"passed": True, "failures": 0, "total_rows": 100, "worst": 1e-7}


def good(version="1", **changes):
    """A version that passes every gate."""
    hashes = HASHES | {"bundle": version.rjust(64, "0")}
    made = Inspection(version, "onnx", {}, CERTIFICATE, {"roc_auc": 0.8, "roc_auc.low": 0.7}, (), hashes)
    return replace(made, **changes)


class Shelf:
    """Versions by number; knows which were looked at."""

    def __init__(self, *versions):
        self.versions = {one.version: one for one in versions}
        self.seen = []

    def __call__(self, version):
        self.seen.append(version)
        if version not in self.versions:
            raise NotFound(f"no version {version}", allowed=", ".join(self.versions))
        return self.versions[version]
