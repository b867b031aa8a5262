"""The modules of an example; each example has a data.py and a product.py of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def module(example: str, name: str) -> ModuleType:
    full = f"examples_{example}_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, EXAMPLES / example / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(EXAMPLES / example))  # it may import its neighbours
        spec.loader.exec_module(sys.modules[full])
        sys.path.remove(str(EXAMPLES / example))
    return sys.modules[full]
