"""ONNX graphs run by onnxruntime."""

from gapless.adapters.onnx.runtime import OnnxRuntime, OnnxScorer

__all__ = ["OnnxRuntime", "OnnxScorer"]
