"""Random programs: what is called expressed gives pandas' values on rows that the proof has not seen."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gapless.adopting import adopt
from gapless.adopting.comparing import compare
from tests.adopting import programs
from tests.adopting.reading import computed, expression, outcomes

# Shrinking runs the proof thousands of times: the program as it was found says enough.
FOUND = settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def compared(column, function, rows):
    """The written text on rows that the proof has not seen, beside the function."""
    expr = expression(column.text, rows)
    theirs = outcomes(function, rows)[column.name]
    return compare(theirs, computed(expr, rows), expr.type, 0, 4, lambda at: str(rows.iloc[at].to_dict()))


@FOUND
@given(st.lists(programs.columns, min_size=1, max_size=4), st.integers(0, 10_000))
def test_what_is_expressed_holds_on_other_rows(expressions, seed):
    function = programs.function_of(expressions)
    report = adopt(function, programs.frame(seed), probes=800, seed=seed)
    fresh = programs.frame(seed + 1, 400)
    for column in report.columns:
        assert column.status in ("expressed", "function"), (expressions, column)
        if column.status == "expressed":
            found = compared(column, function, fresh)
            assert found.same, (expressions[int(column.name[1:])], column.text, found.first_different)


@FOUND
@given(st.lists(programs.columns, min_size=1, max_size=4), st.integers(0, 10_000))
def test_arithmetic_choices_and_comparisons_are_expressed(expressions, seed):
    """All but those for which the report says that what may be infinite cannot be followed, or that rows differ."""
    report = adopt(programs.function_of(expressions), programs.frame(seed), probes=800, seed=seed)
    for column in report.columns:
        if column.status != "expressed":
            assert "infinite" in column.reason or "differ" in column.reason, (expressions, column.reason)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_report(seed):
    function = programs.function_of(["df.a / df.b", "np.log1p(df.b)", "df.a.rank()"])
    assert (
        adopt(function, programs.frame(1), seed=seed).to_dict()
        == adopt(function, programs.frame(1), seed=seed).to_dict()
    )
