"""The features of a bundle, as values to compute with."""

from __future__ import annotations

from gapless.bundle.bundle import Bundle
from gapless.errors import CorruptData
from gapless.product import FeatureSet

__all__ = ["feature_set"]


def feature_set(bundle: Bundle) -> FeatureSet:
    """The features that the bundle's model was trained with, whatever the product says by now.

    Raises: CorruptData where the bundle holds none, as those of an older release do, or others than its manifest names.
    """
    document = bundle.document("expressions").get("feature_set")
    if document is None:
        raise CorruptData(
            "the bundle does not hold the definition of its features",
            seen=f"expressions.json of {bundle.manifest.model!r} without feature_set",
            allowed="a bundle that this release or a later one wrote",
            next_step=f"train again: gapless train {bundle.manifest.model}",
            where=str(bundle.path),
        )
    made = FeatureSet.from_document(document)
    if document["features_hash"] != bundle.manifest.features_hash:
        raise CorruptData(
            "the bundle holds the definition of other features",
            seen=document["features_hash"][:16],
            allowed=f"{bundle.manifest.features_hash[:16]}, as its manifest says",
            next_step="fetch the version from the tracker again, or train again",
            where=str(bundle.path),
        )
    return made
