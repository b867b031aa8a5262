"""Experiment tracking and the registry of versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["BUNDLE", "Point", "RunRecord", "Tracker", "VersionRecord"]

BUNDLE = "bundle"
"""The folder among a run's artifacts that is registered as the version."""


@dataclass(frozen=True)
class Point:
    """One value of a curve."""

    step: int
    at_us: int
    value: float


@dataclass(frozen=True)
class RunRecord:
    """A training run, complete, as it is given to a tracker.

    Parameters:
        key — unique to this run; what makes delivering it twice one run and one version.
        curves — values by name, such as `monthly/roc_auc`.
        tags — of the run and of its version: hashes, commit, lineage.
        artifacts — a folder of files; `bundle/` in it becomes the version.
    """

    key: str
    model: str
    started_us: int
    ended_us: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, tuple[Point, ...]]
    tags: Mapping[str, str]
    artifacts: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the folder: whoever keeps the run knows where."""
        return {name: value for name, value in asdict(self).items() if name != "artifacts"}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], artifacts: Path) -> RunRecord:
        """What `to_dict` gave.

        Raises: KeyError, TypeError for a document of another shape.
        """
        curves = {name: tuple(Point(**one) for one in points) for name, points in document["curves"].items()}
        return cls(**{**document, "curves": curves, "artifacts": artifacts})


@dataclass(frozen=True)
class VersionRecord:
    """A registered version of a model, with its run's params, metrics and tags.

    Parameters:
        version — counts up from "1" for each model.
        bundle — where the tracker keeps the bundle; for people. `Tracker.fetch` gets it.
    """

    model: str
    version: str
    run_id: str
    run_key: str
    created_us: int
    bundle: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def definition_hash(self) -> str:
        """Of the model that was trained; empty for a version that was not registered by a training."""
        return self.tags.get("definition_hash", "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Tracker(Protocol):
    """Keeps runs and numbers the versions of models.

    Raises, from every method: Transient where the tracker does not answer in time (nothing is lost: call again),
    Refused where it says no, StorageError for a full or damaged disk under an embedded one.
    """

    def write_run(self, run: RunRecord) -> str:
        """The run is at the tracker, whole; returns the tracker's name for it.

        Guarantees: idempotent by `run.key`, also after a kill at any point: what is there is kept, the rest is added.
        """
        ...

    def register(self, run: RunRecord, run_id: str) -> VersionRecord:
        """The run's bundle is a version of its model.

        Guarantees: idempotent by `run.key`: the second call returns the same version.
        """
        ...

    def versions(self, model: str | None = None) -> list[VersionRecord]:
        """The versions that gapless registered, of one model or of all, newest first; empty where there is none."""
        ...

    def version(self, model: str, version: str | None = None) -> VersionRecord:
        """One version; None is the newest.

        Raises: NotFound naming what there is.
        """
        ...

    def curves(self, version: VersionRecord) -> dict[str, tuple[Point, ...]]:
        """The curves of the version's run."""
        ...

    def fetch(self, version: VersionRecord, path: str, into: Path) -> Path:
        """A file or folder among the artifacts of the version's run, such as `bundle` or `evaluation.json`, copied into
        the existing folder `into`; returns the copy.

        Raises: NotFound where there is no such artifact.
        """
        ...

    def alias(self, version: VersionRecord, name: str) -> None:
        """The name, such as "live", is this version's and no other's of its model: for people who look there.

        Guarantees: idempotent. Nothing of gapless reads it: what is live is decided in the metadata database.

        Raises: NotFound where there is no such version.
        """
        ...
