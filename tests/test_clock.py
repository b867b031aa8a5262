"""A clock that never goes back over one that does."""

from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from gapless.clock import SteadyClock

readings = st.lists(st.integers(-(2**60), 2**60), min_size=1)


@given(readings)
def test_it_gives_the_latest_instant_that_the_clock_below_has_shown(given_us):
    below = iter(given_us)
    steady = SteadyClock(SimpleNamespace(now_us=lambda: next(below)))
    found = [steady.now_us() for _ in given_us]
    assert found == [max(given_us[: i + 1]) for i in range(len(given_us))]
    assert all(earlier <= later for earlier, later in pairwise(found))
    behind = [shown - real for shown, real in zip(found, given_us, strict=True)]
    assert steady.furthest_back_us == max(behind)
