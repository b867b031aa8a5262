"""What can be found out about a version before it answers anybody: facts, and no judgement of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gapless.bundle import Bundle, feature_set
from gapless.errors import CorruptData, GaplessError, NotFound, RemoteError, SettingsError, StorageError
from gapless.ports.tracker import VersionRecord
from gapless.product import FeatureSet

__all__ = ["Incomplete", "Inspection", "inspect", "read_only"]

T = TypeVar("T")
Incomplete = Callable[[FeatureSet], Sequence[str]]
"""The views whose online state is not complete."""


@dataclass(frozen=True)
class Inspection:
    """The facts that gates judge.

    Parameters:
        runtime — "onnx", or "python" for a pickled estimator; empty where the bundle cannot be read.
        faults — what is wrong, by the gate that it concerns: "bundle", "definition", "golden".
        certificate — as the bundle holds it; None where it holds none.
        metrics — of the evaluation, with their intervals.
        missing_views — of those that the features need, without complete online state.
        hashes — of bundle, definition, features and training data, and the code's commit.
    """

    version: str
    runtime: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    certificate: Mapping[str, object] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    missing_views: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)


def inspect(
    record: VersionRecord,
    fetch: Callable[[VersionRecord], Bundle],
    open_bundle: Callable[[Bundle], object],
    incomplete: Incomplete,
) -> Inspection:
    """Everything about a version. What is wrong with it is among the facts.

    Parameters:
        fetch — its bundle, every file checked against its hash.
        open_bundle — makes a scorer of it that has given its golden answers: `bundle.opening.open_scorer`.

    Raises: Transient, Refused: nothing was found out.
    """
    metrics = {name: value for name, value in record.metrics.items() if "/" not in name}
    try:
        bundle = fetch(record)
    except (CorruptData, NotFound, StorageError) as error:
        return Inspection(record.version, faults={"bundle": in_one_line(error)}, metrics=metrics)
    faults: dict[str, str] = {}
    features = _tried("definition", lambda: feature_set(bundle), faults)
    _tried("golden", lambda: open_bundle(bundle), faults)
    return Inspection(
        record.version,
        bundle.manifest.runtime,
        faults,
        bundle.document("certificate") if "certificate.json" in bundle.manifest.files else None,
        metrics,
        () if features is None else tuple(incomplete(features)),
        hashes_of(bundle),
    )


def read_only(version: str, fetch: Callable[[], Bundle]) -> Inspection:
    """Whether the bundle of a version can be read, and what it is: all that a rollback asks."""
    try:
        bundle = fetch()
    except (CorruptData, NotFound, StorageError, RemoteError) as error:
        return Inspection(version, faults={"bundle": in_one_line(error)})
    return Inspection(version, bundle.manifest.runtime, hashes=hashes_of(bundle))


def hashes_of(bundle: Bundle) -> dict[str, str]:
    """What the version was made from, and what it is."""
    manifest = bundle.manifest
    return {
        "bundle": bundle.hash,
        "definition": manifest.definition_hash,
        "features": manifest.features_hash,
        "data": manifest.data_hash,
        "commit": manifest.code.commit + (" (with changes)" if manifest.code.dirty else ""),
    }


def in_one_line(error: GaplessError) -> str:
    """What is wrong, what was seen and where."""
    parts = (error.what, error.seen, error.where)
    return ": ".join(str(part) for part in parts if part is not None)


def _tried(gate: str, call: Callable[[], T], faults: dict[str, str]) -> T | None:
    try:
        return call()
    except (CorruptData, NotFound, StorageError, SettingsError) as error:
        faults[gate] = in_one_line(error)
        return None
