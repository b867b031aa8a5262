"""Windows and specs as plain values."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.clock import DAY, HOUR, MINUTE
from gapless.errors import DefinitionError, TypeMismatch, UnknownName
from gapless.windows import Spec, Window, default_hop_us

WIDTHS = st.integers(1, 400 * DAY)
HOPS = st.integers(0, 40 * DAY)


@pytest.mark.parametrize(
    ("width_us", "hop_us"),
    [
        (1, 5 * MINUTE),
        (12 * HOUR - 1, 5 * MINUTE),
        (12 * HOUR, HOUR),
        (12 * DAY - 1, HOUR),
        (12 * DAY, DAY),
        (400 * DAY, DAY),
        (None, 0),
    ],
)
def test_default_hops(width_us: int | None, hop_us: int) -> None:
    assert default_hop_us(width_us) == hop_us


@given(width=WIDTHS, hop=HOPS, at=st.integers(-(10**16), 10**16))
def test_a_window_reaches_back_its_width_and_less_than_a_hop_more(width: int, hop: int, at: int) -> None:
    lower = Window(width, hop).lower(at)
    assert at - width - max(hop - 1, 0) <= lower <= at - width
    assert hop == 0 or lower % hop == 0


@given(width=WIDTHS, hop=HOPS, at=st.integers(-(10**16), 10**16), later=st.integers(0, 10**12))
def test_the_lower_bound_never_goes_back(width: int, hop: int, at: int, later: int) -> None:
    window = Window(width, hop)
    assert window.lower(at) <= window.lower(at + later)


@pytest.mark.parametrize(("width", "hop"), [(0, 0), (-1, 0), (2**62, 0), (10, -1), (None, 5)])
def test_a_window_that_makes_no_sense_is_refused(width: int | None, hop: int) -> None:
    with pytest.raises(DefinitionError):
        Window(width, hop)


def test_a_spec_is_checked_when_it_is_made() -> None:
    forever = Window(None, 0)
    with pytest.raises(UnknownName, match="did you mean 'mean'"):
        Spec("meen", 0, forever)
    with pytest.raises(TypeMismatch, match="needs an input"):
        Spec("sum", None, forever)
    with pytest.raises(DefinitionError, match="last_n"):
        Spec("last", 0, forever, n=2)
    with pytest.raises(DefinitionError, match="last_n"):
        Spec("last_n", 0, forever, n=0)


def test_the_words_of_windows_need_no_numpy() -> None:
    script = (
        "import sys, gapless.windows as w, gapless.windows.tiles; w.FUNCTIONS['mean'].algebra();"
        "w.Spec('sum', 0, w.Window(1, 0)); print(sorted({'numpy', 'numba', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
