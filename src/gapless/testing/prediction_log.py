"""What every prediction log must do, as checks that any adapter can run.

@pytest.mark.parametrize("check", PREDICTION_LOG_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, tmp_path):
    check(lambda name: (MyLog(tmp_path / name), MyReader(tmp_path / name)))
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from gapless.errors import StorageError
from gapless.ports.prediction_log import PredictionLog, PredictionLogReader
from gapless.testing.threads import in_threads

__all__ = ["PREDICTION_LOG_CHECKS", "check_prediction_log"]

Factory = Callable[[str], tuple[PredictionLog, PredictionLogReader]]
"""A new writer, and a reader, of the log of that name; the same name again is a further writer of the same log."""

_PATIENCE_S = 60.0


def check_prediction_log(factory: Factory) -> None:
    """Runs every check of PREDICTION_LOG_CHECKS, each on a log of its own.

    Raises: AssertionError where the log does not keep a promise of the port.
    """
    for check in PREDICTION_LOG_CHECKS:
        check(factory)


class _Told:
    """What `done` was called with, and from which thread."""

    def __init__(self) -> None:
        self.problems: list[BaseException | None] = []
        self.threads: list[int] = []
        self._event = threading.Event()

    def __call__(self, problem: BaseException | None) -> None:
        self.problems.append(problem)
        self.threads.append(threading.get_ident())
        self._event.set()

    def wait(self) -> BaseException | None:
        assert self._event.wait(_PATIENCE_S), "`done` was not called"
        return self.problems[0]


def _append(log: PredictionLog, entries: Sequence[bytes]) -> None:
    told = _Told()
    log.append(entries, told)
    assert told.wait() is None, f"not taken: {told.problems[0]}"


def _drain(reader: PredictionLogReader) -> list[bytes]:
    """Everything that is sealed, which is then removed."""
    found: list[bytes] = []
    for segment in reader.sealed():
        entries = list(reader.read(segment))
        assert len(entries) == segment.entries
        found += entries
        reader.remove(segment)
    return found


def entries_come_back_in_order(factory: Factory) -> None:
    log, reader = factory("order")
    for i in range(20):
        _append(log, [b"%d-%d" % (i, j) for j in range(3)])
    log.close()
    assert _drain(reader) == [b"%d-%d" % (i, j) for i in range(20) for j in range(3)]


def entries_are_any_bytes(factory: Factory) -> None:
    log, reader = factory("bytes")
    awkward = [b"", b"\0", b"\0" * 64, b"\n", bytes(range(256)), b"GLB1" * 40, b"x" * 3_000_000, b""]
    _append(log, awkward)
    _append(log, [])
    log.close()
    assert _drain(reader) == awkward


def what_was_acknowledged_is_there_after_close(factory: Factory) -> None:
    log, reader = factory("close")
    told = [_Told() for _ in range(100)]
    for i, done in enumerate(told):
        log.append([b"%d" % i], done)
    log.close()
    assert [done.problems for done in told] == [[None]] * 100, "close returns once `done` was called for each"
    assert _drain(reader) == [b"%d" % i for i in range(100)]


def a_living_writer_keeps_what_it_holds(factory: Factory) -> None:
    """What it has not sealed cannot be taken away from under it."""
    log, reader = factory("held")
    _append(log, [b"a"])
    early = _drain(reader)
    _append(log, [b"b"])
    log.close()
    assert early + _drain(reader) == [b"a", b"b"]


def closing_twice_is_closing(factory: Factory) -> None:
    log, reader = factory("twice")
    _append(log, [b"a"])
    log.close()
    log.close()
    told = _Told()
    log.append([b"b"], told)
    assert isinstance(told.wait(), StorageError), "a closed log says that it is"
    assert _drain(reader) == [b"a"]


def threads_share_a_writer(factory: Factory) -> None:
    log, reader = factory("threads")

    def write(name: int) -> None:
        for i in range(50):
            _append(log, [b"%d-%d-%d" % (name, i, j) for j in range(2)])

    in_threads(8, write)
    log.close()
    found = _drain(reader)
    assert len(found) == 800
    for name in range(8):
        own = [entry for entry in found if entry.startswith(b"%d-" % name)]
        assert own == [b"%d-%d-%d" % (name, i, j) for i in range(50) for j in range(2)]
    assert [entry[:-1] for entry in found[::2]] == [entry[:-1] for entry in found[1::2]], "calls are not mixed"


def writers_share_a_log(factory: Factory) -> None:
    logs = [factory("writers")[0] for _ in range(3)]
    reader = factory("writers")[1]
    for i in range(30):
        _append(logs[i % 3], [b"%d" % i])
    for log in logs:
        log.close()
    names = [segment.name for segment in reader.sealed()]
    assert len(set(names)) == len(names)
    assert sorted(_drain(reader), key=int) == [b"%d" % i for i in range(30)]


def names_never_come_twice(factory: Factory) -> None:
    """They say what was moved already."""
    seen: list[str] = []
    for i in range(5):
        log, reader = factory("names")
        _append(log, [b"%d" % i])
        log.close()
        seen += [segment.name for segment in reader.sealed()]
        assert _drain(reader) == [b"%d" % i]
    assert len(set(seen)) == len(seen) >= 5


def reading_takes_nothing_away(factory: Factory) -> None:
    log, reader = factory("reading")
    _append(log, [b"a", b"b"])
    log.close()
    (segment,) = reader.sealed()
    assert list(reader.read(segment)) == list(reader.read(segment)) == [b"a", b"b"]
    assert reader.sealed() == [segment]
    reader.remove(segment)
    reader.remove(segment)
    assert reader.sealed() == []


def nothing_is_a_log_too(factory: Factory) -> None:
    log, reader = factory("nothing")
    assert reader.sealed() == []
    log.close()
    assert reader.sealed() == []


def done_comes_from_another_thread(factory: Factory) -> None:
    log, _ = factory("another")
    told = _Told()
    log.append([b"a"], told)
    told.wait()
    log.close()
    assert told.threads != [threading.get_ident()]


PREDICTION_LOG_CHECKS: tuple[Callable[[Factory], None], ...] = (
    entries_come_back_in_order,
    entries_are_any_bytes,
    what_was_acknowledged_is_there_after_close,
    a_living_writer_keeps_what_it_holds,
    closing_twice_is_closing,
    threads_share_a_writer,
    writers_share_a_log,
    names_never_come_twice,
    reading_takes_nothing_away,
    nothing_is_a_log_too,
    done_comes_from_another_thread,
)
