"""What every batch engine must do, as checks that any adapter can run.

@pytest.mark.parametrize("check", BATCH_ENGINE_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(my_engine)
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gapless.errors import GaplessError, InputError
from gapless.ports.engine import BatchEngine, Piece, Stage, orderly

__all__ = ["BATCH_ENGINE_CHECKS", "check_batch_engine"]


def check_batch_engine(engine: BatchEngine) -> None:
    """Runs every check of BATCH_ENGINE_CHECKS.

    Raises: AssertionError where the engine does not keep a promise of the port.
    """
    for check in BATCH_ENGINE_CHECKS:
        check(engine)


@dataclass(frozen=True)
class _Deal:
    """Sends each number below the task's to the partition that it leaves when divided."""

    partitions: int

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        for piece in pieces:
            for number in range(int(piece.value)):
                yield Piece(number % self.partitions, piece.place * 1_000_000 + number, b"%d" % number)


def _gather(pieces: Iterator[Piece]) -> Iterable[Piece]:
    found = orderly(pieces)
    yield Piece(0, 0, b" ".join(piece.value for piece in found))
    yield Piece(0, 1, b"%d" % len(found))


def _same(pieces: Iterator[Piece]) -> Iterable[Piece]:
    for piece in pieces:
        yield Piece(0, 0, piece.value)


def every_task_is_done_once(engine: BatchEngine) -> None:
    tasks = tuple(b"task %d" % i for i in range(23))
    assert [piece.value for piece in engine.run(Stage("once", _same, len(tasks), tasks=tasks))] == list(tasks)


def every_piece_goes_to_its_partition(engine: BatchEngine) -> None:
    sizes = (100, 0, 7, 31)
    deal = Stage("deal", _Deal(5), len(sizes), tasks=tuple(b"%d" % size for size in sizes))
    found = list(engine.run(Stage("gather", _gather, 5, reads=(deal,))))
    assert [(piece.place, piece.order) for piece in found] == [(i // 2, i % 2) for i in range(10)]
    for partition, (numbers, count) in enumerate(zip(found[::2], found[1::2], strict=True)):
        wanted = [number for size in sizes for number in range(size) if number % 5 == partition]
        assert numbers.value.split() == [b"%d" % number for number in wanted], partition
        assert int(count.value) == len(wanted)


def a_stage_reads_several(engine: BatchEngine) -> None:
    first = Stage("first", _Deal(2), 2, tasks=(b"4", b"2"))
    second = Stage("second", _Deal(2), 1, tasks=(b"6",))
    found = [piece.value for piece in engine.run(Stage("gather", _gather, 2, reads=(first, second)))]
    assert sorted(found[0].split()) == [b"0", b"0", b"0", b"2", b"2", b"4"]
    assert sorted(found[2].split()) == [b"1", b"1", b"1", b"3", b"3", b"5"]


def bytes_arrive_as_they_were(engine: BatchEngine) -> None:
    awkward = (b"", b"\x00", bytes(range(256)), b"\xff" * 1000, bytes(5 << 20))
    found = [piece.value for piece in engine.run(Stage("bytes", _same, len(awkward), tasks=awkward))]
    assert [hashlib.sha256(value).digest() for value in found] == [hashlib.sha256(v).digest() for v in awkward]


def numbers_are_64_bits_wide(engine: BatchEngine) -> None:
    tasks = (struct.pack("<q", -(1 << 63)), struct.pack("<q", (1 << 63) - 1))
    wide = Stage("wide", _wide, 2, tasks=tasks)
    found = [piece.value for piece in engine.run(Stage("told", _told, 1, reads=(wide,)))]
    assert found == [b"%d" % -(1 << 63), b"%d" % ((1 << 63) - 1)]


def _wide(pieces: Iterator[Piece]) -> Iterable[Piece]:
    for piece in pieces:
        yield Piece(0, struct.unpack("<q", piece.value)[0], b"")


def _told(pieces: Iterator[Piece]) -> Iterable[Piece]:
    for piece in orderly(pieces):
        yield Piece(0, 0, b"%d" % piece.order)


def many_large_pieces_fit(engine: BatchEngine) -> None:
    """They pass through without being held all at once."""
    heavy = Stage("heavy", _heavy, 4, tasks=(b"0", b"1", b"2", b"3"))
    found = [piece.value for piece in engine.run(Stage("weigh", _weigh, 4, reads=(heavy,)))]
    assert found == [b"%d" % (4 * 6 * (1 << 20))] * 4


def _heavy(pieces: Iterator[Piece]) -> Iterable[Piece]:
    for piece in pieces:
        for number in range(24):
            yield Piece(number % 4, piece.place * 100 + number, bytes([number]) * (1 << 20))


def _weigh(pieces: Iterator[Piece]) -> Iterable[Piece]:
    yield Piece(0, 0, b"%d" % sum(len(piece.value) for piece in pieces))


def an_error_of_the_work_is_told(engine: BatchEngine) -> None:
    """As it was raised, with its fields."""
    error = _error_of(engine, Stage("refused", _refuse, 2, tasks=(b"good", b"bad")))
    assert isinstance(error, InputError), error
    assert error.what == "a task that is refused"
    assert (error.seen, error.allowed, error.next_step) == ("bad", "good", "send another")


def _error_of(engine: BatchEngine, stage: Stage) -> GaplessError | None:
    try:
        list(engine.run(stage))
    except GaplessError as error:
        return error
    return None


def _refuse(pieces: Iterator[Piece]) -> Iterable[Piece]:
    for piece in pieces:
        if piece.value == b"bad":
            raise InputError("a task that is refused", seen="bad", allowed="good", next_step="send another")
        yield piece


def the_engine_goes_on_after_an_error(engine: BatchEngine) -> None:
    an_error_of_the_work_is_told(engine)
    every_piece_goes_to_its_partition(engine)


def results_may_be_left(engine: BatchEngine) -> None:
    """Who asks for no more of them leaves nothing that stands in the way."""
    results = engine.run(Stage("left", _same, 8, tasks=tuple(b"%d" % i for i in range(8))))
    assert next(iter(results)).value == b"0"
    results.close()  # type: ignore[attr-defined]
    every_task_is_done_once(engine)


def a_task_that_died_is_done_again(engine: BatchEngine) -> None:
    """Where work does not run in this very process: its end is not the end of the job."""
    with TemporaryDirectory(prefix="gapless-engine-") as folder:
        died = Path(folder) / "died"
        tasks = tuple(b"%d %d %s" % (i, os.getpid(), str(died).encode()) for i in range(4))
        dying = Stage("dying", _die_once, 4, tasks=tasks)
        found = [piece.value for piece in engine.run(Stage("gather", _gather, 1, reads=(dying,)))]
    assert found == [b"0 1 2 3", b"4"]


def _die_once(pieces: Iterator[Piece]) -> Iterable[Piece]:
    for piece in pieces:
        number, parent, path = piece.value.split(b" ", 2)
        died = Path(path.decode())
        yield Piece(0, piece.place, number)
        if number == b"2" and os.getpid() != int(parent) and not died.exists():
            died.touch()
            os._exit(9)


def progress_is_told(engine: BatchEngine) -> None:
    told: list[tuple[str, int, int]] = []
    stage = Stage("counted", _same, 6, tasks=(b"x",) * 6)
    list(engine.run(stage, progress=lambda name, done, of: told.append((name, done, of))))
    assert told, "nothing was told"
    assert all(0 <= done <= of for _, done, of in told), told
    assert told[-1][1] == told[-1][2], "the last word is that all is done"


BATCH_ENGINE_CHECKS: tuple[Callable[[BatchEngine], None], ...] = (
    every_task_is_done_once,
    every_piece_goes_to_its_partition,
    a_stage_reads_several,
    bytes_arrive_as_they_were,
    numbers_are_64_bits_wide,
    many_large_pieces_fit,
    an_error_of_the_work_is_told,
    the_engine_goes_on_after_an_error,
    results_may_be_left,
    a_task_that_died_is_done_again,
    progress_is_told,
)
