"""FastAPI, pandas and scikit-learn, as tutorials have it: a frame of one row for each request. No lookup."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
estimator = pickle.loads(Path(os.environ["BENCH_PICKLE"]).read_bytes())


class Request(BaseModel):
    features: dict[str, float | None]


@app.get("/ready")
def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict")
def predict(request: Request) -> dict[str, float]:
    frame = pd.DataFrame([request.features]).astype("float32")
    return {"probability": float(estimator.predict_proba(frame.to_numpy())[0, 1])}
