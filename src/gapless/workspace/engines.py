"""Where batch work runs: this process, or an engine that spreads it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gapless.errors import SettingsError, closest

if TYPE_CHECKING:
    from gapless.bundle import Bundle
    from gapless.ports.engine import BatchEngine, Progress
    from gapless.ports.scorer import Scorer

__all__ = ["LOCAL", "ShippedScorer", "open_engine", "rows_done"]

LOCAL = "local"
_ALLOWED = "local, spark, spark:local[2], spark://HOST:PORT"
_TASKS = ("deltalake", "msgspec", "numba", "numpy", "onnxruntime", "pyarrow", "tzdata")


@contextmanager
def open_engine(name: str, folder: Path) -> Iterator[BatchEngine | None]:
    """The engine of that name, closed at the end; None: batch work runs in this process.

    Parameters:
        folder — modules that were loaded from there are the author's: their functions travel with the work.

    Raises: SettingsError for a name of another form, an engine that lacks what is needed; MissingExtra; Transient where
        it does not answer.
    """
    if name == LOCAL:
        yield None
        return
    if not name.startswith("spark"):
        guess = closest(name, [LOCAL, "spark"])
        raise SettingsError(
            "no such batch engine",
            seen=name,
            allowed=_ALLOWED,
            next_step=f"did you mean {guess!r}?" if guess else "name one of these, with --engine or in gapless.toml",
        )
    from gapless.adapters.spark import SparkEngine

    engine = SparkEngine.open(name, libraries=_TASKS, authors=_loaded_from(folder))
    try:
        yield engine
    finally:
        engine.close()


def _loaded_from(folder: Path) -> list[ModuleType]:
    """Modules of the author: what is installed has a place of its own, which may lie in the folder too."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        own = file is not None and Path(file).is_relative_to(folder) and not Path(file).is_relative_to(sys.prefix)
        if own and name.partition(".")[0] not in ("gapless", "__main__"):
            found.append(module)
    return found


def rows_done(progress: Callable[[int], None] | None, rows: int | None) -> Progress | None:
    """The progress of tasks as rows, for those who count rows: the same share of them."""
    if progress is None or not rows:
        return None
    return lambda name, done, of: progress(rows * done // max(of, 1))


@dataclass(frozen=True)
class ShippedScorer:
    """A bundle on its way to workers: opened there as here, golden answers given again by their onnxruntime."""

    files: Mapping[str, bytes]
    allow_pickle: bool

    @classmethod
    def of(cls, bundle: Bundle, *, allow_pickle: bool) -> ShippedScorer:
        """This one."""
        names = [*bundle.manifest.files, "manifest.json"]
        return cls({name: (bundle.path / name).read_bytes() for name in names}, allow_pickle)

    def __call__(self) -> Scorer:
        """Opens it. Raises: as `bundle.opening.open_scorer`."""
        from gapless.adapters.onnx import OnnxRuntime
        from gapless.bundle import read_bundle
        from gapless.bundle.opening import open_scorer

        folder = Path(tempfile.mkdtemp(prefix="gapless-bundle-"))
        try:
            for name, content in self.files.items():
                (folder / name).write_bytes(content)
            return open_scorer(read_bundle(folder), OnnxRuntime(), allow_pickle=self.allow_pickle)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
