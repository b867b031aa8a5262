"""What a bundle says of itself. Plain values: no NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["FORMAT", "BundleManifest", "CodeVersion", "FeatureField"]

FORMAT = 1


@dataclass(frozen=True)
class FeatureField:
    """One feature of the vector, in its place. `type` is "float" or "bool" (1 or 0); every feature may be missing."""

    name: str
    type: str = "float"


@dataclass(frozen=True)
class CodeVersion:
    """The git commit of the product's code; "unknown" outside a repository. `dirty`: it had uncommitted changes."""

    commit: str = "unknown"
    dirty: bool = False


@dataclass(frozen=True)
class BundleManifest:
    """Everything that a runtime must know before it reads another file of the bundle.

    Parameters:
        kind — "classification" or "regression".
        runtime — "onnx" (model.onnx) or "python" (estimator.pkl, loaded on explicit permission only).
        takes_missing — whether the estimator answers for a row with a missing feature; where not, its answer is none.
        smallest_batch — fewer rows are repeated up to this, so that a row alone has the bits that it has in a batch.
        definition_hash, features_hash, data_hash — of the model, of its features, of the training set's content.
        created_us — when training began; passed in, so that a bundle can be made again byte for byte.
        files — sha256 by file name; filled when the bundle is written.
    """

    model: str
    kind: str
    features: tuple[FeatureField, ...]
    runtime: str
    takes_missing: bool
    smallest_batch: int
    definition_hash: str
    features_hash: str
    data_hash: str
    code: CodeVersion
    environment: Mapping[str, str]
    created_us: int
    format: int = FORMAT
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in the order of the vector."""
        return tuple(one.name for one in self.features)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> BundleManifest:
        """What `to_dict` gave.

        Raises: KeyError, TypeError for a document of another shape.
        """
        fields = dict(document)
        fields["features"] = tuple(FeatureField(**one) for one in fields["features"])
        fields["code"] = CodeVersion(**fields["code"])
        return cls(**fields)
