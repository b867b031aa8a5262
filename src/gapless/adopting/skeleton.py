"""The product that an adoption writes: a source, the features that were proven, and what is left to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gapless.adopting.labels import Truth, written_model
from gapless.adopting.layout import laid_out
from gapless.adopting.report import Adopted
from gapless.adopting.samples import Sample, SampleColumn, plain_name
from gapless.adopting.symbols import Symbol
from gapless.adopting.wrapped import wrapped_function
from gapless.adopting.writing import write_all
from gapless.errors import UnknownName
from gapless.expr import Expr
from gapless.expr.nodes import postorder
from gapless.schema import Type

__all__ = ["Skeleton", "written_product"]

_PYTHON = {Type.FLOAT: "float", Type.INT: "int", Type.BOOL: "bool", Type.STRING: "str", Type.TIMESTAMP: "datetime"}


@dataclass(frozen=True)
class Skeleton:
    """What the written product is told.

    Parameters:
        source — the name of its event source.
        target — `module:function` of what was adopted; None: it is not imported.
        name — of the on_demand.
        time, key, event_id — columns of the sample; None: guessed, and said so, or left out.
        label, label_time — columns of the sample with the truth and when it is known; both, or none.
        sample — what the rows are called in comments.
        estimator — lines of Python that define `estimator()`.
        returns — what the function gives: frame, column, or nothing.
    """

    source: str = "requests"
    target: str | None = None
    name: str = "adopted"
    time: str | None = None
    key: str | None = None
    event_id: str | None = None
    label: str | None = None
    label_time: str | None = None
    sample: str = "the sample"
    estimator: Sequence[str] = ()
    returns: str = "frame"

    @property
    def late(self) -> frozenset[str]:
        """Columns that are not known when a request is made."""
        return frozenset(name for name in (self.label, self.label_time) if name is not None)

    def check(self, sample: Sample) -> None:
        """Raises: UnknownName for a column that the sample does not have."""
        for what in ("time", "key", "event_id", "label", "label_time"):
            named = getattr(self, what)
            if named is not None and named not in sample.columns:
                raise UnknownName(f"column of the sample for {what}", named, map(str, sample.columns), where=what)


def written_product(
    skeleton: Skeleton, sample: Sample, columns: Sequence[Adopted], proven: Mapping[str, Symbol]
) -> str:
    """The text of a product module that imports as it is."""
    name = plain_name(skeleton.name, {c.written for c in sample.columns.values()} | {skeleton.source, "gl", "r"})
    numeric = any(symbol.expr.type.is_numeric for symbol in proven.values())
    id_column = _id_column(skeleton, sample)
    truth = Truth(skeleton.label, skeleton.label_time, None if id_column is None else id_column.name)
    body = [
        *_source(skeleton, sample, proven, id_column),
        *_entity(skeleton, sample),
        *_features(name, columns, proven),
        *wrapped_function(
            skeleton.target,
            skeleton.source,
            skeleton.key,
            sample,
            columns,
            late=skeleton.late,
            returns=skeleton.returns,
        ),
        *_refused(columns),
        *written_model(truth, skeleton.source, name if numeric else None, skeleton.estimator, sample),
    ]
    text = "\n".join(body)
    times = ["UTC"] * ("tzinfo=UTC" in text) + ["datetime"] * ("datetime" in text)
    title = f'"""{_title(skeleton, columns)}"""'
    head = [title, "", f"from datetime import {', '.join(times)}", "", "import gapless as gl", ""]
    return "\n".join([*head, text]).rstrip() + "\n"


def _title(skeleton: Skeleton, columns: Sequence[Adopted]) -> str:
    expressed = [c for c in columns if c.status == "expressed"]
    rows, probes = (expressed[0].compared.rows, expressed[0].compared.probes) if expressed else (0, 0)
    what = skeleton.target or skeleton.name
    return (
        f"Features of {what}, written by gapless adopt.\n\n"
        f"{len(expressed)} of {len(columns)} columns are row expressions. Each gave what {what} gives on\n"
        f"{rows:,} rows of {skeleton.sample} and on {probes:,} rows made from them.\n"
    )


def _source(
    skeleton: Skeleton, sample: Sample, proven: Mapping[str, Symbol], id_column: SampleColumn | None
) -> list[str]:
    read_as = _read_as(proven)
    held = [c for c in sample.columns.values() if c.name not in skeleton.late]
    kinds = {c.written: read_as.get(c.written, c.type) for c in held}
    times = [name for name, kind in kinds.items() if kind is Type.TIMESTAMP]
    lines = ["", f"# The schema is that of {skeleton.sample}.", f"{skeleton.source} = gl.EventSource("]
    lines += [f'    "{skeleton.source}",', "    schema={", *(_schema_line(c, kinds) for c in held)]
    lines += [] if times else ['        "asked_at": datetime,  # not in the sample: when each row is asked about']
    lines += ["    },", _time_line(skeleton, sample, times), *_id_line(skeleton, id_column), ")", ""]
    return lines


def _read_as(proven: Mapping[str, Symbol]) -> dict[str, Type]:
    """Texts that the features read as times: ingest reads ISO 8601 where the schema says datetime."""
    nodes = postorder(*(symbol.expr for symbol in proven.values()))
    return {str(n.param("name")): n.type for n in nodes if n.op == "column" and n.type is Type.TIMESTAMP}


def _schema_line(column: SampleColumn, kinds: Mapping[str, Type | None]) -> str:
    kind = kinds[column.written]
    if kind is None:
        return f"        # left out: {column.name!r} ({column.held})"
    renamed = f"  # {column.name!r} in the sample" if column.name != column.written else ""
    return f'        "{column.written}": {_PYTHON[kind]},{renamed}'


def _time_line(skeleton: Skeleton, sample: Sample, times: Sequence[str]) -> str:
    if skeleton.time is not None:
        return f'    event_time="{sample.columns[skeleton.time].written}",'
    if not times:
        return '    event_time="asked_at",'
    others = f", or {', '.join(times[1:])}" if times[1:] else ""
    return f'    event_time="{times[0]}",  # guessed{others}: when is a row asked about?'


def _id_column(skeleton: Skeleton, sample: Sample) -> SampleColumn | None:
    if skeleton.event_id is not None:
        return sample.columns[skeleton.event_id]
    ids = [c for c in sample.columns.values() if c.type in (Type.STRING, Type.INT) and c.written.lower().endswith("id")]
    return next((c for c in ids if sample.frame[c.name].is_unique), None)


def _id_line(skeleton: Skeleton, column: SampleColumn | None) -> list[str]:
    if column is None:
        return ['    # event_id="…": a model needs a column that names each request']
    guessed = "" if skeleton.event_id is not None else "  # guessed: it names each row of the sample"
    return [f'    event_id="{column.written}",{guessed}']


def _entity(skeleton: Skeleton, sample: Sample) -> list[str]:
    if skeleton.key is None:
        return []
    key = sample.columns[skeleton.key].written
    return [f'{key}_entity = gl.Entity("{key}", keys=["{key}"])', ""]


def _features(name: str, columns: Sequence[Adopted], proven: Mapping[str, Symbol]) -> list[str]:
    numeric = {feature: s.expr for feature, s in proven.items() if s.expr.type.is_numeric}
    others = {feature: s.expr for feature, s in proven.items() if feature not in numeric}
    written = write_all(numeric | others)
    notes = {c.feature: c.compared.text for c in columns}
    lines = [line for feature in numeric for line in _feature(feature, numeric[feature], written.texts, notes)]
    texts = [line for feature, expr in others.items() for line in _no_number(feature, expr, written.texts[feature])]
    if not numeric:
        return ["", *(line.strip() for line in texts), ""] if texts else []
    shared = [line for text in written.lines for line in laid_out(text, "    ", "")]
    start = ["", "@gl.on_demand", f"def {name}(r):  # r: the request", *shared, "    return {"]
    return [*start, *lines, *texts, "    }", ""]


def _feature(feature: str, expr: Expr, texts: Mapping[str, str], notes: Mapping[str, str]) -> list[str]:
    text = f"gl.literal({texts[feature]})" if expr.op == "literal" else texts[feature]
    note = [] if notes[feature] == "equal to the bit" else [f"        # {notes[feature]}"]
    return [*note, *laid_out(f'"{feature}": {text}', "        ", ",")]


def _no_number(feature: str, expr: Expr, text: str) -> list[str]:
    values = _fixed_values(expr)
    way = f"; as a number: (…).position_in({values!r})" if values else ""
    kind = "text" if expr.type is Type.STRING else "time"
    lines = laid_out(text, "        # ", "")
    return [f"        # {feature} is a {kind}, which enters no vector by itself{way}:", *lines]


def _fixed_values(expr: Expr) -> list[str]:
    """The texts that it can be, where these are all written in it."""
    found: dict[str, None] = {}
    left = [expr]
    while left:
        node = left.pop()
        if node.op == "if":
            left += [node.args[2], node.args[1]]
        elif node.op == "literal" and node.type is Type.STRING:
            found[str(node.param("value"))] = None
        elif node.op != "null":
            return []
    return list(found)


def _refused(columns: Sequence[Adopted]) -> list[str]:
    lines = [f"# {c.name}: {str(c.reason).splitlines()[0]}" for c in columns if c.status == "refused"]
    return ["", "# Left out, for they depend on what no request knows:", *lines, ""] if lines else []
