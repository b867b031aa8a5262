"""The author's function kept as it is: a pandas function over the source, for columns that are no expressions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gapless.adopting.report import Adopted
from gapless.adopting.samples import Sample, SampleColumn
from gapless.schema import Type

__all__ = ["wrapped_function"]

_RETURNED: Mapping[str, Sequence[str]] = {
    "frame": (),
    "nothing": ("    made = frame if made is None else made  # it assigns into the frame",),
    "column": ("    made = made.to_frame()",),
}

_PYTHON = {Type.FLOAT: "float", Type.INT: "int", Type.BOOL: "bool", Type.STRING: "str", Type.TIMESTAMP: "datetime"}


def wrapped_function(
    target: str | None,
    source: str,
    key: str | None,
    sample: Sample,
    columns: Sequence[Adopted],
    *,
    late: Collection[str],
    returns: str,
) -> list[str]:
    """Lines that declare it; none where every column is an expression or depends on other rows.

    Parameters: late — columns that no request has; returns — frame, column, or nothing: it assigns into the frame.
    """
    kept = [c for c in columns if c.status == "function"]
    made = {_output(c, sample): c for c in kept if c.type is not None}
    lines = [f"# {c.name}: {str(c.reason).splitlines()[0]}" for c in kept]
    if not made or target is None:
        return ["", "# No expressions:", *lines, ""] if lines else []
    module, _, function = target.partition(":")
    inputs = [c for c in sample.columns.values() if c.type is not None and c.name not in late]
    outputs = ", ".join(f'"{name}": {_PYTHON[c.type]}' for name, c in made.items() if c.type is not None)
    renamed = {c.name: name for name, c in made.items() if c.name != name}
    names = ", ".join(f'"{name}"' for name in made)
    text = [
        "",
        "# These stay pandas: computed where rows are read in batches, never in a request, which looks them up.",
        *lines,
        "@gl.pandas_function(",
        f"    source={source},",
        f"    inputs=[{', '.join(f'{c.written!r}' for c in inputs)}],".replace("'", '"'),
        f"    outputs={{{outputs}}},",
        '    version="1",',
        ")",
        f"def {source}_by_{function}(frame):",
        f"    from {module} import {function}",
        "",
        *_given(inputs),
        f"    made = {function}(frame)",
        *_RETURNED[returns],
        *_taken(renamed),
        f"    return made[[{names}]]",
        "",
    ]
    return [*text, *_view(f"{source}_by_{function}", function, key, sample, list(made))]


def _output(column: Adopted, sample: Sample) -> str:
    """A name of its own: a function may not overwrite a column of its source."""
    return (
        f"{column.feature}_made" if column.feature in {c.written for c in sample.columns.values()} else column.feature
    )


def _given(inputs: Sequence[SampleColumn]) -> list[str]:
    """The columns as the function knows them from its own files."""
    lines = [text for column in inputs for text in _as_before(column)]
    names = {c.written: c.name for c in inputs if c.written != c.name}
    return [*lines, *([f"    frame = frame.rename(columns={names!r})"] if names else [])]


def _as_before(column: SampleColumn) -> list[str]:
    place = f'frame["{column.written}"]'
    if column.type is Type.INT:
        return [f'    {place} = {place}.astype("float64" if {place}.isna().any() else "int64")']
    if column.type is Type.BOOL:
        return [f'    {place} = {place}.astype("object" if {place}.isna().any() else "bool")']
    if column.type is Type.STRING:
        return [f'    {place} = {place}.astype("str")']
    if column.type is Type.TIMESTAMP:
        moved = f".dt.tz_convert({column.zone!r})" if column.zone else ".dt.tz_localize(None)"
        return [f"    {place} = {place}{moved}"]
    return []


def _taken(renamed: dict[str, str]) -> list[str]:
    return [f"    made = made.rename(columns={renamed!r})"] if renamed else []


def _view(source: str, function: str, key: str | None, sample: Sample, outputs: Sequence[str]) -> list[str]:
    if key is None:
        return [f"# A view of an entity looks them up: gl.last(e.{outputs[0]}) over source={source}.", ""]
    written = sample.columns[key].written
    lines = [f'        "{name}": gl.last(e.{name}),' for name in outputs]
    return [
        "",
        f"@gl.feature_view(entity={written}_entity, source={source})",
        f"def latest_by_{function}(e):  # what was computed last for each {written}, before the request",
        "    return {",
        *lines,
        "    }",
        "",
    ]
