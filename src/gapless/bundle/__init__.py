"""The files that any runtime needs to score a model version, with its certificate.

What is imported here is light. The heavy parts are modules of their own: `convert` and `certificate` (ONNX,
scikit-learn), `golden`, `pickled` and `opening` (NumPy).
"""

from gapless.bundle.bundle import Bundle, as_json, read_bundle, write_bundle
from gapless.bundle.definition import feature_set
from gapless.bundle.manifest import BundleManifest, CodeVersion, FeatureField

__all__ = [
    "Bundle",
    "BundleManifest",
    "CodeVersion",
    "FeatureField",
    "as_json",
    "feature_set",
    "read_bundle",
    "write_bundle",
]
