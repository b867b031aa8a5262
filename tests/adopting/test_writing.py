"""What is written reads back as the same expression."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gapless as gl
from gapless.adopting.layout import laid_out
from gapless.adopting.writing import write, write_all
from gapless.expr import Row, fingerprint
from gapless.schema import Type
from tests.adopting import programs
from tests.adopting.reading import expression

FRAME = programs.frame(0)
r = Row(
    {"a": Type.FLOAT, "b": Type.FLOAT, "p": Type.BOOL, "s": Type.STRING, "t": Type.TIMESTAMP, "u": Type.TIMESTAMP},
    what="test",
)

numbers = st.recursive(
    st.sampled_from([r.a, r.b, gl.literal(2), gl.literal(-1.5), gl.literal(0.1), gl.null(float)]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["add", "subtract", "multiply", "divide", "power", "modulo"]), inner).map(
            lambda x: x[0].apply(x[1], x[2])
        ),
        st.tuples(inner, st.sampled_from(["negate", "abs", "floor", "log", "round"])).map(lambda x: x[0].apply(x[1])),
        st.tuples(inner, st.sampled_from(["gt", "eq", "le"]), inner, inner, inner).map(
            lambda x: gl.when(x[0].apply(x[1], x[2]), x[3]).otherwise(x[4])
        ),
        st.tuples(inner, inner).map(lambda x: gl.coalesce(*x)),
        st.tuples(inner, inner).map(lambda x: gl.maximum(*x)),
        st.tuples(inner, inner).map(lambda x: (~(x[0] > x[1]) & (x[0] < x[1]) | r.p).to_float()),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(numbers)
def test_random_expressions_read_back(expr):
    assert fingerprint(expression(write(expr), FRAME)) == fingerprint(expr)


@settings(max_examples=50, deadline=None)
@given(st.lists(numbers, min_size=2, max_size=4))
def test_shared_parts_are_named_once_and_read_back(exprs):
    written = write_all({f"x{i}": expr for i, expr in enumerate(exprs)})
    for i, expr in enumerate(exprs):
        text = "\n".join([*written.lines, written.texts[f"x{i}"]])
        assert fingerprint(expression(text, FRAME)) == fingerprint(expr)


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (r.a + r.b * 2, "r.a + r.b * 2"),
        ((r.a + r.b) * 2, "(r.a + r.b) * 2"),
        (r.a - (r.b - 1), "r.a - (r.b - 1)"),
        (-(r.a**2), "-r.a ** 2"),
        ((r.a > 1) & ~r.p, "(r.a > 1) & ~r.p"),
        ((r.a > 1).fill_null(False), "(r.a > 1).fill_null(False)"),
        (
            gl.when(r.p, 1).when(r.a > 2, 2).otherwise(None),
            "gl.when(r.p, 1).when(r.a > 2, 2).otherwise(gl.null(float))",
        ),
        (r.s.slice(0, 3).is_in(["a", 'b"']), """r.s[:3].is_in(["a", 'b"'])"""),
        (r.t.hour("Europe/Berlin"), 'r.t.hour("Europe/Berlin")'),
        (r.t.hours_since(r.u), "r.t.hours_since(r.u)"),
        (r.t + "90m", 'r.t.plus("90m")'),
        (r.s.hash_bucket(8), "r.s.hash_bucket(8)"),
        (r.a.to_string(), "r.a.to_string()"),
        (1 - r.a, "1 - r.a"),
    ],
)
def test_it_reads_like_an_author_wrote_it(expr, text):
    assert write(expr) == text
    assert fingerprint(expression(text, FRAME)) == fingerprint(expr)


def test_a_long_choice_is_laid_out_over_lines():
    chain = gl.when(r.a > 1, "one)").when(r.a > 2, "a .when( in quotes").when(r.a > 3, "three").otherwise("none of it")
    lines = laid_out(f'"choice": {write(chain)}', "    ", ",")
    assert lines[0] == '    "choice": ('
    assert [line.strip().split("(")[0] for line in lines[1:-1]] == ["gl.when", ".when", ".when", ".otherwise"]
    assert lines[-1] == "    ),"
    values = eval("{" + "\n".join(lines) + "}", {"gl": gl, "r": r})
    assert fingerprint(values["choice"]) == fingerprint(chain)


def test_a_text_may_be_far_smaller_than_the_tree():
    """Forty doublings have 2^40 leaves as a tree; what is shared is written once."""
    expr = r.a
    for _ in range(40):
        expr = expr + expr
    text = write(expr)
    assert len(text) < 3_000
    assert fingerprint(expression(text, FRAME)) == fingerprint(expr)


def test_a_sum_of_hundreds_of_columns_is_cut_into_lines():
    expr = r.a
    for i in range(600):
        expr = expr + i * r.b
    text = write(expr)
    assert len(text.splitlines()) > 10
    assert fingerprint(expression(text, FRAME)) == fingerprint(expr)
