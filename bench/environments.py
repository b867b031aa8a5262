"""Rivals that gapless does not depend on live in environments of their own, made once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import CACHE, say

__all__ = ["python_of"]

RIVALS = {
    "bentoml": ("bentoml==1.4.38", "onnxruntime==1.32.0"),
    "bytewax": ("bytewax==0.21.1", "pyarrow==26.0.1"),
    "duckdb": ("duckdb==2.0.0", "pyarrow==26.0.1"),
    "fastapi": ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", "pandas==3.1.1", "scikit-learn==1.9.1"),
    "feast": ("feast==0.67.0",),
    "kserve": ("kserve==0.21.0", "pandas==2.3.3"),  # its client, for a test: it needs an older pandas than ours
    "mlserver": ("mlserver==1.7.1", "onnxruntime==1.32.0"),
    "polars": ("polars==2.1.0",),
    "quixstreams": ("quixstreams==3.28.1", "pyarrow==26.0.1"),
}


def python_of(rival: str) -> str:
    """The interpreter of a rival's environment, which is made where it is not there yet or is for other versions."""
    pins = RIVALS[rival]
    key = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()[:12]
    folder = CACHE / "environments" / f"{rival}-{key}"
    if not folder.exists():
        say(f"installing {', '.join(pins)}")
        _make(folder, pins)
    return str(folder / "bin" / "python")


def _make(folder: Path, pins: tuple[str, ...]) -> None:
    """Made under another name and moved at the end: what has the final name is whole."""
    half = folder.with_name(f"{folder.name}.{os.getpid()}")
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(half)], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(half / "bin" / "python"), *pins], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
