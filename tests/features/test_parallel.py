"""Threads keep the order, raise at the place, and take no more than they can work on."""

import pytest

from gapless.features.parallel import ahead, in_order


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_keeps_the_order(workers):
    assert list(in_order(lambda x: x * x, range(50), workers=workers)) == [x * x for x in range(50)]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_exception_comes_at_its_place(workers):
    results = in_order(lambda x: 1 // x, [2, 1, 0, 5], workers=workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_takes_no_more_items_than_it_works_on():
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    results = in_order(abs, items(), workers=2)
    next(results)
    assert len(taken) <= 3


def test_ahead_passes_what_the_source_raises():
    def items():
        yield 1
        raise ValueError("broken")

    passed = ahead(items())
    assert next(passed) == 1
    with pytest.raises(ValueError, match="broken"):
        next(passed)
