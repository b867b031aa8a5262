"""What is adopted, found by its name or read from a file."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gapless.errors import InputError, Refused, SettingsError, closest
from gapless.product.boundary import call_author

__all__ = ["is_file", "load_target"]

_PICKLES = (".pkl", ".pickle", ".joblib")


def is_file(target: str) -> bool:
    """Whether it names a file that holds a pickle."""
    return target.endswith(_PICKLES)


def load_target(target: str, root: Path, *, allow_pickle: bool) -> Any:
    """The function or fitted object named `module:attribute`, its module found from `root`, or in a pickled file.

    Raises: SettingsError for a text, module or attribute that is not there; Refused for a file without leave to run
        what is in it; InputError for a file that cannot be read; UserCodeError where the module raises.
    """
    if is_file(target):
        return _unpickled(Path(target), allow_pickle)
    module_name, sign, attribute = target.partition(":")
    if not sign or not attribute:
        raise SettingsError(
            "what to adopt is named by its module",
            seen=target,
            allowed="module:attribute, or a file that ends in .joblib, .pkl or .pickle",
            next_step="such as features:add_features, for a function in features.py",
        )
    with _importable(root):
        module = call_author(f"module {module_name}", _imported, module_name, root)
    found = getattr(module, attribute, None)
    if found is None:
        guess = closest(attribute, vars(module))
        raise SettingsError(
            f"module {module_name} has no {attribute!r}",
            seen=target,
            allowed=f"a name that {module_name} defines",
            next_step=f"did you mean {guess!r}?" if guess else "define it there",
        )
    return found


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))


def _imported(name: str, root: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0] and error.name != name:
            raise
        raise SettingsError(
            "the module cannot be found",
            seen=name,
            allowed=f"a module in {root}, or one that is installed",
            next_step="run it in the folder of the module",
        ) from None


def _unpickled(file: Path, allow_pickle: bool) -> Any:
    if not allow_pickle:
        raise Refused(
            "a pickle runs whatever is in it",
            seen=str(file),
            allowed="a file that you made, with --allow-pickle",
            next_step="pass --allow-pickle, or name the object: module:attribute",
        )
    if not file.is_file():
        raise InputError("the file is not there", seen=str(file), next_step="check the path")
    return call_author(f"unpickling {file.name}", _read, file)


def _read(file: Path) -> Any:
    if file.suffix == ".joblib":
        import joblib

        return joblib.load(file)
    with file.open("rb") as data:
        return pickle.load(data)
