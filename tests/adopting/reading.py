"""What an adoption wrote, read back and computed by gapless alone."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import pyarrow as pa

import gapless as gl
from gapless.adopting.samples import sample_of, to_arrow
from gapless.expr import Expr, Row, compile_columns
from gapless.schema import Type


def row_of(frame) -> Row:
    columns = sample_of(frame).columns.values()
    return Row({c.written: c.type.in_expressions for c in columns if c.type is not None}, what="the sample")


def expression(text: str, frame) -> Expr:
    """The written text as the expression that Python makes of it."""
    *lines, last = text.split("\n")
    names = {"gl": gl, "r": row_of(frame), "datetime": datetime, "UTC": UTC}
    for line in lines:
        exec(line, names)
    return gl.literal(eval(last, names)) if not isinstance(made := eval(last, names), Expr) else made


def computed(expr: Expr, frame) -> pa.Array:
    """Its value in each row of a frame."""
    sample = sample_of(frame)
    types = {name: c.type for name, c in sample.columns.items() if c.type is not None}
    plain = {name: Type.FLOAT if kind is Type.INT else kind for name, kind in types.items()}
    return compile_columns({"x": expr})(to_arrow(sample, sample.frame, plain)).column("x")


def outcomes(function, frame):
    """What the function makes of a copy of the rows; one that returns nothing has changed it."""
    given = frame.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = function(given)
    return given if made is None else made
