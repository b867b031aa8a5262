"""A BentoML service around onnxruntime. No lookup."""

import os

import bentoml
import numpy as np
import onnxruntime


def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(os.environ["BENCH_ONNX"], options, providers=["CPUExecutionProvider"])


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Scorer:
    def __init__(self) -> None:
        self.session = session()

    @bentoml.api
    def predict(self, features: list[list[float | None]]) -> list[float]:
        rows = np.array(features, np.float32)  # None becomes NaN
        outputs = self.session.run(["probability"], {"features": rows})
        return [float(x) for x in outputs[0]]
