"""Write the generated pages of docs/reference/ from the code; `--check` only says which are out of date."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import gapless
from gapless import errors
from gapless.cli.app import COMMANDS, app

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PARTS = {"Workspace": ("Deploying", "Exporting", "Online")}
NOTE = "<!-- Generated from the code by `make docs`; edit the code. -->"


def command_line() -> str:
    """Every command's help, as a person sees it."""
    parts = [
        "# Command line",
        NOTE,
        "Every command takes `--json` and then prints one JSON document.",
        block(help_of(app)),
    ]
    for name in COMMANDS:
        command = app.get_command(click.Context(app), name)
        assert command is not None
        parts += [f"## gapless {name}", block(help_of(command, f"gapless {name}"))]
    return page(parts)


def help_of(command: click.Command, name: str = "gapless") -> str:
    context = click.Context(command, info_name=name, **{**app.context_settings, "terminal_width": 100})
    return command.get_help(context)


def public_names() -> str:
    """What `import gapless as gl` offers."""
    parts = ["# Python", NOTE, "`import gapless as gl`; each name loads on first use."]
    for name in gapless.__all__:
        parts += entry(f"gl.{name}", getattr(gapless, name))
    return page(parts)


def entry(name: str, value: Any) -> Iterator[str]:
    yield f"## {name}"
    yield described(name, value)
    is_listed = inspect.isclass(value) and not issubclass(value, BaseException)
    for method, function in methods_of(value).items() if is_listed else ():
        if not method.startswith("_") and inspect.getdoc(function):
            yield f"### {name}.{method}"
            yield described(method, function)


def methods_of(value: type) -> dict[str, Any]:
    """Its own, and those of the classes that it is put together from."""
    parts = PARTS.get(value.__name__, ())
    own = [vars(one) for one in value.__mro__ if one is value or one.__name__ in parts]
    return {name: method for methods in own for name, method in methods.items()}


def described(name: str, value: Any) -> str:
    return block(f"{name.removeprefix('gl.')}{signature(value)}\n\n{inspect.getdoc(value) or ''}".strip())


def signature(value: Any) -> str:
    inner = getattr(value, "__func__", value)
    if not callable(inner):
        return ""
    try:
        text = str(inspect.signature(inner))
    except ValueError:
        return ""
    unquoted = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return re.sub(r" at 0x[0-9a-f]+|<factory>", "…", unquoted)


def error_tree() -> str:
    """Every error, its message's meaning, and what it also is."""
    parts = ["# Errors", NOTE, block(inspect.getdoc(errors) or "")]
    for name in sorted(errors.__all__):
        value = getattr(errors, name)
        if inspect.isclass(value) and issubclass(value, errors.GaplessError):
            parts += [f"## {name}", described(name, value)]
    return page(parts)


def settings() -> str:
    """The lines of gapless.toml."""
    module = importlib.import_module("gapless.workspace.settings")
    parts = ["# gapless.toml", NOTE, "Every line has a default; one that gapless does not know is refused."]
    return page([*parts, block(f"{inspect.getdoc(module.Settings)}\n\n{defaults(module)}")])


def defaults(module: Any) -> str:
    made = module.Settings(Path("."))
    sections = {section: keys for section, keys in module._KEYS.items() if keys}
    lines = []
    for section, keys in sections.items():
        lines += [f"[{section}]"] if section else []
        lines += [f"{key} = {json.dumps(getattr(made, key))}" for key in keys]
    return "\n".join(lines)


def block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def page(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_line,
    "errors.md": error_tree,
    "python.md": public_names,
    "settings.md": settings,
}


def outdated() -> list[str]:
    """Names of pages that differ from what the code gives."""
    return [name for name, make in PAGES.items() if read(REFERENCE / name) != make()]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main() -> int:
    late = outdated()
    if "--check" in sys.argv[1:]:
        print("\n".join(f"docs/reference/{name} is out of date: run `make docs`" for name in late), end="")
        return 1 if late else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in late:
        (REFERENCE / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
