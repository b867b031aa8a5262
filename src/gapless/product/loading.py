"""From a `module:attribute` text to a Product."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from gapless.errors import GaplessError, SettingsError
from gapless.product.boundary import call_author
from gapless.product.product import Product

__all__ = ["load_product"]


def load_product(target: str, root: Path) -> Product:
    """The product named `module:attribute`, its file found below `root`.

    The module is executed afresh; modules beside it can be imported by it.

    Raises: SettingsError for a text, file or attribute that is not there; UserCodeError when the module raises.
    """
    module_name, _, attribute = target.partition(":")
    file = root.joinpath(*module_name.split(".")).with_suffix(".py")
    if not attribute or not file.is_file():
        raise SettingsError(
            "the product cannot be found",
            seen=target,
            allowed=f"module:attribute, with the module's file below {root}",
            next_step=f"create {file}, or mend `product` in gapless.toml",
        )
    module = _execute(file, root)
    found = getattr(module, attribute, None)
    if isinstance(found, Product):
        return found
    raise SettingsError(
        f"the module declares no product named {attribute!r}",
        seen=f"{attribute} = {found!r}" if hasattr(module, attribute) else f"no line that sets {attribute}",
        allowed="a gapless Product at the top level of the module",
        next_step=f"write {attribute} = gl.Product(…) there, or mend `product` in gapless.toml",
        where=str(file),
    )


def _execute(file: Path, root: Path) -> ModuleType:
    # A name of its own: two products in one process may both be called product.py.
    name = f"gapless_product_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(root))
    try:
        call_author(f"product module {file.name}", spec.loader.exec_module, module)
    except GaplessError:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(root))
    return module
